#include "engines/plugin_engine.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/utf8.h"
#include "engines/run_check.h"

namespace mlnode::engines {
namespace {

// Vendor texts quote names out of the model file, byte by byte, and are cut where the buffer ends: what is no character
// becomes '?', because the text goes into documents and answers.
std::string PrintableUtf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Char next = DecodeUtf8(text);
    if (next.length == 0) out += '?';
    out += text.substr(0, next.length);
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  return out;
}

// The buffer that a plug-in writes its error text into, and that text as an Error.
class PluginError {
 public:
  MlnodeError* get() { return &error_; }
  Error ToError(std::int32_t status, const MlnodeEngineApi& api) const {
    const Code code = status >= 1 && status <= kCodeCount ? static_cast<Code>(status - 1) : Code::kInternal;
    std::string text = PrintableUtf8(text_.data());
    if (code != Code::kInternal) return MakeError(code, std::move(text));
    return Error{.code = code, .message = std::string("the engine ") + api.name + " failed", .detail = std::move(text)};
  }

 private:
  std::array<char, 1024> text_{};
  MlnodeError error_{.text = text_.data(), .cap = text_.size()};
};

std::vector<Port> ToPorts(const MlnodePort* ports, std::size_t count) {
  std::vector<Port> result;
  for (std::size_t i = 0; i < count; ++i) {
    const auto rank = static_cast<std::size_t>(std::max(ports[i].rank, 0));
    result.push_back({.name = ports[i].name,
                      .type = static_cast<DataType>(ports[i].type),
                      .dims = {ports[i].dims, ports[i].dims + rank}});
  }
  return result;
}

Precision ToPrecision(std::string_view name) {
  for (const Precision precision : {Precision::kBf16, Precision::kQuantized}) {
    if (name == PrecisionName(precision)) return precision;
  }
  return Precision::kF32;
}

std::vector<MlnodeFeature> ToFeatures(const TokenBatch& batch) {
  std::vector<MlnodeFeature> features;
  for (const TokenFeature& feature : batch.features) {
    features.push_back({.name = feature.name.c_str(), .values = feature.values.data(), .padding = feature.padding});
  }
  return features;
}

using ResultOwner = std::shared_ptr<const MlnodeResult>;

TensorView ToView(const MlnodeEngineApi& api, const ResultOwner& owner, std::size_t sequence, std::size_t output) {
  MlnodeTensor tensor{};
  api.tensor(owner.get(), sequence, output, &tensor);
  return {.type = static_cast<DataType>(tensor.type),
          .shape = {tensor.dims, tensor.dims + tensor.rank},
          .data = tensor.data,
          .owner = owner};
}

class PluginModel final : public LoadedModel {
 public:
  PluginModel(const MlnodeEngineApi& api, MlnodeModel* model, std::int64_t max_tokens)
      : api_(api),
        model_(model),
        info_(*api.info(model)),
        max_tokens_(max_tokens),
        inputs_(ToPorts(info_.inputs, info_.input_count)),
        outputs_(ToPorts(info_.outputs, info_.output_count)) {}
  PluginModel(const PluginModel&) = delete;
  PluginModel& operator=(const PluginModel&) = delete;
  ~PluginModel() override { api_.free_model(model_); }

  const std::vector<Port>& inputs() const override { return inputs_; }
  const std::vector<Port>& outputs() const override { return outputs_; }
  std::string engine() const override { return info_.engine; }
  Precision precision() const override { return ToPrecision(info_.precision); }

  Result<BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) override {
    RETURN_IF_ERROR(CheckRun(batch, wanted, outputs_.size(), max_tokens_));
    const std::vector<MlnodeFeature> features = ToFeatures(batch);
    const MlnodeBatch view{.ids = batch.ids.data(),
                           .type_ids = batch.type_ids.empty() ? nullptr : batch.type_ids.data(),
                           .offsets = batch.offsets.data(),
                           .sequences = batch.sequences(),
                           .features = features.data(),
                           .feature_count = features.size()};
    const std::vector<std::int32_t> outputs(wanted.begin(), wanted.end());
    PluginError error;
    MlnodeResult* raw = nullptr;
    if (const std::int32_t status = api_.run(model_, &view, outputs.data(), outputs.size(), &raw, error.get())) {
      return error.ToError(status, api_);
    }
    const ResultOwner owner(raw,
                            [&api = api_](const MlnodeResult* r) { api.free_result(const_cast<MlnodeResult*>(r)); });
    BatchResult result;
    result.per_sequence.resize(batch.sequences());
    for (std::size_t s = 0; s < batch.sequences(); ++s) {
      for (std::size_t o = 0; o < wanted.size(); ++o) result.per_sequence[s].push_back(ToView(api_, owner, s, o));
    }
    return result;
  }

 private:
  const MlnodeEngineApi& api_;
  MlnodeModel* model_;
  MlnodeModelInfo info_;
  std::int64_t max_tokens_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
};

class PluginEngine final : public Engine {
 public:
  explicit PluginEngine(const MlnodeEngineApi& api) : api_(api) {}
  std::string name() const override { return api_.name; }

  Result<std::unique_ptr<LoadedModel>> Load(const LoadOptions& options) override {
    const std::string file = options.file.string();
    const std::string cache_dir = options.cache_dir.string();
    std::vector<const char*> inputs;
    for (const std::string& input : options.inputs) inputs.push_back(input.c_str());
    const MlnodeLoadOptions abi_options{.model_path = file.c_str(),
                                        .cache_dir = cache_dir.empty() ? nullptr : cache_dir.c_str(),
                                        .lanes = options.lanes,
                                        .precision = static_cast<std::int32_t>(options.precision),
                                        .max_tokens = options.max_tokens,
                                        .inputs = inputs.data(),
                                        .input_count = inputs.size(),
                                        .output_rule = static_cast<std::int32_t>(options.output_rule)};
    PluginError error;
    MlnodeModel* model = nullptr;
    if (const std::int32_t status = api_.load(&abi_options, &model, error.get())) return error.ToError(status, api_);
    return std::unique_ptr<LoadedModel>(std::make_unique<PluginModel>(api_, model, options.max_tokens));
  }

 private:
  const MlnodeEngineApi& api_;
};

Error Unavailable(const std::filesystem::path& shared_object, const std::string& why) {
  const char* const vendor_text = dlerror();
  return Error{.code = Code::kUnavailable,
               .message = "the engine plug-in " + shared_object.filename().string() + " " + why,
               .detail = vendor_text != nullptr ? vendor_text : ""};
}

}  // namespace

Result<std::unique_ptr<Engine>> OpenPlugin(const std::filesystem::path& shared_object) {
  void* const library = dlopen(shared_object.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Unavailable(shared_object, "does not load");
  const auto entry = reinterpret_cast<MlnodeEngineEntry>(dlsym(library, "mlnode_engine"));
  if (entry == nullptr) return Unavailable(shared_object, "exports no engine");
  const MlnodeEngineApi* const api = entry();
  if (api == nullptr || api->abi != MLNODE_ENGINE_ABI) {
    return Unavailable(shared_object, "speaks ABI " + std::to_string(api == nullptr ? 0 : api->abi) +
                                          ", this node speaks " + std::to_string(MLNODE_ENGINE_ABI));
  }
  return std::unique_ptr<Engine>(std::make_unique<PluginEngine>(*api));
}

}  // namespace mlnode::engines
