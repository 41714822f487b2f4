#include "engines/onnxruntime/ort_graph.h"

#include <optional>
#include <utility>

#include "engines/graph_inputs.h"
#include "engines/onnx_graph.h"

namespace mlnode::engines::onnxruntime {
namespace {

// One for the process: it owns the log, and sessions of any thread share it.
const OrtEnv* SharedEnv() {
  constexpr int kSilent = 4;  // errors come back as statuses; only what ends the process is written
  static const OrtEnvPtr env = Made<OrtEnvPtr>(kCreateEnv, kSilent, "mlnode");
  return env.get();
}

std::optional<DataType> ToDataType(int type) {
  switch (type) {
    case kOrtFloat:
      return DataType::kFloat32;
    case kOrtFloat16:
      return DataType::kFloat16;
    case kOrtDouble:
      return DataType::kFloat64;
    case kOrtInt64:
      return DataType::kInt64;
    case kOrtInt32:
      return DataType::kInt32;
    case kOrtInt8:
      return DataType::kInt8;
    case kOrtUint8:
      return DataType::kUint8;
    case kOrtBool:
      return DataType::kBool;
    default:
      return std::nullopt;
  }
}

int ToOrtType(DataType input) { return input == DataType::kInt32 ? kOrtInt32 : kOrtInt64; }

// Element type as ONNX numbers it (0: no tensor) and shape.
struct TensorDescription {
  int type = 0;
  std::vector<std::int64_t> dims;
};

TensorDescription Describe(const OrtTensorInfo* info) {
  TensorDescription description;
  if (info == nullptr) return description;
  kGetTensorElementType(info, &description.type);
  std::size_t rank = 0;
  kGetDimensionsCount(info, &rank);
  description.dims.resize(rank);
  kGetDimensions(info, description.dims.data(), rank);
  return description;
}

TensorDescription Describe(const OrtTypeInfoPtr& info) {
  const OrtTensorInfo* tensor = nullptr;  // null for what is no tensor; owned by `info`
  kCastTypeInfoToTensorInfo(info.get(), &tensor);
  return Describe(tensor);
}

template <class Call>
std::string Name(const Call& call, const OrtSession* session, std::size_t index) {
  OrtAllocator* allocator = nullptr;  // the process's own, never freed
  kGetAllocatorWithDefaultOptions(&allocator);
  char* text = nullptr;
  call(session, index, allocator, &text);
  std::string name(text);
  kAllocatorFree(allocator, text);
  return name;
}

OrtSessionOptionsPtr SessionOptions() {
  auto options = Made<OrtSessionOptionsPtr>(kCreateSessionOptions);
  kSetIntraOpNumThreads(options.get(), 1);
  kSetInterOpNumThreads(options.get(), 1);
  kSetSessionExecutionMode(options.get(), 0);
  // It keeps a plan for every shape that was seen.
  kDisableMemPattern(options.get());
  kAddSessionConfigEntry(options.get(), "session.intra_op.allow_spinning", "0");
  return options;
}

// Runs of more tokens than this give the arena's memory back when they end: the arena makes short runs 5 % faster, but
// keeps what the largest needed, and scores of attention grow with the square of the length.
constexpr std::int64_t kLongRun = 256;

OrtRunOptionsPtr ShrinkingRun() {
  auto options = Made<OrtRunOptionsPtr>(kCreateRunOptions);
  kAddRunConfigEntry(options.get(), "memory.enable_memory_arena_shrinkage", "cpu:0");
  return options;
}

}  // namespace

Result<std::unique_ptr<Graph>> OrtGraph::Load(const LoadOptions& options) {
  if (options.precision != Precision::kF32) {
    return MakeError(Code::kUnimplemented, "ONNX Runtime computes in the precision of the graph, not in " +
                                               std::string(PrecisionName(options.precision)));
  }
  ASSIGN_OR_RETURN(const OnnxOperators operators, ReadOnnxOperators(options.file));
  std::unique_ptr<OrtGraph> graph(new OrtGraph);
  graph->session_ = Made<OrtSessionPtr>(kCreateSession, SharedEnv(), options.file.c_str(), SessionOptions().get());
  graph->shrinking_run_ = ShrinkingRun();
  graph->memory_ = Made<OrtMemoryInfoPtr>(kCreateCpuMemoryInfo, 0, 0);
  graph->precision_ = operators.quantised ? Precision::kQuantized : Precision::kF32;
  graph->limits_.length_step = 1;  // it prepares nothing for a shape
  // A scale chosen by the data is chosen by all rows and by the padding: such a graph gets each text alone.
  if (operators.dynamic) graph->limits_.max_rows = 1;
  RETURN_IF_ERROR(graph->DescribeInputs(options.inputs));
  RETURN_IF_ERROR(graph->DescribeOutputs());
  return std::unique_ptr<Graph>(std::move(graph));
}

Status OrtGraph::DescribeInputs(const std::vector<std::string>& batch_inputs) {
  std::size_t count = 0;
  kSessionGetInputCount(session_.get(), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto info = Made<OrtTypeInfoPtr>(kSessionGetInputTypeInfo, session_.get(), i);
    const TensorDescription description = Describe(info);
    ASSIGN_OR_RETURN(InputSlot slot, ToInputSlot({.name = Name(kSessionGetInputName, session_.get(), i),
                                                  .type = ToDataType(description.type),
                                                  .type_text = "ONNX " + std::to_string(description.type),
                                                  .dims = description.dims},
                                                 batch_inputs));
    inputs_.push_back(std::move(slot));
  }
  for (const InputSlot& slot : inputs_) input_names_.push_back(slot.name.c_str());
  return {};
}

Status OrtGraph::DescribeOutputs() {
  std::size_t count = 0;
  kSessionGetOutputCount(session_.get(), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const TensorDescription description = Describe(Made<OrtTypeInfoPtr>(kSessionGetOutputTypeInfo, session_.get(), i));
    OutputSlot slot{.name = Name(kSessionGetOutputName, session_.get(), i)};
    const auto type = ToDataType(description.type);
    if (!type) {
      return MakeError(Code::kUnimplemented,
                       "model output " + slot.name + " has ONNX type " + std::to_string(description.type));
    }
    slot.type = *type;
    slot.dims = description.dims;
    outputs_.push_back(std::move(slot));
  }
  return {};
}

std::vector<OrtValuePtr> OrtGraph::Run(std::span<const InputTensor> inputs,
                                       std::span<const std::int32_t> wanted) const {
  std::vector<OrtValuePtr> owners;
  std::vector<const OrtValue*> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<std::int64_t>& shape = inputs[i].shape;
    std::size_t bytes = DataTypeBytes(inputs_[i].type);
    for (const std::int64_t d : shape) bytes *= static_cast<std::size_t>(d);
    owners.push_back(Made<OrtValuePtr>(kCreateTensorWithDataAsOrtValue, memory_.get(), inputs[i].data, bytes,
                                       shape.data(), shape.size(), ToOrtType(inputs_[i].type)));
    values.push_back(owners.back().get());
  }
  std::vector<const char*> output_names;
  for (const std::int32_t output : wanted) {
    output_names.push_back(outputs_[static_cast<std::size_t>(output)].name.c_str());
  }
  std::vector<OrtValue*> made(wanted.size(), nullptr);
  const bool is_long = inputs[0].shape[0] * inputs[0].shape[1] > kLongRun;
  kRun(session_.get(), is_long ? shrinking_run_.get() : nullptr, input_names_.data(), values.data(), values.size(),
       output_names.data(), output_names.size(), made.data());
  return {made.begin(), made.end()};
}

Status OrtGraph::Compute(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted,
                         const Reader& read) {
  if (wanted.empty()) return read({});
  const std::vector<OrtValuePtr> values = Run(inputs, wanted);
  std::vector<OutputTensor> outputs;
  for (std::size_t o = 0; o < wanted.size(); ++o) {
    const auto info = Made<OrtTensorInfoPtr>(kGetTensorTypeAndShape, values[o].get());
    TensorDescription description = Describe(info.get());
    const auto type = ToDataType(description.type);
    if (!type) return MakeError(Code::kInternal, "an output of the model has an unexpected type");
    void* data = nullptr;
    kGetTensorMutableData(values[o].get(), &data);
    outputs.push_back({.type = *type, .shape = std::move(description.dims), .data = data});
  }
  return read(outputs);
}

}  // namespace mlnode::engines::onnxruntime
