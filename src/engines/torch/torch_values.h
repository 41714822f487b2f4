// engines/torch/torch_values.h: what a module returns, as a list of named tensors.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/tensor.h"

namespace mlnode::engines::libtorch {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;  // contiguous, on the CPU, of a type that DataType has
};

// A tensor, a tuple (of tuples), a list of tensors or a Dict[str, Tensor], in the module's own order; None is left out.
// Names are those of keys and NamedTuple fields, else "output_<position>". What has no type of its own here becomes the
// next wider one: bfloat16 float32, int16 int32. kUnimplemented names what cannot be given.
Result<std::vector<NamedTensor>> FlattenOutputs(const c10::IValue& value);

DataType ToDataType(const at::Tensor& tensor);  // of a NamedTensor

}  // namespace mlnode::engines::libtorch
