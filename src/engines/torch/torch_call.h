// engines/torch/torch_call.h: how a TorchScript module wants to be called: its forward's schema decides.
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engines/graph.h"

namespace mlnode::engines::libtorch {

enum class CallStyle : std::uint8_t { kDictionary, kByName, kByPosition };

struct CallPlan {
  CallStyle style;
  std::vector<InputSlot> slots;  // in the order of positions
};

// The ways in which the module may be called with what batches hold, the first that runs is to be taken:
// - one argument Dict[str, Tensor]: a dictionary with all of `batch_inputs`, first without token_type_ids, which a
//   module either needs or does not look at;
// - tensors whose names are known: by name, optional ones where batches hold them;
// - other tensors: by position in the order of `batch_inputs`, as many as the schema requires.
// kInvalidArgument: another signature (named), or one that asks for more than batches hold.
Result<std::vector<CallPlan>> PlanCalls(const c10::FunctionSchema& schema,
                                        const std::vector<std::string>& batch_inputs);

struct CallArguments {
  std::vector<c10::IValue> positional;
  std::unordered_map<std::string, c10::IValue> named;
};

// The inputs as the plan has them. Tensors borrow the memory of `inputs`.
CallArguments MakeArguments(const CallPlan& plan, std::span<const InputTensor> inputs);

}  // namespace mlnode::engines::libtorch
