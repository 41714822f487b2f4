#include "engines/testing/fake_engine.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "core/guarded.h"
#include "engines/run_check.h"

namespace mlnode::engines {

// Shared with the models, which may outlive the engine.
struct FakeEngineState {
  Guarded<FakeBehaviour> behaviour;
  std::atomic<int> loads = 0;
  std::atomic<int> live = 0;
  std::atomic<int> runs = 0;
  std::atomic<std::size_t> bytes = 0;

  FakeBehaviour Behaviour() { return *behaviour.Lock(); }
};

namespace {

// SplitMix64's finalizer: a fixed, well-spread hash, the same on every machine.
std::uint64_t Mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

std::uint64_t HashText(std::string_view text) {
  std::uint64_t hash = text.size();
  for (const char c : text) hash = Mix(hash ^ static_cast<unsigned char>(c));
  return hash;
}

// In [-1, 1).
float Value(std::uint64_t token_hash, std::int64_t dimension) {
  const std::uint64_t hash = Mix(token_hash ^ static_cast<std::uint64_t>(dimension));
  return static_cast<float>(hash >> 40U) / static_cast<float>(1U << 23U) - 1.0F;
}

bool IsMadeOfTokens(std::string_view input) {
  return input == "input_ids" || input == "attention_mask" || input == "token_type_ids" || input == "position_ids";
}

class FakeModel final : public LoadedModel {
 public:
  FakeModel(std::shared_ptr<FakeEngineState> state, const LoadOptions& options, std::uint64_t seed, std::size_t bytes,
            std::int64_t dim)
      : state_(std::move(state)), options_(options), seed_(seed), bytes_(bytes), dim_(dim) {
    for (const std::string& input : options_.inputs) {
      inputs_.push_back({.name = input, .type = DataType::kInt64, .dims = {-1, -1}});
    }
    outputs_ = {{.name = "last_hidden_state", .type = DataType::kFloat32, .dims = {-1, -1, dim}},
                {.name = "sentence_embedding", .type = DataType::kFloat32, .dims = {-1, dim}}};
    if (IsWhole()) outputs_ = {{.name = "indices", .type = DataType::kInt64, .dims = {-1}}};
    ++state_->live;
    state_->bytes += bytes_;
  }
  FakeModel(const FakeModel&) = delete;
  FakeModel& operator=(const FakeModel&) = delete;
  ~FakeModel() override {
    --state_->live;
    state_->bytes -= bytes_;
  }

  const std::vector<Port>& inputs() const override { return inputs_; }
  const std::vector<Port>& outputs() const override { return outputs_; }
  std::string engine() const override { return "fake 1"; }
  Precision precision() const override { return options_.precision; }

  Result<BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) override {
    RETURN_IF_ERROR(CheckRun(batch, wanted, outputs_.size(), options_.max_tokens));
    RETURN_IF_ERROR(CheckFeatures(batch));
    const FakeBehaviour behaviour = state_->Behaviour();
    if (behaviour.on_run) RETURN_IF_ERROR(behaviour.on_run(batch));
    if (behaviour.on_compute) behaviour.on_compute(options_.precision);
    BatchResult result;
    for (std::size_t i = 0; i < batch.sequences(); ++i) {
      if (IsWhole()) {
        result.per_sequence.emplace_back(wanted.size(), Indices(batch, i));
        continue;
      }
      const std::vector<float> hidden = Hidden(batch, i, behaviour);
      std::vector<TensorView>& views = result.per_sequence.emplace_back();
      for (const int output : wanted) {
        views.push_back(output == 0 ? MakeFloatTensor(hidden, {static_cast<std::int64_t>(batch.Length(i)), dim_})
                                    : MakeFloatTensor(Mean(hidden), {dim_}));
      }
    }
    ++state_->runs;
    return result;
  }

 private:
  bool IsWhole() const { return options_.output_rule == OutputRule::kWhole; }

  // As graphs do: a feature that is no input, and an input whose feature is not there, are refused.
  Status CheckFeatures(const TokenBatch& batch) const {
    for (const TokenFeature& feature : batch.features) {
      if (std::ranges::find(options_.inputs, feature.name) == options_.inputs.end()) {
        return MakeError(Code::kInvalidArgument, "the model has no input " + feature.name);
      }
    }
    for (const std::string& input : options_.inputs) {
      if (IsMadeOfTokens(input) ||
          std::ranges::find(batch.features, input, &TokenFeature::name) != batch.features.end())
        continue;
      return MakeError(Code::kInvalidArgument, "the texts have no " + input);
    }
    return {};
  }

  // The values of the first feature that are not negative, in their order.
  static TensorView Indices(const TokenBatch& batch, std::size_t sequence) {
    auto values = std::make_shared<std::vector<std::int64_t>>();
    for (std::size_t t = batch.offsets[sequence]; t < batch.offsets[sequence + 1] && !batch.features.empty(); ++t) {
      if (batch.features[0].values[t] >= 0) values->push_back(batch.features[0].values[t]);
    }
    return {.type = DataType::kInt64,
            .shape = {static_cast<std::int64_t>(values->size())},
            .data = values->data(),
            .owner = values};
  }

  std::uint64_t TokenHash(const TokenBatch& batch, std::size_t token) const {
    const std::int64_t type = batch.type_ids.empty() ? 0 : batch.type_ids[token];
    std::uint64_t hash =
        Mix(Mix(seed_ ^ static_cast<std::uint64_t>(batch.ids[token])) ^ static_cast<std::uint64_t>(type));
    for (const TokenFeature& feature : batch.features) {
      hash = Mix(hash ^ static_cast<std::uint64_t>(feature.values[token]));
    }
    return hash;
  }

  std::vector<float> Hidden(const TokenBatch& batch, std::size_t sequence, const FakeBehaviour& behaviour) const {
    const float error = options_.precision == Precision::kBf16 ? behaviour.bf16_error : 0;
    bool is_nan = false;
    std::vector<float> values;
    values.reserve(batch.Length(sequence) * static_cast<std::size_t>(dim_));
    for (std::size_t t = batch.offsets[sequence]; t < batch.offsets[sequence + 1]; ++t) {
      is_nan = is_nan || batch.ids[t] == behaviour.nan_token;
      const std::uint64_t hash = TokenHash(batch, t);
      for (std::int64_t d = 0; d < dim_; ++d) values.push_back(Value(hash, d) + error * Value(~hash, d));
    }
    if (is_nan) values.assign(values.size(), std::numeric_limits<float>::quiet_NaN());
    return values;
  }

  std::vector<float> Mean(const std::vector<float>& hidden) const {
    const auto dim = static_cast<std::size_t>(dim_);
    std::vector<float> mean(dim, 0.0F);
    for (std::size_t i = 0; i < hidden.size(); ++i) mean[i % dim] += hidden[i];
    for (float& value : mean) value /= static_cast<float>(hidden.size() / dim);
    return mean;
  }

  std::shared_ptr<FakeEngineState> state_;
  LoadOptions options_;
  std::uint64_t seed_;
  std::size_t bytes_;
  std::int64_t dim_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
};

}  // namespace

FakeEngine::FakeEngine() : state_(std::make_shared<FakeEngineState>()) {}
FakeEngine::FakeEngine(FakeBehaviour behaviour) : FakeEngine() { SetBehaviour(std::move(behaviour)); }
FakeEngine::~FakeEngine() = default;

Result<std::unique_ptr<LoadedModel>> FakeEngine::Load(const LoadOptions& options) {
  const FakeBehaviour behaviour = state_->Behaviour();
  if (behaviour.on_load) RETURN_IF_ERROR(behaviour.on_load(options));
  std::ifstream file(options.file, std::ios::binary);
  if (!file) return MakeError(Code::kInvalidArgument, "the model file cannot be read");
  const std::string content(std::istreambuf_iterator<char>(file), {});
  if (content.starts_with("corrupt")) return MakeError(Code::kInvalidArgument, "not a model: its first byte is 'c'");
  const std::size_t bytes = behaviour.bytes_per_model != 0 ? behaviour.bytes_per_model : content.size();
  ++state_->loads;
  return std::unique_ptr<LoadedModel>(
      std::make_unique<FakeModel>(state_, options, HashText(content), bytes, behaviour.dim));
}

void FakeEngine::SetBehaviour(FakeBehaviour behaviour) { *state_->behaviour.Lock() = std::move(behaviour); }
int FakeEngine::loads() const { return state_->loads; }
int FakeEngine::live_models() const { return state_->live; }
int FakeEngine::runs() const { return state_->runs; }
std::size_t FakeEngine::ResidentBytes() const { return state_->bytes; }

Result<Engine*> FakeEngineRegistry::ForModel(ModelFormat format, const std::filesystem::path& /*file*/) {
  if (format != ModelFormat::kOnnx && !torch_script_)
    return MakeError(Code::kUnimplemented, "no engine for this model format");
  return static_cast<Engine*>(&engine_);
}

}  // namespace mlnode::engines
