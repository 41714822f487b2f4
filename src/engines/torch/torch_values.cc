#include "engines/torch/torch_values.h"

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>

#include <utility>

namespace mlnode::engines::libtorch {
namespace {

constexpr int kDeepest = 8;

std::optional<DataType> KnownType(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return DataType::kFloat32;
    case at::kHalf:
      return DataType::kFloat16;
    case at::kDouble:
      return DataType::kFloat64;
    case at::kLong:
      return DataType::kInt64;
    case at::kInt:
      return DataType::kInt32;
    case at::kChar:
      return DataType::kInt8;
    case at::kByte:
      return DataType::kUint8;
    case at::kBool:
      return DataType::kBool;
    default:
      return std::nullopt;
  }
}

class Flattening {
 public:
  Status Add(const c10::IValue& value, const std::string& name, int depth) {
    if (value.isNone()) return {};
    if (value.isTensor()) return AddTensor(value.toTensor(), name);
    if (depth > kDeepest) return MakeError(Code::kUnimplemented, "the model returns tuples nested too deep");
    if (value.isTuple()) return AddTuple(value, depth);
    if (value.isList()) {
      for (const c10::IValue& element : value.toListRef()) RETURN_IF_ERROR(Add(element, "", depth + 1));
      return {};
    }
    if (value.isGenericDict()) return AddDictionary(value, depth);
    return MakeError(Code::kUnimplemented, "the model returns a " + value.tagKind() +
                                               ": tensors, tuples, lists and dictionaries of them are known");
  }
  std::vector<NamedTensor> Take() { return std::move(tensors_); }

 private:
  Status AddTensor(const at::Tensor& tensor, const std::string& name) {
    NamedTensor named{.name = name.empty() ? "output_" + std::to_string(tensors_.size()) : name, .tensor = tensor};
    if (!tensor.device().is_cpu()) {  // "meta" has no data at all
      return MakeError(Code::kUnimplemented, "model output " + named.name + " is on device " + tensor.device().str());
    }
    if (tensor.scalar_type() == at::kBFloat16) named.tensor = tensor.to(at::kFloat);
    if (tensor.scalar_type() == at::kShort) named.tensor = tensor.to(at::kInt);
    if (tensor.layout() != at::kStrided || !KnownType(named.tensor.scalar_type())) {
      return MakeError(Code::kUnimplemented,
                       "model output " + named.name + " has type " + c10::toString(tensor.scalar_type()));
    }
    named.tensor = named.tensor.contiguous();
    tensors_.push_back(std::move(named));
    return {};
  }

  Status AddTuple(const c10::IValue& value, int depth) {
    const auto& elements = value.toTupleRef().elements();
    const auto names = value.type()->expectRef<c10::TupleType>().names();  // of a NamedTuple
    for (std::size_t i = 0; i < elements.size(); ++i) {
      RETURN_IF_ERROR(Add(elements[i], names ? std::string((*names)[i]) : "", depth + 1));
    }
    return {};
  }

  Status AddDictionary(const c10::IValue& value, int depth) {
    for (const auto& entry : value.toGenericDict()) {  // in the order of insertion
      if (!entry.key().isString()) {
        return MakeError(Code::kUnimplemented, "the model returns a dictionary whose keys are no strings");
      }
      RETURN_IF_ERROR(Add(entry.value(), entry.key().toStringRef(), depth + 1));
    }
    return {};
  }

  std::vector<NamedTensor> tensors_;
};

}  // namespace

Result<std::vector<NamedTensor>> FlattenOutputs(const c10::IValue& value) {
  Flattening flattening;
  RETURN_IF_ERROR(flattening.Add(value, "", 0));
  return flattening.Take();
}

DataType ToDataType(const at::Tensor& tensor) { return KnownType(tensor.scalar_type()).value(); }

}  // namespace mlnode::engines::libtorch
