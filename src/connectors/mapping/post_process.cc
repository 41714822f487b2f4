#include "connectors/mapping/post_process.h"

#include <algorithm>
#include <array>

#include "connectors/mapping/json_path.h"
#include "connectors/mapping/script_function.h"
#include "connectors/mapping/tensors.h"
#include "connectors/templates/json_text.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kFamily = "connector.post_process.";

using Read = Result<Tensors> (*)(const json::value& value, std::string_view path);
Result<Tensors> Rows(const json::value& value, std::string_view path) { return EmbeddingRows(value, DataTypeOf(path)); }
Result<Tensors> Row(const json::value& value, std::string_view path) { return EmbeddingRow(value, DataTypeOf(path)); }
Result<Tensors> CohereScores(const json::value& value, std::string_view) { return Scores(value, "relevance_score"); }
Result<Tensors> BedrockScores(const json::value& value, std::string_view) { return Scores(value, "relevanceScore"); }
Result<Tensors> Job(const json::value& value, std::string_view) { return BatchJob(value); }
Result<Tensors> Unwrap(const json::value& value, std::string_view) { return Passthrough(value); }

struct BuiltIn {
  std::string_view name;  // after kFamily
  std::string_view path;
  Read read;
};
// spec/remote §5.3.
constexpr std::array kBuiltIns{
    BuiltIn{"openai.embedding", "$.data[*].embedding", Rows},
    BuiltIn{"cohere.embedding", "$.embeddings", Rows},
    BuiltIn{"cohere_v2.embedding.float", "$.embeddings.float", Rows},
    BuiltIn{"cohere_v2.embedding.int8", "$.embeddings.int8", Rows},
    BuiltIn{"cohere_v2.embedding.uint8", "$.embeddings.uint8", Rows},
    BuiltIn{"cohere_v2.embedding.binary", "$.embeddings.binary", Rows},
    BuiltIn{"cohere_v2.embedding.ubinary", "$.embeddings.ubinary", Rows},
    BuiltIn{"default.embedding", "$[*]", Rows},
    BuiltIn{"bedrock.nova.embedding", "$.embeddings[*].embedding", Rows},
    BuiltIn{"bedrock.embedding", "$.embedding", Row},
    BuiltIn{"bedrock_v2.embedding.float", "$.embeddingsByType.float", Row},
    BuiltIn{"bedrock_v2.embedding.binary", "$.embeddingsByType.binary", Row},
    BuiltIn{"bedrock.batch_job_arn", "$", Job},
    BuiltIn{"cohere.rerank", "$.results", CohereScores},
    BuiltIn{"default.rerank", "$[*]", CohereScores},
    BuiltIn{"bedrock.rerank", "$.results", BedrockScores},
    BuiltIn{"mlcommons.passthrough", "$", Unwrap},
};

Error Unforeseen(std::string detail) {
  Error error = MakeError(Code::kInternal, "Fail to execute PREDICT in aws connector");
  error.detail = std::move(detail);
  return error;
}

// "": none.
std::string_view ResponseFilter(const Parameters& parameters) {
  const auto found = parameters.find("response_filter");
  if (found == parameters.end() || found->second.find_first_not_of(" \t\r\n") == std::string::npos) return {};
  return found->second;
}

// nullopt: the path leads nowhere. An answer that is no JSON is the provider's fault.
Result<std::optional<json::value>> Pick(const JsonPath& path, std::string_view body) {
  if (KindOfJson(body) == JsonKind::kNone) return Unforeseen("the answer is no JSON");
  return path.Query(body);
}

class BuiltInFunction final : public PostProcess {
 public:
  BuiltInFunction(const BuiltIn& built_in, std::unique_ptr<const JsonPath> path)
      : built_in_(built_in), path_(std::move(path)) {}

  Result<std::vector<RemoteTensor>> Run(std::string_view body, const Parameters& parameters) const override {
    const std::string_view filter = ResponseFilter(parameters);
    if (filter.empty()) return RunPath(body, *path_, built_in_.path);
    ASSIGN_OR_RETURN(const std::unique_ptr<const JsonPath> path, JsonPath::Compile(filter));
    return RunPath(body, *path, filter);
  }

 private:
  Result<Tensors> RunPath(std::string_view body, const JsonPath& path, std::string_view text) const {
    ASSIGN_OR_RETURN(const std::optional<json::value> value, Pick(path, body));
    if (!value) return Unforeseen("the answer has nothing at " + std::string(text));
    return built_in_.read(*value, text);
  }
  const BuiltIn& built_in_;  // of kBuiltIns
  const std::unique_ptr<const JsonPath> path_;
};

// Without a function, and what a script that returns no tensors comes down to: the whole answer, or what the filter
// picks (spec/remote §5.5).
Result<Tensors> Whole(std::string_view body) {
  switch (KindOfJson(body)) {
    case JsonKind::kObject:
      return ResponseText(CompactJson(body));
    case JsonKind::kArray:
      return ResponseText("{\"response\":" + CompactJson(body) + "}");
    case JsonKind::kScalar:
      return MakeError(Code::kInvalidArgument, "Unsupported response type");
    case JsonKind::kNone:
      break;
  }
  return Unforeseen("the answer is no JSON");
}

Result<Tensors> Filtered(std::string_view body, std::string_view filter) {
  if (filter.empty()) return Whole(body);
  ASSIGN_OR_RETURN(const std::unique_ptr<const JsonPath> path, JsonPath::Compile(filter));
  ASSIGN_OR_RETURN(const std::optional<json::value> value, Pick(*path, body));
  if (!value) return Whole(body);
  // A text that is itself JSON (a chat model's) is shown as such.
  const json::string* text = value->if_string();
  if (text != nullptr && IsJsonContainer(*text)) return Whole(*text);
  return Response(*value);
}

class NoFunction final : public PostProcess {
 public:
  Result<std::vector<RemoteTensor>> Run(std::string_view body, const Parameters& parameters) const override {
    return Filtered(body, ResponseFilter(parameters));
  }
};

class ScriptPostProcess final : public PostProcess {
 public:
  explicit ScriptPostProcess(ScriptFunction function) : function_(std::move(function)) {}

  Result<std::vector<RemoteTensor>> Run(std::string_view body, const Parameters& parameters) const override {
    const std::string_view filter = ResponseFilter(parameters);
    ASSIGN_OR_RETURN(const json::object params, Params(body));
    ASSIGN_OR_RETURN(json::value result, function_.Run(params, parameters));
    if (result.is_null()) return Filtered(body, filter);
    const json::string* text = result.if_string();
    if (text != nullptr && IsJsonContainer(*text)) {
      if (!filter.empty()) return Filtered(*text, filter);
      ASSIGN_OR_RETURN(result, ParseJson(std::string(*text)));
    }
    if (result.is_object() || result.is_array()) return ScriptTensors(result);
    return Response(result);
  }

 private:
  static Result<json::object> Params(std::string_view body) {
    if (KindOfJson(body) == JsonKind::kNone) return Unforeseen("the answer is no JSON");
    ASSIGN_OR_RETURN(json::value answer, ParseJson(body));
    if (json::object* object = answer.if_object()) return std::move(*object);
    if (!answer.is_array()) return MakeError(Code::kInvalidArgument, "Unsupported response type");
    return json::object{{"result", std::move(answer)}};
  }
  ScriptFunction function_;
};

}  // namespace

Result<std::shared_ptr<const PostProcess>> PostProcess::Make(std::string_view function) {
  if (function.empty()) return std::shared_ptr<const PostProcess>(std::make_shared<NoFunction>());
  if (IsBuiltInName(function, kFamily)) {
    const std::string_view name = function.substr(kFamily.size());
    const auto* found = std::ranges::find(kBuiltIns, name, &BuiltIn::name);
    if (found == kBuiltIns.end()) return UnknownBuiltIn("post_process_function", function);
    ASSIGN_OR_RETURN(std::unique_ptr<const JsonPath> path, JsonPath::Compile(found->path));
    return std::shared_ptr<const PostProcess>(std::make_shared<BuiltInFunction>(*found, std::move(path)));
  }
  Result<ScriptFunction> script = ScriptFunction::Make(function);
  if (!script) return Annotate(std::move(script).error(), "post_process_function");
  return std::shared_ptr<const PostProcess>(std::make_shared<ScriptPostProcess>(*std::move(script)));
}

}  // namespace mlnode::connectors
