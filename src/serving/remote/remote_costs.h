// serving/remote/remote_costs.h: what a remote model has cost since it is in service on this node: what providers
// charge for. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>

#include "net/http_client.h"

namespace mlnode::serving {

struct RemoteCosts {
  std::atomic<std::uint64_t> calls{0};      // handed to the transport; its retries count there (RemoteCaller)
  std::atomic<std::uint64_t> failures{0};   // without an answer, or with one that is no success
  std::atomic<std::uint64_t> documents{0};  // sent, as far as a call has documents
  std::atomic<std::uint64_t> tokens{0};     // as the provider reports
};

// The tokens that a reply says were used: usage.total_tokens (OpenAI), the sum of input and output (Anthropic, Bedrock,
// Cohere's billed_units), inputTextTokenCount (Titan), Bedrock's headers. 0: it says nothing. Looks for the keys, does
// not parse: about 1 GB/s; a text that holds such a key has its quotes escaped and is not taken for one.
std::uint64_t ReportedTokens(const net::ClientReply& reply);

}  // namespace mlnode::serving
