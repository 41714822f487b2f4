// The body of PUT _cluster/settings and the rendering of values back into JSON.
#include <algorithm>
#include <utility>

#include "config/setting_values.h"
#include "config/settings.h"

namespace mlnode::config {
namespace {

Error Refuse(std::string message, std::string reason = {}) {
  Error error = MakeError(Code::kInvalidArgument, std::move(message));
  error.reason = std::move(reason);
  return error;
}

std::string ScalarText(const json::value& value) {
  return value.is_string() ? std::string(std::string_view(value.get_string())) : ToJson(value);
}

// The text of a value that is no object. Known lists become JSON arrays even when given as one string.
Result<std::string> ValueText(const std::string& name, const json::value& value) {
  const SettingRow* row = FindSetting(name);
  const json::array* array = value.if_array();
  if (!array) {
    std::string text = ScalarText(value);
    return row && row->type == Type::kList ? ListText(ReadList(text)) : text;
  }
  if (row && row->type != Type::kList) {
    return Refuse("Found list type value for setting [" + name + "] but did not expect a list for it.");
  }
  std::vector<std::string> items;
  for (const json::value& item : *array) {
    if (item.is_object() || item.is_array() || item.is_null()) {
      return Refuse("setting [" + name + "] holds a list with an item that is no string: found [" +
                        std::string(TokenName(item)) + "]",
                    "parse_exception");
    }
    items.push_back(ScalarText(item));
  }
  return ListText(items);
}

// Adds all values below `object` to `change`, each under its full dotted name. As deep as the parser allows.
Status Flatten(const json::object& object, const std::string& prefix, RawChange& change) {
  for (const auto& field : object) {
    const std::string name = prefix + std::string(std::string_view(field.key()));
    const json::value& value = field.value();
    if (const json::object* nested = value.if_object()) {
      RETURN_IF_ERROR(Flatten(*nested, name + ".", change));
      continue;
    }
    std::optional<std::string> text;
    if (!value.is_null()) {
      ASSIGN_OR_RETURN(text, ValueText(name, value));
    }
    if (!change.emplace(name, std::move(text)).second) {
      return Refuse("duplicate settings key [" + name + "] found", "parse_exception");
    }
  }
  return {};
}

Result<RawChange> ReadSection(const json::object& body, std::string_view section) {
  ASSIGN_OR_RETURN(const json::object* object, ObjectField(body, section));
  RawChange change;
  if (object) RETURN_IF_ERROR(Flatten(*object, "", change));
  return change;
}

json::value Render(std::string_view name, const std::string& text) {
  const SettingRow* row = FindSetting(name);
  if (!row || row->type != Type::kList) return json::value(text);
  json::array items;
  for (const std::string& item : ReadList(text)) items.emplace_back(item);
  return items;
}

// Puts `value` at its nested place. A name that goes on below a value (only unknown ones can) keeps its rest as one
// key.
void Nest(json::object& root, std::string_view name, json::value value) {
  json::object* at = &root;
  while (true) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) break;
    const auto [field, added] = at->emplace(name.substr(0, dot), json::object());
    if (!field->value().is_object()) break;
    at = &field->value().get_object();
    name.remove_prefix(dot + 1);
  }
  at->emplace(name, std::move(value));
}

}  // namespace

Result<ChangeRequest> ParseChangeRequest(const json::object& body) {
  ChangeRequest request;
  ASSIGN_OR_RETURN(request.transient, ReadSection(body, "transient"));
  ASSIGN_OR_RETURN(request.persistent, ReadSection(body, "persistent"));
  if (request.transient.empty() && request.persistent.empty()) {
    return Refuse("Validation Failed: 1: no settings to update;", "action_request_validation_exception");
  }
  return request;
}

json::object RenderValues(const RawValues& values, bool flat) {
  json::object rendered;
  for (const auto& [name, text] : values) {
    if (flat) {
      rendered.emplace(name, Render(name, text));
    } else {
      Nest(rendered, name, Render(name, text));
    }
  }
  return rendered;
}

}  // namespace mlnode::config
