// engines/graph_inputs.h: from token sequences to the padded tensors that a graph takes.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engines/engine_abi.h"
#include "engines/graph.h"

namespace mlnode::engines {

// An input as a graph declares it.
struct DeclaredInput {
  std::string name;
  std::optional<DataType> type;  // none: one that tensors here do not have
  std::string type_text;         // as the vendor calls it
  std::vector<std::int64_t> dims;
};

// What an input of this name holds: one of the four known names, or one of `batch_inputs` (LoadOptions.inputs).
std::optional<InputKind> InputKindOf(std::string_view name, const std::vector<std::string>& batch_inputs);

// kInvalidArgument names an input that batches cannot fill, a type that is no int64 or int32, a shape that is not
// [batch, sequence].
Result<InputSlot> ToInputSlot(const DeclaredInput& input, const std::vector<std::string>& batch_inputs);

// kInvalidArgument: no input_ids, a fixed batch other than 1, fixed shapes that differ.
Status CheckInputSlots(const std::vector<InputSlot>& slots);

// kInvalidArgument: token types or a feature that no slot takes, a slot's feature that the batch lacks, a sequence
// longer than the slots' fixed length.
Status CheckBatchFits(const std::vector<InputSlot>& slots, const MlnodeBatch& batch);

// The tensors [rows, length] of one rectangle. What is padding is 0, in a feature its own padding value.
class FilledInputs {
 public:
  FilledInputs(const std::vector<InputSlot>& slots, const MlnodeBatch& batch, const Rectangle& rectangle);
  std::span<const InputTensor> tensors() const { return tensors_; }

 private:
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  std::vector<InputTensor> tensors_;
};

}  // namespace mlnode::engines
