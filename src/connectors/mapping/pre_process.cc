#include "connectors/mapping/pre_process.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "connectors/compiled_connector.h"
#include "connectors/mapping/script_function.h"
#include "connectors/templates/payload.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kFamily = "connector.pre_process.";

// What a built-in gets: the documents of one call, and the query of a similarity.
struct Documents {
  std::span<const std::optional<std::string>> documents;
  const std::optional<std::string>& query;
};
using Made = Result<Parameters>;

Error Mistake(std::string_view text) { return MakeError(Code::kInvalidArgument, std::string(text)); }

json::value Text(const std::optional<std::string>& document) {
  return document ? json::value(*document) : json::value(nullptr);
}
std::string List(const Documents& input) {
  json::array list;
  for (const auto& document : input.documents) list.push_back(Text(document));
  return ToJson(json::value(std::move(list)));
}
Made One(std::string_view name, std::string value) {
  Parameters made;
  made.emplace(name, std::move(value));
  return made;
}
bool HasNothing(const Documents& input) {
  return input.documents.empty() || (input.documents.size() == 1 && !input.documents[0]);
}

template <const char* kName>
Made AllDocuments(const Documents& input) {
  return One(kName, List(input));
}
// A document that is null leaves the parameter out: "${parameters.inputText:-null}" is null then.
template <const char* kName>
Made FirstDocument(const Documents& input) {
  if (HasNothing(input)) return Mistake("No input provided");
  const std::optional<std::string>& document = input.documents[0];
  return document ? One(kName, *document) : Made(Parameters{});
}
Made Images(const Documents& input) {
  if (HasNothing(input)) return Mistake("No image provided");
  return One("images", List(input));
}
Made TextAndImage(const Documents& input) {
  if (HasNothing(input)) return Mistake("No input text or image provided");
  Parameters made;
  if (input.documents[0]) made["inputText"] = *input.documents[0];
  if (input.documents.size() > 1 && input.documents[1]) made["inputImage"] = *input.documents[1];
  return made;
}
// A document that is a JSON object with one of the keys says what it is; any other is a text.
Made AnyMedium(const Documents& input) {
  if (HasNothing(input) || !input.documents[0]) return Mistake("No input provided");
  const std::string& document = *input.documents[0];
  const Result<json::value> parsed = document.starts_with('{') ? ParseJson(document) : Result<json::value>(nullptr);
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  Parameters made;
  for (const char* key : {"text", "image", "video", "audio"}) {
    const json::value* value = object == nullptr ? nullptr : object->if_contains(key);
    if (value == nullptr || value->is_null()) continue;
    made[key] = value->is_string() ? std::string(value->get_string()) : ToJson(*value);
  }
  if (made.empty()) made["text"] = document;
  return made;
}
Made Rerank(const Documents& input) {
  Parameters made;
  made["query"] = *input.query;
  made["documents"] = List(input);
  made["top_n"] = std::to_string(input.documents.size());
  return made;
}
Made BedrockRerank(const Documents& input) {
  json::array sources;
  for (const auto& document : input.documents) {
    json::object text{{"type", "TEXT"}, {"textDocument", {{"text", Text(document)}}}};
    sources.push_back(json::object{{"type", "INLINE"}, {"inlineDocumentSource", std::move(text)}});
  }
  Parameters made;
  made["queries"] =
      ToJson(json::value(json::array{json::object{{"type", "TEXT"}, {"textQuery", {{"text", *input.query}}}}}));
  made["numberOfResults"] = std::to_string(sources.size());
  made["sources"] = ToJson(json::value(std::move(sources)));
  return made;
}

constexpr char kInput[] = "input";            // NOLINT(*-avoid-c-arrays)
constexpr char kTexts[] = "texts";            // NOLINT(*-avoid-c-arrays)
constexpr char kInputText[] = "inputText";    // NOLINT(*-avoid-c-arrays)
constexpr char kInputImage[] = "inputImage";  // NOLINT(*-avoid-c-arrays)
constexpr char kInputVideo[] = "inputVideo";  // NOLINT(*-avoid-c-arrays)
constexpr char kInputAudio[] = "inputAudio";  // NOLINT(*-avoid-c-arrays)

enum class Takes { kAll, kOne, kQuery };
struct BuiltIn {
  std::string_view name;  // after kFamily
  Takes takes;
  Made (*make)(const Documents&);
};
// spec/remote §5.2. Those that read docs[0] only take one document a call: the peer sends one call to all of them but
// bedrock.embedding and drops the others.
constexpr std::array kBuiltIns{
    BuiltIn{"openai.embedding", Takes::kAll, AllDocuments<kInput>},
    BuiltIn{"default.embedding", Takes::kAll, AllDocuments<kInput>},
    BuiltIn{"cohere.embedding", Takes::kAll, AllDocuments<kTexts>},
    BuiltIn{"cohere.multimodal_embedding", Takes::kAll, Images},
    BuiltIn{"bedrock.embedding", Takes::kOne, FirstDocument<kInputText>},
    BuiltIn{"bedrock.multimodal_embedding", Takes::kAll, TextAndImage},
    BuiltIn{"bedrock.nova.text_embedding", Takes::kOne, FirstDocument<kInputText>},
    BuiltIn{"bedrock.nova.image_embedding", Takes::kOne, FirstDocument<kInputImage>},
    BuiltIn{"bedrock.nova.video_embedding", Takes::kOne, FirstDocument<kInputVideo>},
    BuiltIn{"bedrock.nova.audio_embedding", Takes::kOne, FirstDocument<kInputAudio>},
    BuiltIn{"bedrock.nova.embedding", Takes::kOne, AnyMedium},
    BuiltIn{"cohere.rerank", Takes::kQuery, Rerank},
    BuiltIn{"default.rerank", Takes::kQuery, Rerank},
    BuiltIn{"bedrock.rerank", Takes::kQuery, BedrockRerank},
};

class BuiltInFunction final : public PreProcess {
 public:
  explicit BuiltInFunction(const BuiltIn& built_in) : built_in_(built_in) {}
  bool TakesAllDocuments() const override { return built_in_.takes != Takes::kOne; }
  bool IsScript() const override { return false; }
  Result<Parameters> Run(const RemoteInput& input, std::size_t first, std::size_t count,
                         const Parameters& /*parameters*/) const override {
    const bool wants_query = built_in_.takes == Takes::kQuery;
    if (!wants_query && (!input.has_docs || input.query))
      return Mistake(
          "This pre_process_function can only support TextDocsInputDataSet which including a list of string with key "
          "'text_docs'");
    if (wants_query && !input.query)
      return Mistake("This pre_process_function can only support TextSimilarityInputDataSet");
    const std::span<const std::optional<std::string>> all(input.documents);
    return built_in_.make({.documents = all.subspan(first, count), .query = input.query});
  }

 private:
  const BuiltIn& built_in_;  // of kBuiltIns
};

class ScriptPreProcess final : public PreProcess {
 public:
  explicit ScriptPreProcess(ScriptFunction function) : function_(std::move(function)) {}
  bool TakesAllDocuments() const override { return false; }
  bool IsScript() const override { return true; }
  Result<Parameters> Run(const RemoteInput& input, std::size_t first, std::size_t count,
                         const Parameters& parameters) const override {
    const json::object params =
        input.has_docs ? DocumentParams(input, first, count, parameters) : NativeParams(input, parameters);
    ASSIGN_OR_RETURN(const json::value result, function_.Run(params, parameters));
    if (result.is_null()) return Mistake("Preprocess function output is null");
    ASSIGN_OR_RETURN(const json::object made, MadeObject(result));
    const json::value* inner = made.if_contains("parameters");
    if (inner == nullptr || inner->is_null()) return Parameters{};
    if (!inner->is_object()) return Mistake("Preprocess function output has 'parameters' that are no JSON object");
    return AsText(inner->get_object());
  }

 private:
  static Result<json::object> MadeObject(const json::value& result) {
    if (const json::object* object = result.if_object()) return *object;
    const json::string* text = result.if_string();
    if (text == nullptr) return Mistake("Preprocess function output is no JSON object");
    Result<json::object> object = ParseJsonObject(*text);
    if (!object) return Annotate(std::move(object).error(), "Preprocess function output is no JSON object");
    return object;
  }
  ScriptFunction function_;
};

}  // namespace

Result<std::shared_ptr<const PreProcess>> PreProcess::Make(std::string_view function) {
  if (IsBuiltInName(function, kFamily)) {
    const std::string_view name = function.substr(kFamily.size());
    const auto* found = std::ranges::find(kBuiltIns, name, &BuiltIn::name);
    if (found == kBuiltIns.end()) return UnknownBuiltIn("pre_process_function", function);
    return std::shared_ptr<const PreProcess>(std::make_shared<BuiltInFunction>(*found));
  }
  Result<ScriptFunction> script = ScriptFunction::Make(function);
  if (!script) return Annotate(std::move(script).error(), "pre_process_function");
  return std::shared_ptr<const PreProcess>(std::make_shared<ScriptPreProcess>(*std::move(script)));
}

}  // namespace mlnode::connectors
