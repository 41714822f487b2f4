#include "models/rules/model_interface.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

namespace mlnode::models {
namespace {

constexpr std::array<std::string_view, 2> kSides = {"input", "output"};

// What a client may write as JSON or as the text of it.
std::string SchemaText(const json::value& given) {
  if (const json::string* text = given.if_string()) return {text->data(), text->size()};
  return ToJson(given);
}

}  // namespace

Result<json::object> ParseInterface(const json::object& given) {
  json::object kept;
  for (const std::string_view side : kSides) {
    const json::value* schema = given.if_contains(side);
    if (schema == nullptr || schema->is_null()) continue;
    const std::string text = SchemaText(*schema);
    if (const auto compiled = schema::JsonSchema::Compile(text); !compiled)
      return Annotate(compiled.error(), fmt::format("[interface.{}] is no JSON Schema that can be applied", side));
    kept[side] = text;
  }
  return kept;
}

ModelInterface::Side ModelInterface::ReadSide(const json::object& stored, std::string_view key) {
  Side side;
  const json::value* given = stored.if_contains(key);
  if (given == nullptr || given->is_null()) return side;
  side.present = true;
  auto compiled = schema::JsonSchema::Compile(SchemaText(*given));
  if (compiled) {
    side.schema = *std::move(compiled);
  } else {
    side.broken = Annotate(std::move(compiled).error(), "the schema cannot be applied");
  }
  return side;
}

ModelInterface::ModelInterface(const json::object& stored)
    : input_(ReadSide(stored, kSides[0])), output_(ReadSide(stored, kSides[1])) {}

Status ModelInterface::Check(const Side& side, std::string_view key, std::string_view instance) {
  if (!side.present) return {};
  Status valid = side.schema ? side.schema->Validate(instance) : Status(side.broken);
  if (valid) return {};
  Error error = std::move(valid).error();
  error.message = fmt::format(
      "Error validating {0} schema, if you think this is expected, please update your '{0}' field in the 'interface' "
      "field for this model: Validation failed: [{1}]",
      key, error.message);
  error.reason = "status_exception";
  return error;
}

Status ModelInterface::CheckInput(std::string_view instance) const { return Check(input_, kSides[0], instance); }
Status ModelInterface::CheckOutput(std::string_view answer) const { return Check(output_, kSides[1], answer); }

}  // namespace mlnode::models
