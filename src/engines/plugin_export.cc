#include "engines/plugin_export.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <new>
#include <sstream>
#include <string_view>
#include <utility>

#include "engines/graph_runner.h"

using mlnode::Code;
using mlnode::Error;
using mlnode::MakeError;
using mlnode::Status;
using mlnode::engines::GraphRunner;
using mlnode::engines::LoadOptions;
using mlnode::engines::PluginVendor;
using mlnode::engines::RunResult;

struct MlnodeModel {
  const PluginVendor* vendor;
  std::unique_ptr<GraphRunner> runner;
  std::vector<MlnodePort> inputs;
  std::vector<MlnodePort> outputs;
  std::string engine;
  std::string precision;
  MlnodeModelInfo info{};
};

struct MlnodeResult {
  std::unique_ptr<RunResult> result;
};

namespace mlnode::engines {
namespace {

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Allocates nothing: it also tells that there is no memory.
std::int32_t Report(Code code, std::string_view text, MlnodeError* out) noexcept {
  const std::size_t size = std::min(text.size(), out->cap - 1);
  std::memcpy(out->text, text.data(), size);
  out->text[size] = '\0';
  return static_cast<std::int32_t>(code) + 1;
}

struct Call {
  const PluginVendor& vendor;
  const char* model_path;  // taken out of texts: a caller needs none
  Code otherwise;
};

// Reports the exception being handled. What its text needs may fail as well: then the text goes without.
std::int32_t ReportException(MlnodeError* error, const Call& call) noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Report(Code::kResourceExhausted, "no memory for the model's computation", error);
  } catch (const std::exception& failure) {
    try {
      Error translated = call.vendor.translate(failure, call.otherwise);
      if (*call.model_path != '\0') ReplaceAll(translated.message, call.model_path, "the model file");
      return Report(translated.code, translated.message, error);
    } catch (...) {
      return Report(call.otherwise, "the engine failed, and there is no memory to say why", error);
    }
  } catch (...) {
    return Report(Code::kInternal, "the engine threw something that is no exception", error);
  }
}

// Runs `body`, which returns a Status. Nothing gets past it.
template <class Body>
std::int32_t Barrier(MlnodeError* error, const Call& call, Body body) noexcept {
  try {
    const Status status = body();
    return status ? 0 : Report(status.error().code, status.error().message, error);
  } catch (...) {
    return ReportException(error, call);
  }
}

MlnodePort ToPort(const std::string& name, DataType type, const std::vector<std::int64_t>& dims) {
  MlnodePort port{.name = name.c_str(), .type = static_cast<std::int32_t>(type), .rank = 0, .dims = {}};
  port.rank = static_cast<std::int32_t>(dims.size());
  std::ranges::copy(dims, port.dims);
  return port;
}

void FillInfo(MlnodeModel& model) {
  const Graph& graph = model.runner->graph();
  for (const InputSlot& slot : graph.inputs()) {
    model.inputs.push_back(ToPort(slot.name, slot.type, {slot.batch, slot.length}));
  }
  for (const OutputSlot& slot : model.runner->outputs()) {
    model.outputs.push_back(ToPort(slot.name, slot.type, slot.dims));
  }
  model.engine = graph.engine();
  model.precision = PrecisionName(graph.precision());
  model.info = {.inputs = model.inputs.data(),
                .input_count = model.inputs.size(),
                .outputs = model.outputs.data(),
                .output_count = model.outputs.size(),
                .precision = model.precision.c_str(),
                .engine = model.engine.c_str()};
}

Result<LoadOptions> ToLoadOptions(const MlnodeLoadOptions& options) {
  if (options.lanes < 1) return MakeError(Code::kInvalidArgument, "lanes must be at least 1");
  if (options.max_tokens < 2) return MakeError(Code::kInvalidArgument, "max_tokens must be at least 2");
  if (options.precision < 0 || options.precision > static_cast<std::int32_t>(Precision::kBf16)) {
    return MakeError(Code::kInvalidArgument, "only precision f32 or bf16 can be asked for");
  }
  if (!std::filesystem::is_regular_file(options.model_path)) {
    return MakeError(Code::kInvalidArgument, "the model file does not exist");
  }
  return LoadOptions{.file = options.model_path,
                     .cache_dir = options.cache_dir == nullptr ? "" : options.cache_dir,
                     .lanes = options.lanes,
                     .precision = static_cast<Precision>(options.precision),
                     .max_tokens = options.max_tokens,
                     .inputs = {options.inputs, options.inputs + options.input_count},
                     .output_rule = static_cast<OutputRule>(options.output_rule)};
}

std::int32_t Run(MlnodeModel* model, const MlnodeBatch* batch, const std::int32_t* outputs, std::size_t output_count,
                 MlnodeResult** result, MlnodeError* error) {
  const Call call{.vendor = *model->vendor, .model_path = "", .otherwise = Code::kInternal};
  return Barrier(error, call, [&]() -> Status {
    auto made = std::make_unique<MlnodeResult>();
    ASSIGN_OR_RETURN(made->result, model->runner->Run(*batch, {outputs, output_count}));
    *result = made.release();
    return {};
  });
}

}  // namespace

std::int32_t LoadPluginModel(const PluginVendor& vendor, const MlnodeLoadOptions& options, MlnodeModel** model,
                             MlnodeError* error) {
  const Call call{.vendor = vendor, .model_path = options.model_path, .otherwise = Code::kInvalidArgument};
  return Barrier(error, call, [&]() -> Status {
    ASSIGN_OR_RETURN(const LoadOptions load_options, ToLoadOptions(options));
    auto made = std::make_unique<MlnodeModel>();
    made->vendor = &vendor;
    ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, vendor.load(load_options));
    ASSIGN_OR_RETURN(made->runner, GraphRunner::Make(std::move(graph), load_options));
    FillInfo(*made);
    *model = made.release();
    return {};
  });
}

MlnodeEngineApi PluginApi() {
  return {.abi = MLNODE_ENGINE_ABI,
          .name = nullptr,
          .load = nullptr,
          .info = [](const MlnodeModel* model) -> const MlnodeModelInfo* { return &model->info; },
          .run = Run,
          .tensor = [](const MlnodeResult* result, std::size_t s, std::size_t o,
                       MlnodeTensor* tensor) { result->result->Describe(s, o, *tensor); },
          .free_result = [](MlnodeResult* result) { delete result; },
          .free_model = [](MlnodeModel* model) { delete model; }};
}

std::string OneLine(const std::string& text, const std::string& dropped) {
  constexpr std::size_t kLongest = 500;
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos) continue;
    if (!dropped.empty() && line.compare(begin, dropped.size(), dropped) == 0) continue;
    result += (result.empty() ? "" : " ") + line.substr(begin);
  }
  if (result.size() > kLongest) result.resize(kLongest);
  return result;
}

}  // namespace mlnode::engines
