// connectors/transport/retry_policy.h: whether a reply is worth asking again, and when (spec/remote §3). Pure; any
// thread.
#pragma once

#include <optional>

#include "connectors/connector.h"
#include "core/clock.h"
#include "core/id.h"
#include "net/http_client.h"

namespace mlnode::connectors {

// HTTP 429, 500 and above, or AWS's x-amzn-ErrorType: ThrottlingException whatever the status. A failed connection is
// no reply: the peer does not retry it either, and the circuit breaker counts it.
bool IsRetryable(const net::ClientReply& reply);

// What the provider asks for in Retry-After: seconds or an HTTP date (RFC 9110 §10.2.3). nullopt: nothing that can be
// read. Never negative.
std::optional<Duration> RetryAfter(const net::Headers& headers, EpochMillis now);

// The least time between two attempts: a backoff of 0 with max_retry_times -1 would ask as fast as the machine can.
inline constexpr std::chrono::milliseconds kShortestBackoff{10};

struct RetryState {
  std::int64_t retries = 0;                // made so far
  Duration elapsed{};                      // since the call was begun
  Duration remaining{};                    // until the caller's deadline
  std::optional<Duration> asked_for = {};  // by Retry-After
};

// How long to wait before the next attempt; nullopt: this reply is the answer, because the retries are used up or the
// wait would end after retry_timeout or the deadline. Constant: retry_backoff. Equal jitter: half of
// retry_backoff * 2^retries, and up to as much again; full jitter: anything up to it. Retry-After makes it longer,
// never shorter.
std::optional<Duration> NextRetry(const ClientConfig& config, const RetryState& state, RandomSource& random);

}  // namespace mlnode::connectors
