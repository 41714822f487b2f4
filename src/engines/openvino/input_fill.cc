#include "engines/openvino/input_fill.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace mlnode::engines::openvino {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

std::optional<InputKind> KindOf(std::string_view name) {
  if (name == "input_ids") return InputKind::kIds;
  if (name == "attention_mask") return InputKind::kMask;
  if (name == "token_type_ids") return InputKind::kTypes;
  if (name == "position_ids") return InputKind::kPositions;
  return std::nullopt;
}

std::int64_t StaticOr(const ov::Dimension& dimension) { return dimension.is_static() ? dimension.get_length() : -1; }

Result<InputSlot> ToSlot(const ov::Output<const ov::Node>& port) {
  for (const std::string& name : port.get_names()) {
    const auto kind = KindOf(name);
    if (!kind) continue;
    const ov::element::Type type = port.get_element_type();
    if (type != ov::element::i64 && type != ov::element::i32) {
      return Invalid("model input " + name + " has type " + type.to_string() + ", an int64 or int32 is needed");
    }
    const ov::PartialShape& shape = port.get_partial_shape();
    if (shape.rank() != ov::Rank(2)) {
      return Invalid("model input " + name + " has shape " + shape.to_string() + ", [batch, sequence] is needed");
    }
    return InputSlot{
        .kind = *kind, .name = name, .type = type, .batch = StaticOr(shape[0]), .length = StaticOr(shape[1])};
  }
  const std::string name = port.get_names().empty() ? "(without a name)" : port.get_any_name();
  return Invalid("model input " + name +
                 " is not known: a text model takes input_ids, attention_mask, token_type_ids and position_ids");
}

Status CheckSlots(const std::vector<InputSlot>& slots) {
  if (std::ranges::none_of(slots, [](const InputSlot& slot) { return slot.kind == InputKind::kIds; })) {
    return Invalid("the model has no input input_ids");
  }
  for (const InputSlot& slot : slots) {
    if (slot.batch > 1) {
      return Invalid("model input " + slot.name + " has a fixed batch of " + std::to_string(slot.batch) +
                     ": 1 or a dynamic one is needed");
    }
    if (slot.batch != slots.front().batch || slot.length != slots.front().length) {
      return Invalid("model inputs " + slots.front().name + " and " + slot.name + " have different fixed shapes");
    }
  }
  return {};
}

template <class T>
void FillRow(const InputSlot& slot, const MlnodeBatch& batch, std::size_t sequence, T* row) {
  const std::size_t begin = batch.offsets[sequence];
  const std::size_t tokens = batch.offsets[sequence + 1] - begin;
  for (std::size_t t = 0; t < tokens; ++t) {
    switch (slot.kind) {
      case InputKind::kIds:
        row[t] = static_cast<T>(batch.ids[begin + t]);
        break;
      case InputKind::kMask:
        row[t] = 1;
        break;
      case InputKind::kTypes:
        row[t] = batch.type_ids == nullptr ? 0 : static_cast<T>(batch.type_ids[begin + t]);
        break;
      case InputKind::kPositions:
        row[t] = static_cast<T>(t);
        break;
    }
  }
}

template <class T>
void Fill(const InputSlot& slot, const MlnodeBatch& batch, const Rectangle& rectangle, ov::Tensor& tensor) {
  T* row = tensor.data<T>();
  std::fill_n(row, tensor.get_size(), T{0});
  for (const std::size_t sequence : rectangle.sequences) {
    FillRow(slot, batch, sequence, row);
    row += rectangle.length;
  }
}

}  // namespace

Result<std::vector<InputSlot>> InputSlots(const ov::CompiledModel& model) {
  std::vector<InputSlot> slots;
  for (const auto& port : model.inputs()) {
    ASSIGN_OR_RETURN(InputSlot slot, ToSlot(port));
    slots.push_back(std::move(slot));
  }
  RETURN_IF_ERROR(CheckSlots(slots));
  return slots;
}

ov::Tensor FillInput(const InputSlot& slot, const MlnodeBatch& batch, const Rectangle& rectangle) {
  ov::Tensor tensor(slot.type, ov::Shape{rectangle.sequences.size(), rectangle.length});
  if (slot.type == ov::element::i64) {
    Fill<std::int64_t>(slot, batch, rectangle, tensor);
  } else {
    Fill<std::int32_t>(slot, batch, rectangle, tensor);
  }
  return tensor;
}

}  // namespace mlnode::engines::openvino
