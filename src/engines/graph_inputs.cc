#include "engines/graph_inputs.h"

#include <algorithm>
#include <string>
#include <utility>

namespace mlnode::engines {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

std::string ShapeText(const std::vector<std::int64_t>& dims) {
  std::string text;
  for (const std::int64_t d : dims) text += (text.empty() ? "" : ",") + (d < 0 ? std::string("?") : std::to_string(d));
  return "[" + text + "]";
}

std::string KnownNames(const std::vector<std::string>& batch_inputs) {
  std::string features;
  for (const std::string& name : batch_inputs) {
    if (InputKindOf(name, {}) == std::nullopt) features += ", " + name;
  }
  return "input_ids, attention_mask, token_type_ids and position_ids" + features;
}

const MlnodeFeature* FindFeature(const MlnodeBatch& batch, const std::string& name) {
  const std::span features(batch.features, batch.feature_count);
  const auto found = std::ranges::find_if(features, [&](const MlnodeFeature& feature) { return name == feature.name; });
  return found == features.end() ? nullptr : &*found;
}

Status CheckFeatures(const std::vector<InputSlot>& slots, const MlnodeBatch& batch) {
  for (const InputSlot& slot : slots) {
    if (slot.kind == InputKind::kFeature && FindFeature(batch, slot.name) == nullptr) {
      return Invalid("the model takes " + slot.name + ", the texts have none");
    }
  }
  for (const MlnodeFeature& feature : std::span(batch.features, batch.feature_count)) {
    const auto takes = [&](const InputSlot& slot) {
      return slot.kind == InputKind::kFeature && slot.name == feature.name;
    };
    if (std::ranges::none_of(slots, takes)) {
      return Invalid(std::string("the texts have ") + feature.name + ", the model has no input of that name");
    }
  }
  return {};
}

// Where the values of a slot come from, and what stands behind a sequence.
struct Source {
  InputKind kind;
  const std::int64_t* values = nullptr;  // of the whole batch
  std::int64_t padding = 0;
};

Source SourceOf(const InputSlot& slot, const MlnodeBatch& batch) {
  switch (slot.kind) {
    case InputKind::kIds:
      return {.kind = slot.kind, .values = batch.ids};
    case InputKind::kTypes:
      return {.kind = slot.kind, .values = batch.type_ids};
    case InputKind::kFeature: {
      const MlnodeFeature* const feature = FindFeature(batch, slot.name);
      if (feature == nullptr) return {.kind = slot.kind};
      return {.kind = slot.kind, .values = feature->values, .padding = feature->padding};
    }
    case InputKind::kMask:
    case InputKind::kPositions:
      break;
  }
  return {.kind = slot.kind};
}

template <class T>
void FillRow(const Source& source, std::size_t begin, std::span<T> row) {
  for (std::size_t t = 0; t < row.size(); ++t) {
    if (source.kind == InputKind::kMask) {
      row[t] = 1;
    } else if (source.kind == InputKind::kPositions) {
      row[t] = static_cast<T>(t);
    } else {
      row[t] = source.values == nullptr ? 0 : static_cast<T>(source.values[begin + t]);
    }
  }
}

template <class T>
void Fill(const Source& source, const MlnodeBatch& batch, const Rectangle& rectangle, T* row) {
  for (const std::size_t sequence : rectangle.sequences) {
    const std::size_t begin = batch.offsets[sequence];
    const std::size_t tokens = batch.offsets[sequence + 1] - begin;
    FillRow<T>(source, begin, {row, tokens});
    std::fill(row + tokens, row + rectangle.length, static_cast<T>(source.padding));
    row += rectangle.length;
  }
}

}  // namespace

std::optional<InputKind> InputKindOf(std::string_view name, const std::vector<std::string>& batch_inputs) {
  if (name == "input_ids") return InputKind::kIds;
  if (name == "attention_mask") return InputKind::kMask;
  if (name == "token_type_ids") return InputKind::kTypes;
  if (name == "position_ids") return InputKind::kPositions;
  if (std::ranges::find(batch_inputs, name) != batch_inputs.end()) return InputKind::kFeature;
  return std::nullopt;
}

Result<InputSlot> ToInputSlot(const DeclaredInput& input, const std::vector<std::string>& batch_inputs) {
  const auto kind = InputKindOf(input.name, batch_inputs);
  if (!kind) {
    return Invalid("model input " + input.name + " is not known: a text model takes " + KnownNames(batch_inputs));
  }
  if (input.type != DataType::kInt64 && input.type != DataType::kInt32) {
    return Invalid("model input " + input.name + " has type " + input.type_text + ", an int64 or int32 is needed");
  }
  if (input.dims.size() != 2) {
    return Invalid("model input " + input.name + " has shape " + ShapeText(input.dims) +
                   ", [batch, sequence] is needed");
  }
  return InputSlot{
      .kind = *kind, .name = input.name, .type = *input.type, .batch = input.dims[0], .length = input.dims[1]};
}

Status CheckInputSlots(const std::vector<InputSlot>& slots) {
  if (std::ranges::none_of(slots, [](const InputSlot& slot) { return slot.kind == InputKind::kIds; })) {
    return Invalid("the model has no input input_ids");
  }
  for (const InputSlot& slot : slots) {
    if (slot.batch >= 0 && slot.batch != 1) {
      return Invalid("model input " + slot.name + " has a fixed batch of " + std::to_string(slot.batch) +
                     ": 1 or a dynamic one is needed");
    }
    if (slot.batch != slots.front().batch || slot.length != slots.front().length) {
      return Invalid("model inputs " + slots.front().name + " and " + slot.name + " have different fixed shapes");
    }
  }
  return {};
}

Status CheckBatchFits(const std::vector<InputSlot>& slots, const MlnodeBatch& batch) {
  const std::size_t tokens = batch.offsets[batch.sequences];
  const bool has_types = batch.type_ids != nullptr &&
                         std::any_of(batch.type_ids, batch.type_ids + tokens, [](std::int64_t t) { return t != 0; });
  if (has_types && std::ranges::none_of(slots, [](const InputSlot& slot) { return slot.kind == InputKind::kTypes; })) {
    return Invalid("the texts have token types, the model has no input token_type_ids");
  }
  RETURN_IF_ERROR(CheckFeatures(slots, batch));
  if (slots.front().length < 0) return {};
  const auto fixed_length = static_cast<std::size_t>(slots.front().length);
  for (std::size_t i = 0; i < batch.sequences; ++i) {
    const std::size_t length = batch.offsets[i + 1] - batch.offsets[i];
    if (length > fixed_length) {
      return Invalid("sequence " + std::to_string(i) + " has " + std::to_string(length) +
                     " tokens, the model's graph takes " + std::to_string(fixed_length));
    }
  }
  return {};
}

FilledInputs::FilledInputs(const std::vector<InputSlot>& slots, const MlnodeBatch& batch, const Rectangle& rectangle) {
  const std::size_t values = rectangle.sequences.size() * rectangle.length;
  for (const InputSlot& slot : slots) {
    memory_.push_back(std::make_unique_for_overwrite<std::byte[]>(values * DataTypeBytes(slot.type)));
    std::byte* const memory = memory_.back().get();
    const Source source = SourceOf(slot, batch);
    if (slot.type == DataType::kInt64) {
      Fill(source, batch, rectangle, reinterpret_cast<std::int64_t*>(memory));
    } else {
      Fill(source, batch, rectangle, reinterpret_cast<std::int32_t*>(memory));
    }
    tensors_.push_back(
        {.shape = {static_cast<std::int64_t>(rectangle.sequences.size()), static_cast<std::int64_t>(rectangle.length)},
         .data = memory});
  }
}

}  // namespace mlnode::engines
