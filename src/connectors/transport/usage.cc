#include "connectors/transport/usage.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>

namespace mlnode::connectors {
namespace {

namespace ondemand = simdjson::ondemand;

// The fields at the top of an answer that UsageOf(object) reads.
constexpr std::string_view kCounted[] = {"usage",   "meta",          "inputTextTokenCount",   "prompt_token_count",
                                         "results", "usageMetadata", "generation_token_count"};
// A counting field is a few hundred bytes; a larger one ("results" of a reranker) counts nothing.
constexpr std::size_t kMaxFieldBytes = 16UL * 1024;

std::optional<std::uint64_t> Number(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* whole = value->if_int64()) {
    return *whole < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(*whole));
  }
  if (const auto* large = value->if_uint64()) return *large;
  const auto* real = value->if_double();
  if (real == nullptr || *real < 0 || *real > 1e15) return std::nullopt;
  return static_cast<std::uint64_t>(*real);
}

std::optional<std::uint64_t> FirstOf(const json::object& object, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) {
    if (const auto number = Number(object, key)) return number;
  }
  return std::nullopt;
}

const json::object* Inner(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

Usage OfUsageField(const json::object& usage) {
  Usage count;
  const auto total = FirstOf(usage, {"total_tokens", "totalTokens", "totalTokenCount"});
  const auto input = FirstOf(usage, {"prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount"});
  const auto output = FirstOf(usage, {"completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount"});
  count.input_tokens = input.value_or(total.value_or(0));  // embedding services that report a total only
  count.output_tokens = output.value_or(total && *total > count.input_tokens ? *total - count.input_tokens : 0);
  return count;
}

std::uint64_t SumOfResults(const json::object& body) {
  const json::value* const results = body.if_contains("results");
  if (results == nullptr || !results->is_array()) return 0;
  std::uint64_t sum = 0;
  for (const auto& result : results->get_array()) {
    if (const auto* fields = result.if_object()) sum += Number(*fields, "tokenCount").value_or(0);
  }
  return sum;
}

std::uint64_t HeaderNumber(const net::Headers& headers, std::string_view name) {
  const auto text = headers.Find(name).value_or("");
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

// The counting fields of a body, whatever else it holds. What cannot be read is left out.
json::object CountingFields(const std::string& body) {
  json::object fields;
  ondemand::parser parser;
  const simdjson::padded_string padded(body);
  ondemand::document document;
  ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return fields;
  if (document.get_object().get(object) != simdjson::SUCCESS) return fields;
  for (auto field : object) {
    std::string_view key;
    std::string_view text;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return fields;
    if (std::ranges::find(kCounted, key) == std::end(kCounted)) continue;
    const json::string name(key);
    if (simdjson::to_json_string(field.value()).get(text) != simdjson::SUCCESS) return fields;
    if (text.size() > kMaxFieldBytes) continue;
    if (auto value = ParseJson(text)) fields[name] = *std::move(value);
  }
  return fields;
}

}  // namespace

Usage& Usage::operator+=(const Usage& other) {
  calls += other.calls;
  documents += other.documents;
  input_tokens += other.input_tokens;
  output_tokens += other.output_tokens;
  return *this;
}

Usage UsageOf(const json::object& body) {
  if (const auto* usage = Inner(body, "usage")) return OfUsageField(*usage);
  if (const auto* usage = Inner(body, "usageMetadata")) return OfUsageField(*usage);
  if (const auto* meta = Inner(body, "meta")) {
    const auto* billed = Inner(*meta, "billed_units");
    if (billed == nullptr) billed = Inner(*meta, "tokens");
    return billed == nullptr ? Usage() : OfUsageField(*billed);
  }
  Usage count;
  count.input_tokens = FirstOf(body, {"inputTextTokenCount", "prompt_token_count"}).value_or(0);
  count.output_tokens = Number(body, "generation_token_count").value_or(0) + SumOfResults(body);
  return count;
}

Usage UsageOf(const net::ClientReply& reply) {
  if (reply.status < 200 || reply.status >= 300) return {};
  Usage count;
  try {
    count = UsageOf(CountingFields(reply.body));
  } catch (const std::exception&) {  // simdjson and Boost.JSON without memory: an answer is worth more than its count
    count = {};
  }
  if (count.input_tokens == 0) count.input_tokens = HeaderNumber(reply.headers, "x-amzn-bedrock-input-token-count");
  if (count.output_tokens == 0) count.output_tokens = HeaderNumber(reply.headers, "x-amzn-bedrock-output-token-count");
  count.calls = 1;
  return count;
}

}  // namespace mlnode::connectors
