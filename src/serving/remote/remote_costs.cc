#include "serving/remote/remote_costs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace mlnode::serving {
namespace {

std::optional<std::uint64_t> WholeNumber(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n:"), text.size()));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// Of the last of that key: providers put their accounts behind the answer. `key` with its quotes.
std::optional<std::uint64_t> LastNumber(std::string_view body, std::string_view key) {
  const std::size_t at = body.rfind(key);
  if (at == std::string_view::npos) return std::nullopt;
  return WholeNumber(body.substr(at + key.size(), 32));
}

struct TokenKeys {
  std::string_view input, output;
};
constexpr std::array<std::string_view, 2> kTotals = {"\"total_tokens\"", "\"totalTokens\""};
constexpr std::array<TokenKeys, 3> kPairs = {{{"\"input_tokens\"", "\"output_tokens\""},
                                              {"\"inputTokens\"", "\"outputTokens\""},
                                              {"\"inputTextTokenCount\"", "\"outputTextTokenCount\""}}};
constexpr TokenKeys kHeaders = {"x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"};

}  // namespace

std::uint64_t ReportedTokens(const net::ClientReply& reply) {
  for (const std::string_view key : kTotals) {
    if (const auto total = LastNumber(reply.body, key)) return *total;
  }
  for (const TokenKeys& keys : kPairs) {
    const auto input = LastNumber(reply.body, keys.input);
    const auto output = LastNumber(reply.body, keys.output);
    if (input || output) return input.value_or(0) + output.value_or(0);
  }
  std::uint64_t total = 0;
  for (const std::string_view header : {kHeaders.input, kHeaders.output}) {
    if (const auto value = reply.headers.Find(header)) total += WholeNumber(*value).value_or(0);
  }
  return total;
}

}  // namespace mlnode::serving
