#include "connectors/mapping/tensors.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mlnode::connectors {
namespace {

// The peer's data types.
constexpr std::array<std::string_view, 13> kDataTypes{"UBINARY", "BINARY",  "UINT8",   "INT8",    "INT16",
                                                      "INT32",   "INT64",   "FLOAT16", "FLOAT32", "FLOAT64",
                                                      "STRING",  "BOOLEAN", "UINT64"};
constexpr std::string_view kJobArn = "jobArn";

Error Mistake(std::string_view text) { return MakeError(Code::kInvalidArgument, std::string(text)); }
Error NoList() { return Mistake("Post process function input is not a List."); }
Error NoNumbers() { return Mistake("The embedding should be a non-empty List containing Float values."); }
Error NoScores() { return Mistake("The rerank result should contain index and relevance_score."); }
Error Unforeseen(std::string_view detail) {
  Error error = MakeError(Code::kInternal, "Fail to execute PREDICT in aws connector");
  error.detail = detail;
  return error;
}

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

// false: something in the list is no number.
bool Numbers(const json::array& list, std::vector<double>& numbers) {
  numbers.reserve(list.size());
  for (const json::value& item : list) {
    if (!item.is_number()) return false;
    numbers.push_back(item.to_number<double>());
  }
  return true;
}

Result<RemoteTensor> Embedding(const json::array& row, std::string_view data_type) {
  RemoteTensor tensor{.name = "sentence_embedding", .data_type = std::string(data_type)};
  if (!Numbers(row, tensor.data)) return NoNumbers();
  tensor.shape = {static_cast<std::int64_t>(tensor.data.size())};
  return tensor;
}

std::string TextOf(const json::object& object, std::string_view key, std::string_view otherwise) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string(otherwise);
}

Result<RemoteTensor> TensorOf(const json::value& value, std::string_view default_name) {
  const json::object* fields = value.if_object();
  if (fields == nullptr) return Mistake("Post process function output is no tensor: it must be a JSON object");
  RemoteTensor tensor{.name = TextOf(*fields, "name", default_name), .data_type = TextOf(*fields, "data_type", "")};
  if (std::ranges::find(kDataTypes, tensor.data_type) == kDataTypes.end()) tensor.data_type.clear();
  std::vector<double> shape;
  const json::value* given = fields->if_contains("shape");
  if (given != nullptr && given->is_array() && !Numbers(given->get_array(), shape))
    return Mistake("The shape of a tensor should be a List of numbers.");
  for (const double size : shape) {
    if (!(std::abs(size) < 1e15)) return Mistake("The shape of a tensor should be a List of numbers.");
    tensor.shape.push_back(static_cast<std::int64_t>(size));
  }
  given = fields->if_contains("data");
  if (given != nullptr && given->is_array() && !Numbers(given->get_array(), tensor.data))
    return Mistake("The data of a tensor should be a List of numbers.");
  if (const json::value* result = fields->if_contains("result"); result != nullptr && result->is_string())
    tensor.result = std::string(result->get_string());
  if (const json::value* map = fields->if_contains("dataAsMap"); map != nullptr && map->is_object())
    tensor.data_as_map = ToJson(*map);
  return tensor;
}

Result<Tensors> TensorsOf(const json::array& list, std::string_view default_name) {
  Tensors tensors;
  for (const json::value& item : list) {
    ASSIGN_OR_RETURN(RemoteTensor tensor, TensorOf(item, default_name));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace

std::string_view DataTypeOf(std::string_view path) {
  for (const std::string_view type : kDataTypes) {
    if (path.size() <= type.size() || path[path.size() - type.size() - 1] != '.') continue;
    if (std::ranges::equal(path.substr(path.size() - type.size()), type, {}, Upper)) return type;
  }
  return "FLOAT32";
}

Result<Tensors> EmbeddingRows(const json::value& value, std::string_view data_type) {
  const json::array* rows = value.if_array();
  if (rows == nullptr) return NoList();
  Tensors tensors;
  tensors.reserve(rows->size());
  for (const json::value& item : *rows) {
    const json::array* row = item.if_array();
    if (row == nullptr) return Mistake("The embedding should be a non-empty List containing List of Float values.");
    if (row->empty()) return NoNumbers();
    ASSIGN_OR_RETURN(RemoteTensor tensor, Embedding(*row, data_type));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Result<Tensors> EmbeddingRow(const json::value& value, std::string_view data_type) {
  const json::array* row = value.if_array();
  if (row == nullptr) return NoList();
  ASSIGN_OR_RETURN(RemoteTensor tensor, Embedding(*row, data_type));
  return Tensors{std::move(tensor)};
}

Result<Tensors> Scores(const json::value& value, std::string_view score) {
  const json::array* results = value.if_array();
  if (results == nullptr) return NoList();
  Tensors tensors(results->size());
  for (const json::value& item : *results) {
    const json::object* result = item.if_object();
    if (result == nullptr) return Mistake("Post process function input is not a List of Map.");
    const json::value* index = result->if_contains("index");
    const json::value* relevance = result->if_contains(score);
    if (index == nullptr || relevance == nullptr || !index->is_number() || !relevance->is_number()) return NoScores();
    const auto place = index->to_number<double>();
    if (!(place >= 0 && place < static_cast<double>(tensors.size())) || place != std::floor(place))
      return Unforeseen("a rerank result has an index beyond the number of results");
    RemoteTensor& tensor = tensors[static_cast<std::size_t>(place)];
    if (!tensor.data.empty()) return Unforeseen("two rerank results have the same index");
    tensor = {.name = "similarity", .data_type = "FLOAT32", .shape = {1}, .data = {relevance->to_number<double>()}};
  }
  return tensors;
}

Result<Tensors> BatchJob(const json::value& value) {
  const json::object* job = value.if_object();
  if (job == nullptr) return Mistake("Post process function input is not a Map.");
  const json::value* arn = job->if_contains(kJobArn);
  if (arn == nullptr || !arn->is_string()) return Mistake("job arn is missing.");
  std::string processed;
  for (const char c : arn->get_string()) c == '/' ? processed += "%2F" : processed += c;
  json::object shown = *job;
  shown["processedJobArn"] = processed;
  return ResponseText(ToJson(shown));
}

Result<Tensors> Passthrough(const json::value& value) {
  const json::object* answer = value.if_object();
  if (answer == nullptr && !value.is_array()) return Mistake("Post process function input must be a Map or List");
  if (answer == nullptr) return Unforeseen("the answer is a list");
  const json::value* results = answer->if_contains("inference_results");
  if (results == nullptr || !results->is_array()) return Response(value);
  Tensors tensors;
  for (const json::value& item : results->get_array()) {
    const json::object* result = item.if_object();
    const json::value* output = result == nullptr ? nullptr : result->if_contains("output");
    if (output == nullptr || !output->is_array()) continue;
    ASSIGN_OR_RETURN(Tensors found, TensorsOf(output->get_array(), "output"));
    std::ranges::move(found, std::back_inserter(tensors));
  }
  return tensors;
}

Result<Tensors> ScriptTensors(const json::value& value) {
  if (const json::array* list = value.if_array()) return TensorsOf(*list, "");
  ASSIGN_OR_RETURN(RemoteTensor tensor, TensorOf(value, ""));
  return Tensors{std::move(tensor)};
}

Tensors Response(const json::value& value) {
  if (value.is_object()) return ResponseText(ToJson(value));
  return ResponseText("{\"response\":" + ToJson(value) + "}");
}

Tensors ResponseText(std::string object_text) {
  Tensors tensors(1);
  tensors[0].name = "response";
  tensors[0].data_as_map = std::move(object_text);
  return tensors;
}

}  // namespace mlnode::connectors
