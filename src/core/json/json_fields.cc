#include <charconv>
#include <cmath>
#include <limits>

#include "core/json.h"
#include "core/json/json_place.h"

namespace mlnode {
namespace {

// The field's value; nullptr when absent or null.
const json::value* Find(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}

bool IsContainer(const json::value& value) { return value.is_object() || value.is_array(); }

std::string ScalarText(const json::value& value) {
  return value.is_string() ? std::string(std::string_view(value.get_string())) : ToJson(value);
}

Error WrongKind(std::string_view key, const json::value& value, std::string_view wanted) {
  Error error =
      MakeError(Code::kInvalidArgument, "Failed to parse field [" + std::string(key) + "]: expected " +
                                            std::string(wanted) + " but found [" + std::string(TokenName(value)) + "]");
  error.reason = "parsing_exception";
  error.json_pointer = PointerStep(key);
  return error;
}

Error NotWhole(std::string_view key, const std::string& text) {
  return MakeError(Code::kInvalidArgument,
                   "Failed to parse field [" + std::string(key) + "]: value [" + text +
                       "] is not a whole number between -9223372036854775808 and 9223372036854775807");
}

std::optional<std::int64_t> WholeNumber(double value) {
  constexpr double kBound = 9223372036854775808.0;  // 2^63
  if (std::trunc(value) != value || value < -kBound || value >= kBound) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> WholeNumber(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string_view TokenName(const json::value& value) {
  switch (value.kind()) {
    case json::kind::object:
      return "START_OBJECT";
    case json::kind::array:
      return "START_ARRAY";
    case json::kind::string:
      return "VALUE_STRING";
    case json::kind::bool_:
      return "VALUE_BOOLEAN";
    case json::kind::null:
      return "VALUE_NULL";
    default:
      return "VALUE_NUMBER";
  }
}

Result<std::optional<std::string>> StringField(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  if (!value) return std::optional<std::string>();
  if (IsContainer(*value)) return WrongKind(key, *value, "a string");
  return std::optional(ScalarText(*value));
}

Result<std::optional<std::int64_t>> IntField(const json::object& object, std::string_view key, NumericText text) {
  const json::value* value = Find(object, key);
  if (!value) return std::optional<std::int64_t>();
  std::optional<std::int64_t> number;
  if (value->is_int64()) {
    number = value->get_int64();
  } else if (value->is_double()) {
    number = WholeNumber(value->get_double());
  } else if (value->is_string()) {
    if (text == NumericText::kRefuse) {
      Error error = MakeError(Code::kInvalidArgument, "Integer value passed as String");
      error.detail = "field " + std::string(key);
      return error;
    }
    number = WholeNumber(value->get_string());
  } else if (!value->is_uint64()) {
    return WrongKind(key, *value, "a number");
  }
  if (!number) return NotWhole(key, ScalarText(*value));
  return number;
}

Result<std::optional<bool>> BoolField(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  if (!value) return std::optional<bool>();
  if (value->is_bool()) return std::optional(value->get_bool());
  if (IsContainer(*value)) return WrongKind(key, *value, "a boolean");
  const std::string text = ScalarText(*value);
  if (text == "true") return std::optional(true);
  if (text == "false") return std::optional(false);
  Error error =
      MakeError(Code::kInvalidArgument, "Failed to parse value [" + text + "] as only [true] or [false] are allowed.");
  error.detail = "field " + std::string(key);
  return error;
}

Result<std::optional<std::vector<std::string>>> StringsField(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  if (!value) return std::optional<std::vector<std::string>>();
  const json::array* array = value->if_array();
  if (!array) {
    Error error =
        MakeError(Code::kInvalidArgument, "Failed to parse object: expecting token of type [START_ARRAY] but found [" +
                                              std::string(TokenName(*value)) + "]");
    error.reason = "parsing_exception";
    error.detail = "field " + std::string(key);
    error.json_pointer = PointerStep(key);
    return error;
  }
  std::vector<std::string> strings;
  strings.reserve(array->size());
  for (const json::value& item : *array) {
    if (IsContainer(item) || item.is_null()) return WrongKind(key, item, "a list of strings");
    strings.push_back(ScalarText(item));
  }
  return std::optional(std::move(strings));
}

Result<const json::object*> ObjectField(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  if (!value) return static_cast<const json::object*>(nullptr);
  if (const json::object* nested = value->if_object()) return nested;
  return WrongKind(key, *value, "an object");
}

}  // namespace mlnode
