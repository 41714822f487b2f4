// connectors/transport/usage.h: what a provider says it counted, for cost counters. Formats: OpenAI ("usage" with
// prompt_tokens, completion_tokens or total_tokens), Anthropic and Bedrock Converse ("usage" with input_tokens,
// inputTokens, ...), Cohere ("meta"."billed_units"), Amazon Titan (inputTextTokenCount, results[].tokenCount), Llama on
// Bedrock (prompt_token_count), Gemini ("usageMetadata"), and the headers that Bedrock adds whatever the model. Pure;
// any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/json.h"
#include "net/http_client.h"

namespace mlnode::connectors {

struct Usage {
  std::uint64_t calls = 0, documents = 0, input_tokens = 0, output_tokens = 0;
  Usage& operator+=(const Usage& other);
  bool operator==(const Usage&) const = default;
};

// Of one reply: calls is 1 for a 2xx, and nothing is counted for another; documents is left to the caller, for nobody
// reports it. Unknown formats and broken JSON count no tokens. Cost: one pass over the body at about 1 GB/s; what does
// not count is skipped, not parsed.
Usage UsageOf(const net::ClientReply& reply);
// Tokens only, of a body or an event that is parsed already.
Usage UsageOf(const json::object& body);

}  // namespace mlnode::connectors
