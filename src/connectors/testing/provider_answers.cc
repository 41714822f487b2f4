#include "connectors/testing/provider_answers.h"

#include <algorithm>
#include <sstream>

#include "connectors/transport/aws_event_decoder.h"
#include "core/json.h"
#include "core/sha256.h"

namespace mlnode::connectors {
namespace {

ProviderAnswer Json(const json::value& body, int status = 200) {
  return {.status = status, .content_type = "application/json", .pieces = {ToJson(body)}};
}

ProviderAnswer Refuse(int status, std::string_view message) {
  return Json({{"error", {{"message", message}, {"type", "invalid_request_error"}}}}, status);
}

std::string TextOf(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(value->get_string()) : ToJson(*value);
}

std::vector<std::string> TextsOf(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return {};
  if (!value->is_array()) return {TextOf(object, key)};
  std::vector<std::string> texts;
  for (const auto& element : value->get_array()) {
    texts.push_back(element.is_string() ? std::string(element.get_string()) : ToJson(element));
  }
  return texts;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::size_t Tokens(const std::vector<std::string>& texts) {
  std::size_t tokens = 0;
  for (const auto& text : texts) tokens += std::max<std::size_t>(Words(text).size(), 1);
  return tokens;
}

json::array Vector(std::string_view text) {
  json::array numbers;
  for (const double number : EmbeddingOf(text)) numbers.push_back(number);
  return numbers;
}

json::array Vectors(const std::vector<std::string>& texts) {
  json::array rows;
  for (const auto& text : texts) rows.push_back(Vector(text));
  return rows;
}

json::object TokenUsage(std::size_t input, std::size_t output, const char* in_name, const char* out_name,
                        const char* total_name) {
  return {{in_name, input}, {out_name, output}, {total_name, input + output}};
}

// OpenAI.

ProviderAnswer OpenAiEmbeddings(const json::object& body) {
  const auto texts = TextsOf(body, "input");
  if (texts.empty()) return Refuse(400, "'input' is a required property");
  json::array data;
  for (const auto& text : texts) {
    data.push_back({{"object", "embedding"}, {"index", data.size()}, {"embedding", Vector(text)}});
  }
  return Json({{"object", "list"},
               {"data", data},
               {"model", TextOf(body, "model")},
               {"usage", {{"prompt_tokens", Tokens(texts)}, {"total_tokens", Tokens(texts)}}}});
}

std::string LastMessage(const json::object& body) {
  const auto* messages = body.if_contains("messages");
  if (messages == nullptr || !messages->is_array() || messages->get_array().empty()) return {};
  const auto* last = messages->get_array().back().if_object();
  if (last == nullptr) return {};
  const auto* content = last->if_contains("content");
  if (content == nullptr || !content->is_array() || content->get_array().empty()) return TextOf(*last, "content");
  const auto* part = content->get_array().front().if_object();
  return part == nullptr ? std::string() : TextOf(*part, "text");
}

// The words of the answer, each with the space that follows it.
std::vector<std::string> Reply(const json::object& body) {
  auto words = Words("echo: " + LastMessage(body));
  for (std::size_t i = 0; i + 1 < words.size(); ++i) words[i] += ' ';
  return words;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += word;
  return text;
}

std::string ChatEvent(const json::value& delta, const json::value& finish) {
  const json::value event = {{"id", "chatcmpl-1"},
                             {"object", "chat.completion.chunk"},
                             {"choices", {{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}}}};
  return "data: " + ToJson(event) + "\n\n";
}

ProviderAnswer OpenAiChat(const json::object& body) {
  if (LastMessage(body).empty()) return Refuse(400, "'messages' is a required property");
  const auto words = Reply(body);
  const auto* stream = body.if_contains("stream");
  if (stream == nullptr || *stream != json::value(true)) {
    const json::value choice = {
        {"index", 0}, {"message", {{"role", "assistant"}, {"content", Joined(words)}}}, {"finish_reason", "stop"}};
    return Json({{"id", "chatcmpl-1"},
                 {"object", "chat.completion"},
                 {"model", TextOf(body, "model")},
                 {"choices", json::array{choice}},
                 {"usage", TokenUsage(3, words.size(), "prompt_tokens", "completion_tokens", "total_tokens")}});
  }
  ProviderAnswer answer{.status = 200, .content_type = "text/event-stream", .pieces = {}};
  for (const auto& word : words) answer.pieces.push_back(ChatEvent({{"content", word}}, nullptr));
  answer.pieces.push_back(ChatEvent(json::object(), "stop"));
  answer.pieces.emplace_back("data: [DONE]\n\n");
  return answer;
}

// Cohere.

ProviderAnswer CohereEmbed(const json::object& body, bool v2) {
  const auto texts = TextsOf(body, "texts");
  if (texts.empty()) return Json({{"message", "invalid request: at least one text is required"}}, 400);
  json::value rows = Vectors(texts);
  if (v2) rows = {{"float", Vectors(texts)}};
  return Json(
      {{"id", "e-1"},
       {"texts", json::value_from(texts)},
       {"embeddings", rows},
       {"meta", {{"api_version", {{"version", v2 ? "2" : "1"}}}, {"billed_units", {{"input_tokens", Tokens(texts)}}}}},
       {"response_type", v2 ? "embeddings_by_type" : "embeddings_floats"}});
}

// The best first, as every reranker answers: a document scores by the words that it shares with the query.
ProviderAnswer Ranked(const std::string& query, const std::vector<std::string>& documents, const char* score_name) {
  if (documents.empty()) return Json({{"message", "invalid request: list of documents must not be empty"}}, 400);
  const auto wanted = Words(query);
  std::vector<std::pair<double, std::size_t>> ranks;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto words = Words(documents[i]);
    const auto shared = std::ranges::count_if(
        words, [&](const std::string& w) { return std::ranges::find(wanted, w) != wanted.end(); });
    ranks.emplace_back(-(static_cast<double>(shared) + 0.5) / static_cast<double>(words.size() + 1), i);
  }
  std::ranges::sort(ranks);
  json::array results;
  for (const auto& [score, index] : ranks) results.push_back({{"index", index}, {score_name, -score}});
  return Json({{"id", "r-1"}, {"results", results}, {"meta", {{"billed_units", {{"search_units", 1}}}}}});
}

// Amazon Bedrock.

ProviderAnswer TitanEmbed(const json::object& body) {
  const std::string text = TextOf(body, "inputText");
  if (text.empty() && !body.contains("inputImage")) {
    return Json({{"message", "Malformed input request: #: required key [inputText] not found"}}, 400);
  }
  json::object answer{{"embedding", Vector(text)}, {"inputTextTokenCount", Tokens({text})}};
  if (body.contains("embeddingTypes")) answer["embeddingsByType"] = {{"float", Vector(text)}};
  return Json(answer);
}

ProviderAnswer NovaEmbed(const json::object& body) {
  const auto* params = body.if_contains("singleEmbeddingParams");
  const std::string text = params == nullptr ? ToJson(body) : ToJson(*params);
  const json::value row = {{"embeddingType", "TEXT"}, {"embedding", Vector(text)}};
  return Json({{"embeddings", json::array{row}}});
}

ProviderAnswer ClaudeMessage(const json::object& body) {
  const auto words = Reply(body);
  const json::value part = {{"type", "text"}, {"text", Joined(words)}};
  return Json({{"type", "message"},
               {"role", "assistant"},
               {"content", json::array{part}},
               {"stop_reason", "end_turn"},
               {"usage", {{"input_tokens", 3}, {"output_tokens", words.size()}}}});
}

ProviderAnswer InvokeModel(std::string_view model, const json::object& body) {
  const auto is = [model](std::string_view part) { return model.find(part) != std::string_view::npos; };
  if (is("titan-embed")) return TitanEmbed(body);
  if (is("nova") && is("embed")) return NovaEmbed(body);
  if (is("cohere.embed")) return CohereEmbed(body, body.contains("embedding_types"));
  if (is("rerank")) return Ranked(TextOf(body, "query"), TextsOf(body, "documents"), "relevance_score");
  if (is("claude") && body.contains("messages")) return ClaudeMessage(body);
  return Json({{"completion", "echo: " + TextOf(body, "prompt")}, {"stop_reason", "stop_sequence"}});
}

ProviderAnswer BedrockRerank(const json::object& body) {
  std::vector<std::string> documents;
  std::string query;
  if (const auto* queries = body.if_contains("queries"); queries != nullptr && queries->is_array()) {
    query = ToJson(*queries);
  }
  if (const auto* sources = body.if_contains("sources"); sources != nullptr && sources->is_array()) {
    for (const auto& source : sources->get_array()) documents.push_back(ToJson(source));
  }
  return Ranked(query, documents, "relevanceScore");
}

json::object ConverseUsage(std::size_t words) {
  return TokenUsage(3, words, "inputTokens", "outputTokens", "totalTokens");
}

ProviderAnswer Converse(const json::object& body) {
  const auto words = Reply(body);
  const json::value part = {{"text", Joined(words)}};
  return Json({{"output", {{"message", {{"role", "assistant"}, {"content", json::array{part}}}}}},
               {"stopReason", "end_turn"},
               {"usage", ConverseUsage(words.size())}});
}

ProviderAnswer ConverseStream(const json::object& body) {
  const auto words = Reply(body);
  ProviderAnswer answer{.status = 200, .content_type = "application/vnd.amazon.eventstream", .pieces = {}};
  const auto add = [&answer](std::string_view type, const json::value& payload) {
    answer.pieces.push_back(EncodeAwsEvent("event", type, ToJson(payload)));
  };
  add("messageStart", {{"role", "assistant"}});
  for (const auto& word : words) add("contentBlockDelta", {{"contentBlockIndex", 0}, {"delta", {{"text", word}}}});
  add("contentBlockStop", {{"contentBlockIndex", 0}});
  add("messageStop", {{"stopReason", "end_turn"}});
  add("metadata", {{"usage", ConverseUsage(words.size())}});
  return answer;
}

ProviderAnswer Bedrock(std::string_view path, const json::object& body) {
  path.remove_prefix(std::string_view("/model/").size());
  const auto slash = path.find('/');
  const auto model = path.substr(0, slash);
  const auto operation = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  if (operation == "invoke") return InvokeModel(model, body);
  if (operation == "converse") return Converse(body);
  if (operation == "converse-stream") return ConverseStream(body);
  return Json({{"message", "UnknownOperationException"}}, 404);
}

}  // namespace

std::vector<double> EmbeddingOf(std::string_view text) {
  const std::string digest = Sha256Hex(text);
  std::vector<double> numbers{static_cast<double>(text.size())};
  for (std::size_t i = 0; i < 3; ++i) numbers.push_back(std::stoi(digest.substr(i * 3, 3), nullptr, 16) / 4096.0);
  return numbers;
}

ProviderAnswer AnswerAsProvider(std::string_view path, std::string_view text) {
  const auto body = ParseJsonObject(text);
  if (!body) return Refuse(400, "We could not parse the JSON body of your request.");
  if (path == "/v1/embeddings") return OpenAiEmbeddings(*body);
  if (path == "/v1/chat/completions") return OpenAiChat(*body);
  if (path == "/v1/embed" || path == "/v2/embed") return CohereEmbed(*body, path == "/v2/embed");
  if (path == "/v1/rerank" || path == "/v2/rerank") {
    return Ranked(TextOf(*body, "query"), TextsOf(*body, "documents"), "relevance_score");
  }
  if (path == "/rerank") return BedrockRerank(*body);
  if (path.starts_with("/model/")) return Bedrock(path, *body);
  return Refuse(404, "no such path");
}

}  // namespace mlnode::connectors
