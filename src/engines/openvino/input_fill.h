// engines/openvino/input_fill.h: from token sequences to the padded tensors that a graph declares.
#pragma once

#include <openvino/runtime/compiled_model.hpp>
#include <openvino/runtime/tensor.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "engines/batch_plan.h"
#include "engines/engine_abi.h"

namespace mlnode::engines::openvino {

// What an input of an encoder graph holds, by its name in the exports of Hugging Face models.
enum class InputKind : std::uint8_t { kIds, kMask, kTypes, kPositions };

struct InputSlot {
  InputKind kind;
  std::string name;
  ov::element::Type type;   // i64 or i32
  std::int64_t batch = -1;  // -1 = dynamic
  std::int64_t length = -1;
};

// The inputs in the graph's order. kInvalidArgument names an input that tokens cannot fill, its type, rank or baked
// size, and a graph without input_ids.
Result<std::vector<InputSlot>> InputSlots(const ov::CompiledModel& model);

// The tensor [rows, length] of `slot` for one rectangle of the batch; what is padding is 0.
ov::Tensor FillInput(const InputSlot& slot, const MlnodeBatch& batch, const Rectangle& rectangle);

}  // namespace mlnode::engines::openvino
