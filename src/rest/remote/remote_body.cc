#include "rest/remote/remote_body.h"

#include <fmt/format.h>

#include <utility>

#include "rest/predict_request.h"

namespace mlnode::rest {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

// Null is no text, and allowed: a document may be an image alone.
Result<std::vector<std::optional<std::string>>> ReadDocuments(const json::object& body) {
  std::vector<std::optional<std::string>> documents;
  const json::value* given = body.if_contains("text_docs");
  if (given == nullptr || given->is_null()) return documents;
  const json::array* array = given->if_array();
  if (array == nullptr) return Invalid("text_docs must be an array of texts");
  documents.reserve(array->size());
  for (const json::value& one : *array) {
    if (one.is_null()) {
      documents.emplace_back();
    } else if (const json::string* text = one.if_string()) {
      documents.emplace_back(std::string(*text));
    } else if (one.is_structured()) {
      return Invalid(fmt::format("text_docs[{}] must be a text, found {}", documents.size(), TokenName(one)));
    } else {
      documents.emplace_back(ToJson(one));
    }
  }
  return documents;
}

Status ReadDlq(const json::object& body, RemoteBody& into) {
  ASSIGN_OR_RETURN(const json::object* dlq, ObjectField(body, "dlq"));
  if (dlq == nullptr) return {};
  ASSIGN_OR_RETURN(const auto bucket, StringField(*dlq, "bucket"));
  ASSIGN_OR_RETURN(const auto region, StringField(*dlq, "region"));
  if (!bucket || !region) return Invalid("DLQ bucketName or region cannot be null");
  into.dlq = *dlq;
  return {};
}

Status ReadParameters(const json::object& body, RemoteBody& into) {
  ASSIGN_OR_RETURN(const json::object* parameters, ObjectField(body, "parameters"));
  if (parameters != nullptr) into.input.parameters = *parameters;
  ASSIGN_OR_RETURN(const auto action, StringField(body, "action_type"));
  if (action) {
    ASSIGN_OR_RETURN(into.input.action, connectors::ParseActionType(*action));
  }
  return ReadDlq(body, into);
}

// Of an asymmetric model's parameters those that the peer knows; it passes them on.
Status ReadDocsRoute(BodyFamily family, const json::object& body, connectors::RemoteInput& input) {
  input.has_docs = true;
  ASSIGN_OR_RETURN(input.documents, ReadDocuments(body));
  if (family == BodyFamily::kSimilarity) {
    if (input.documents.empty()) return Invalid("No text documents were provided");
    ASSIGN_OR_RETURN(input.query, StringField(body, "query_text"));
    return input.query ? Status() : Status(Invalid("No query text was provided"));
  }
  if (input.documents.empty()) return Invalid("Empty text docs");
  ASSIGN_OR_RETURN(const json::object* parameters, ObjectField(body, "parameters"));
  if (parameters == nullptr) return {};
  for (const std::string_view key : {"content_type", "sparse_embedding_format"}) {
    ASSIGN_OR_RETURN(const auto text, StringField(*parameters, key));
    if (text) input.parameters[key] = *text;
  }
  return {};
}

// schema.properties.parameters.properties.<name>.type is "string".
class StringParameters {
 public:
  explicit StringParameters(std::string_view schema) {
    if (const auto parsed = ParseJson(schema)) {
      schema_ = *parsed;
      properties_ = Properties(Member(Properties(&schema_), "parameters"));
    }
  }
  bool Holds(std::string_view name) const {
    const json::value* type = Member(Member(properties_, name), "type");
    return type != nullptr && *type == "string";
  }

 private:
  static const json::value* Member(const json::value* of, std::string_view name) {
    const json::object* object = of == nullptr ? nullptr : of->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
  }
  static const json::value* Properties(const json::value* of) { return Member(of, "properties"); }

  json::value schema_;
  const json::value* properties_ = nullptr;
};

json::object NativeParameters(const json::object& given, std::string_view schema) {
  const StringParameters strings(schema);
  json::object parameters;
  for (const auto& [name, value] : given) {
    parameters[name] = value;
    if (!value.is_string() || strings.Holds(name)) continue;
    if (auto parsed = ParseJson(value.as_string())) parameters[name] = *std::move(parsed);
  }
  return parameters;
}

json::array Texts(const std::vector<std::optional<std::string>>& documents) {
  json::array texts;
  for (const auto& text : documents) texts.push_back(text ? json::value(*text) : json::value());
  return texts;
}

}  // namespace

bool RemoteTakes(models::FunctionName asked) { return FamilyOf(asked) != BodyFamily::kQuestion; }

Result<RemoteBody> ParseRemoteBody(models::FunctionName asked, const std::string& body) {
  if (body.empty()) {
    return Error{.code = Code::kInvalidArgument, .message = "request body is required", .reason = "parse_exception"};
  }
  ASSIGN_OR_RETURN(const json::object object, ParseJsonObject(body));
  RemoteBody read;
  read.input.algorithm = std::string(models::TraitsOf(asked).name);
  const BodyFamily family = FamilyOf(asked);
  RETURN_IF_ERROR(family == BodyFamily::kRemote ? ReadParameters(object, read)
                                                : ReadDocsRoute(family, object, read.input));
  return read;
}

Status CheckPredictAction(connectors::ActionType action) {
  using connectors::ActionType;
  std::string_view route;
  switch (action) {
    case ActionType::kPredict:
    case ActionType::kExecute:
      return {};
    case ActionType::kBatchPredict:
      route = "POST /_plugins/_ml/models/{model_id}/_batch_predict";
      break;
    case ActionType::kBatchPredictStatus:
      route = "GET /_plugins/_ml/tasks/{task_id}";
      break;
    case ActionType::kCancelBatchPredict:
      route = "POST /_plugins/_ml/tasks/{task_id}/_cancel_batch";
      break;
  }
  return Invalid(fmt::format("action_type {} is no prediction: use {}", connectors::ActionTypeName(action), route));
}

std::string RemoteInstance(const connectors::RemoteInput& input, std::string_view schema) {
  json::object instance{{"algorithm", input.algorithm}};
  if (!input.has_docs) {
    instance["parameters"] = NativeParameters(input.parameters, schema);
    instance["action_type"] = connectors::ActionTypeName(input.action);
    return ToJson(instance);
  }
  if (input.query) instance["query_text"] = *input.query;
  if (!input.parameters.empty()) instance["parameters"] = input.parameters;
  instance["text_docs"] = Texts(input.documents);
  return ToJson(instance);
}

}  // namespace mlnode::rest
