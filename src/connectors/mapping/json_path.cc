#include "connectors/mapping/json_path.h"

#include <json_path_abi.h>

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "connectors/mapping/path_shape.h"

namespace mlnode::connectors {
namespace {

struct FreePath {
  void operator()(MlnodeJsonPath* path) const { mlnode_json_path_free(path); }
};
using PathHandle = std::unique_ptr<MlnodeJsonPath, FreePath>;

// The buffer that the native library writes its error text into, and that text as an Error.
class NativeError {
 public:
  MlnodeNativeError* get() { return &error_; }
  Error ToError(int32_t status) const {
    const std::string text = std::string("JSONPath: ") + text_.data();
    if (status == MLNODE_NATIVE_TOO_LARGE) return MakeError(Code::kTooLarge, text);
    if (status != MLNODE_NATIVE_INTERNAL) return MakeError(Code::kInvalidArgument, text);
    return Error{.code = Code::kInternal, .message = "the JSONPath could not be followed", .detail = text_.data()};
  }

 private:
  std::array<char, 1024> text_{};
  MlnodeNativeError error_{.text = text_.data(), .cap = text_.size(), .index = 0};
};

MlnodeText View(std::string_view text) { return {.data = text.data(), .size = text.size()}; }

json::value* Child(json::value& value, const PathStep& step) {
  if (const auto* name = std::get_if<std::string>(&step)) {
    json::object* object = value.if_object();
    return object == nullptr ? nullptr : object->if_contains(*name);
  }
  const auto* index = std::get_if<std::int64_t>(&step);
  json::array* array = value.if_array();
  if (index == nullptr || array == nullptr) return nullptr;
  const auto size = static_cast<std::int64_t>(array->size());
  const std::int64_t place = *index < 0 ? size + *index : *index;
  return place < 0 || place >= size ? nullptr : &(*array)[static_cast<std::size_t>(place)];
}

void AddChildren(json::value& value, std::vector<json::value*>& found) {
  if (json::object* object = value.if_object())
    for (auto& field : *object) found.push_back(&field.value());
  if (json::array* array = value.if_array())
    for (json::value& item : *array) found.push_back(&item);
}

// Values are moved out of the document, each once: no step leads twice to the same place.
std::optional<json::value> Follow(json::value root, std::span<const PathStep> steps) {
  json::value* at = &root;
  while (!steps.empty() && !std::holds_alternative<EveryChild>(steps.front())) {
    at = Child(*at, steps.front());
    if (at == nullptr) return std::nullopt;
    steps = steps.subspan(1);
  }
  if (steps.empty()) return json::value(std::move(*at));
  std::vector<json::value*> found{at};
  for (const PathStep& step : steps) {
    std::vector<json::value*> next;
    for (json::value* value : found) {
      if (std::holds_alternative<EveryChild>(step))
        AddChildren(*value, next);
      else if (json::value* child = Child(*value, step))
        next.push_back(child);
    }
    found = std::move(next);
  }
  json::array list;
  list.reserve(found.size());
  for (json::value* value : found) list.push_back(std::move(*value));
  return json::value(std::move(list));
}

class StepsPath final : public JsonPath {
 public:
  explicit StepsPath(PathShape shape) : shape_(std::move(shape)) {}
  bool definite() const override { return shape_.definite; }
  Result<std::optional<json::value>> Query(std::string_view text) const override {
    ASSIGN_OR_RETURN(json::value root, ParseJson(text));
    return Follow(std::move(root), shape_.steps);
  }

 private:
  const PathShape shape_;
};

class SearchPath final : public JsonPath {
 public:
  SearchPath(PathShape shape, PathHandle handle) : shape_(std::move(shape)), handle_(std::move(handle)) {}
  bool definite() const override { return shape_.definite; }
  Result<std::optional<json::value>> Query(std::string_view text) const override {
    if (text.size() > kMaxSearchWork / shape_.factor)
      return MakeError(Code::kTooLarge, "JSONPath: " + std::to_string(text.size()) + " bytes, each looked at up to " +
                                            std::to_string(shape_.factor) + " times, are more than the limit of " +
                                            std::to_string(kMaxSearchWork));
    ASSIGN_OR_RETURN(json::value root, ParseJson(text));
    if (!LeadsSomewhere(std::move(root))) return std::optional<json::value>();
    NativeError error;
    MlnodeText found{.data = nullptr, .size = 0};
    const int32_t status = mlnode_json_path_query(handle_.get(), View(text), kMaxResultBytes, &found, error.get());
    if (status != MLNODE_NATIVE_OK) return error.ToError(status);
    Result<json::value> list = ParseJson({found.data, found.size});
    mlnode_json_path_free_text(found);
    if (!list) return std::move(list).error();
    if (!shape_.definite) return std::optional<json::value>(*std::move(list));
    json::array* values = list->if_array();
    if (values == nullptr || values->empty()) return std::optional<json::value>();
    return std::optional<json::value>(std::move(values->front()));
  }

 private:
  bool LeadsSomewhere(json::value root) const {
    std::vector<PathStep> fixed;
    for (const PathStep& step : shape_.steps) {
      if (std::holds_alternative<EveryChild>(step)) break;
      fixed.push_back(step);
    }
    return Follow(std::move(root), fixed).has_value();
  }
  const PathShape shape_;
  const PathHandle handle_;
};

}  // namespace

Result<std::unique_ptr<const JsonPath>> JsonPath::Compile(std::string_view path) {
  if (path.size() > kMaxPathBytes)
    return MakeError(Code::kInvalidArgument, "a JSONPath has at most " + std::to_string(kMaxPathBytes) +
                                                 " bytes, this one " + std::to_string(path.size()));
  ASSIGN_OR_RETURN(PathShape shape, ShapeOf(path));
  if (shape.only_steps) return std::unique_ptr<const JsonPath>(std::make_unique<StepsPath>(std::move(shape)));
  NativeError error;
  MlnodeJsonPath* raw = nullptr;
  if (const int32_t status = mlnode_json_path_compile(View(shape.path), &raw, error.get()))
    return error.ToError(status);
  return std::unique_ptr<const JsonPath>(std::make_unique<SearchPath>(std::move(shape), PathHandle(raw)));
}

}  // namespace mlnode::connectors
