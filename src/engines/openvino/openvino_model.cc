#include "engines/openvino/openvino_model.h"

#include <algorithm>
#include <numeric>
#include <openvino/runtime/core.hpp>
#include <openvino/runtime/intel_cpu/properties.hpp>
#include <openvino/runtime/properties.hpp>
#include <utility>

namespace mlnode::engines::openvino {
namespace {

Result<DataType> ToDataType(const ov::Output<const ov::Node>& port, const std::string& name) {
  switch (ov::element::Type_t(port.get_element_type())) {
    case ov::element::Type_t::f32:
      return DataType::kFloat32;
    case ov::element::Type_t::f16:
      return DataType::kFloat16;
    case ov::element::Type_t::i64:
      return DataType::kInt64;
    case ov::element::Type_t::i32:
      return DataType::kInt32;
    case ov::element::Type_t::i8:
      return DataType::kInt8;
    case ov::element::Type_t::u8:
      return DataType::kUint8;
    case ov::element::Type_t::boolean:
      return DataType::kBool;
    default:
      return MakeError(Code::kUnimplemented,
                       "model output " + name + " has type " + port.get_element_type().to_string());
  }
}

ov::AnyMap CompileOptions(const MlnodeLoadOptions& options) {
  const ov::element::Type precision = options.precision == 1 ? ov::element::bf16 : ov::element::f32;
  ov::AnyMap properties{ov::hint::inference_precision(precision),
                        ov::hint::dynamic_quantization_group_size(0),  // activations keep the precision as well
                        ov::num_streams(options.lanes), ov::inference_num_threads(options.lanes),
                        ov::hint::enable_cpu_pinning(false)};
  if (options.cache_dir != nullptr) properties.insert(ov::cache_dir(options.cache_dir));
  return properties;
}

}  // namespace

OpenVinoModel::OpenVinoModel(ov::CompiledModel model, const MlnodeLoadOptions& options)
    : model_(std::move(model)), lanes_(model_, options.lanes) {
  limits_.max_length = static_cast<std::size_t>(options.max_tokens);
  precision_ = model_.get_property(ov::hint::inference_precision).to_string();
}

Result<std::unique_ptr<OpenVinoModel>> OpenVinoModel::Load(ov::Core& core, const MlnodeLoadOptions& options) {
  // compile_model by path: the ov::Model lives only inside this call (380 MB resident with it, 215 without).
  ov::CompiledModel compiled = core.compile_model(options.model_path, "CPU", CompileOptions(options));
  std::unique_ptr<OpenVinoModel> model(new OpenVinoModel(std::move(compiled), options));
  const std::string wanted = options.precision == 1 ? "bf16" : "f32";
  if (model->precision_ != wanted) {
    return MakeError(Code::kUnimplemented,
                     "precision " + wanted + " is not available on this CPU, it would be " + model->precision_);
  }
  RETURN_IF_ERROR(model->Describe());
  RETURN_IF_ERROR(model->Probe());
  return model;
}

Status OpenVinoModel::Describe() {
  ASSIGN_OR_RETURN(inputs_, InputSlots(model_));
  if (inputs_.front().length > 0) limits_.fixed_length = static_cast<std::size_t>(inputs_.front().length);
  for (const auto& port : model_.outputs()) {
    OutputSlot slot;
    slot.name = port.get_names().empty() ? "output_" + std::to_string(outputs_.size()) : port.get_any_name();
    ASSIGN_OR_RETURN(slot.type, ToDataType(port, slot.name));
    if (port.get_partial_shape().rank().is_static()) {
      for (const ov::Dimension& d : port.get_partial_shape()) slot.dims.push_back(d.is_static() ? d.get_length() : -1);
    }
    constexpr std::size_t kMaxRank = 8;  // MlnodePort::dims
    if (slot.dims.size() > kMaxRank)
      return MakeError(Code::kUnimplemented, "model output " + slot.name + " has over 8 axes");
    outputs_.push_back(std::move(slot));
  }
  return {};
}

bool OpenVinoModel::TryRows(std::size_t rows, std::size_t length, std::vector<ov::Shape>& shapes) {
  const std::vector<std::int64_t> ids(rows * length, 0);
  std::vector<std::size_t> offsets;
  for (std::size_t row = 0; row <= rows; ++row) offsets.push_back(row * length);
  Rectangle rectangle{.sequences = std::vector<std::size_t>(rows), .length = length};
  std::iota(rectangle.sequences.begin(), rectangle.sequences.end(), std::size_t{0});
  const MlnodeBatch batch{.ids = ids.data(), .type_ids = nullptr, .offsets = offsets.data(), .sequences = rows};
  LanePool::Lease lane(lanes_);
  Infer(lane.request(), batch, rectangle);
  shapes.clear();
  for (std::size_t i = 0; i < outputs_.size(); ++i) shapes.push_back(lane.request().get_output_tensor(i).get_shape());
  return std::ranges::all_of(shapes, [&](const ov::Shape& shape) { return !shape.empty() && shape[0] == rows; });
}

Status OpenVinoModel::Probe() {
  constexpr std::size_t kProbeTokens = 16;
  const std::size_t longer =
      limits_.fixed_length != 0 ? limits_.fixed_length : std::min(kProbeTokens, limits_.max_length);
  const std::size_t shorter = limits_.fixed_length != 0 ? longer : (longer + 1) / 2;
  std::vector<ov::Shape> at_longer;
  bool takes_rows = inputs_.front().batch != 1;
  if (takes_rows) {
    try {
      takes_rows = TryRows(2, longer, at_longer);
    } catch (const ov::Exception&) {  // a batch of 1 baked into the graph's body: one by one then
      takes_rows = false;
    }
  }
  if (!takes_rows) {
    limits_.max_rows = 1;
    if (!TryRows(1, longer, at_longer)) {
      return MakeError(Code::kInvalidArgument, "the first axis of an output of the model is not the batch");
    }
  }
  std::vector<ov::Shape> at_shorter;
  if (!TryRows(1, shorter, at_shorter)) {
    return MakeError(Code::kInvalidArgument, "the first axis of an output of the model is not the batch");
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const bool follows = at_longer[i].size() >= 2 && at_longer[i][1] == longer && at_shorter[i][1] == shorter;
    // With one possible length nothing can follow it; then only a matrix a row is taken for one vector a token.
    outputs_[i].per_token = follows && (shorter != longer || at_longer[i].size() >= 3);
  }
  return {};
}

Status OpenVinoModel::CheckBatch(const MlnodeBatch& batch) const {
  const std::size_t tokens = batch.offsets[batch.sequences];
  const bool has_types = batch.type_ids != nullptr &&
                         std::any_of(batch.type_ids, batch.type_ids + tokens, [](std::int64_t t) { return t != 0; });
  if (has_types &&
      std::ranges::none_of(inputs_, [](const InputSlot& slot) { return slot.kind == InputKind::kTypes; })) {
    return MakeError(Code::kInvalidArgument, "the texts have token types, the model has no input token_type_ids");
  }
  if (limits_.fixed_length == 0) return {};
  for (std::size_t i = 0; i < batch.sequences; ++i) {
    const std::size_t length = batch.offsets[i + 1] - batch.offsets[i];
    if (length > limits_.fixed_length) {
      return MakeError(Code::kInvalidArgument, "sequence " + std::to_string(i) + " has " + std::to_string(length) +
                                                   " tokens, the model's graph takes " +
                                                   std::to_string(limits_.fixed_length));
    }
  }
  return {};
}

Result<std::unique_ptr<RunResult>> OpenVinoModel::Run(const MlnodeBatch& batch, std::span<const std::int32_t> wanted) {
  RETURN_IF_ERROR(CheckBatch(batch));
  std::vector<DataType> types;
  for (const std::int32_t output : wanted) types.push_back(outputs_[static_cast<std::size_t>(output)].type);
  auto result = std::make_unique<RunResult>(batch.sequences, std::move(types));
  for (const Rectangle& rectangle : PlanRectangles({batch.offsets, batch.sequences + 1}, limits_)) {
    RETURN_IF_ERROR(RunRectangle(batch, rectangle, wanted, *result));
  }
  return result;
}

void OpenVinoModel::Infer(ov::InferRequest& request, const MlnodeBatch& batch, const Rectangle& rectangle) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) request.set_input_tensor(i, FillInput(inputs_[i], batch, rectangle));
  request.infer();
}

Status OpenVinoModel::RunRectangle(const MlnodeBatch& batch, const Rectangle& rectangle,
                                   std::span<const std::int32_t> wanted, RunResult& result) {
  LanePool::Lease lane(lanes_);
  Infer(lane.request(), batch, rectangle);
  for (std::size_t o = 0; o < wanted.size(); ++o) {
    const auto index = static_cast<std::size_t>(wanted[o]);
    const ov::Tensor tensor = lane.request().get_output_tensor(index);
    const ov::Shape& shape = tensor.get_shape();
    const bool per_token = outputs_[index].per_token;
    if (shape.empty() || shape[0] != rectangle.sequences.size() || (per_token && shape[1] != rectangle.length)) {
      return MakeError(Code::kInternal, "output " + outputs_[index].name + " has an unexpected shape");
    }
    result.CopyRows(tensor, batch, rectangle, {.output = o, .per_token = per_token});
  }
  return {};
}

}  // namespace mlnode::engines::openvino
