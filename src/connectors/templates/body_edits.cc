#include "connectors/templates/body_edits.h"

#include <array>

namespace mlnode::connectors {
namespace {

constexpr std::array<std::string_view, 3> kStructuredFields{"response_format", "generationConfig", "toolConfig"};
constexpr std::string_view kNovaModel = "amazon.nova-2-multimodal-embeddings-v1:0";

const std::string* Find(const Parameters& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? nullptr : &found->second;
}

Result<json::value> ParseParameter(const std::string& name, const std::string& text) {
  Result<json::value> value = ParseJson(text);
  if (!value) return Annotate(std::move(value).error(), "parameter " + name);
  return value;
}

Status Replace(json::object& body, std::string_view field, const Parameters& parameters) {
  const std::string name = "_" + std::string(field) + "_json";
  const std::string* text = Find(parameters, name);
  if (text == nullptr) return {};
  ASSIGN_OR_RETURN(body[field], ParseParameter(name, *text));
  return {};
}

// Objects are merged member by member, at any depth; of anything else the addition counts. Depth: kMaxJsonDepth at
// most, as both were parsed.
void Merge(json::value& into, json::value addition) {  // NOLINT(misc-no-recursion)
  json::object* target = into.if_object();
  json::object* source = addition.if_object();
  if (target == nullptr || source == nullptr) {
    into = std::move(addition);
    return;
  }
  for (auto& member : *source) Merge((*target)[member.key()], std::move(member.value()));
}

Status Extend(json::object& body, std::string_view field, const Parameters& parameters) {
  const std::string name = "_" + std::string(field) + "_additions_json";
  const std::string* text = Find(parameters, name);
  if (text == nullptr) return {};
  ASSIGN_OR_RETURN(json::value addition, ParseParameter(name, *text));
  if (!addition.is_object()) return MakeError(Code::kInvalidArgument, "parameter " + name + " must be a JSON object");
  Merge(body[field], std::move(addition));
  return {};
}

bool Asks(const Parameters& parameters) {
  for (const std::string_view field : kStructuredFields)
    for (const char* kind : {"_json", "_additions_json"})
      if (Find(parameters, "_" + std::string(field) + kind) != nullptr) return true;
  return false;
}

// The text's value, or the bytes of a medium: null means that there is none.
bool HoldsNothing(std::string_view name, const json::value& member) {
  if (member.is_null()) return true;
  const json::object* object = member.if_object();
  if (object == nullptr) return false;
  if (name != "text") {
    const json::value* source = object->if_contains("source");
    object = source == nullptr ? nullptr : source->if_object();
  }
  const json::value* content = object == nullptr ? nullptr : object->if_contains(name == "text" ? "value" : "bytes");
  return content != nullptr && content->is_null();
}

}  // namespace

Result<std::string> AddStructuredOutput(std::string body, const Parameters& parameters) {
  if (!Asks(parameters)) return body;
  ASSIGN_OR_RETURN(json::object object, ParseJsonObject(body));
  for (const std::string_view field : kStructuredFields) {
    RETURN_IF_ERROR(Replace(object, field, parameters));
    RETURN_IF_ERROR(Extend(object, field, parameters));
  }
  return ToJson(object);
}

std::string DropEmptyNovaMembers(std::string body, const Parameters& parameters) {
  const std::string* model = Find(parameters, "model");
  if (model == nullptr || *model != kNovaModel) return body;
  Result<json::object> object = ParseJsonObject(body);
  if (!object) return body;
  json::value* single = object->if_contains("singleEmbeddingParams");
  json::object* members = single == nullptr ? nullptr : single->if_object();
  if (members == nullptr) return body;
  bool changed = false;
  for (const char* name : {"text", "image", "video", "audio"}) {
    const json::value* member = members->if_contains(name);
    if (member == nullptr || !HoldsNothing(name, *member)) continue;
    members->erase(name);
    changed = true;
  }
  return changed ? ToJson(*object) : body;
}

}  // namespace mlnode::connectors
