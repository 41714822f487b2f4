// connectors/transport/attempt.h: one attempt of a call: the HTTP request that goes out, and what its end means. Pure
// but for the signature's time; any thread.
#pragma once

#include "connectors/transport/endpoint_table.h"
#include "connectors/transport/remote_caller.h"

namespace mlnode::connectors {

// The longest exchange, for a call without a deadline: a generation of many thousand tokens is through by then.
inline constexpr std::chrono::minutes kLongestExchange{15};

// Signed as of `now`, with the address rules and the limits of the connector; `remaining`: until the caller's deadline.
// kInvalidArgument: no URL.
Result<net::ClientRequest> MakeAttempt(OutgoingRequest request, const CallOptions& options, Duration remaining,
                                       EpochMillis now);

// A server that is silent for less counts as slow, not as gone.
inline constexpr std::chrono::seconds kPatienceWithServers{5};

// What the end of an attempt says about the server, for all who ask it: what a connector's own settings bring about
// says nothing. So a refused certificate (which authorities count is the connector's to say), an exchange that breaks
// under its own TLS identity (a server refuses one in this way), and a silence of less than kPatienceWithServers. Too
// large an answer is one. `took`: from sending to the end.
Endpoint::Outcome OutcomeOf(const Result<net::ClientReply>& result, const CallOptions& options, Duration took,
                            bool own_identity);

// A failure of the HTTP client in the peer's words (spec/remote §5.5).
Error ExplainFailure(Error error, const CallOptions& options);

}  // namespace mlnode::connectors
