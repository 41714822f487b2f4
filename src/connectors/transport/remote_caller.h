// connectors/transport/remote_caller.h: sends what a connector prepared: connection limit per connector, retries by its
// policy, Retry-After, circuit breaker per endpoint, SigV4. No thread per call: libcurl multi (net/http_client.h)
// and timers on `io`. Threads: any; `done` is called on the HTTP client's thread or on a timer: hand heavy work on.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/endpoint_rules.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "net/http_client.h"

namespace mlnode::connectors {

struct SigningKey {  // aws_sigv4
  std::string access_key, secret_key, session_token, region, service;
};

using ClientCertificate = net::ClientCertificate;  // mutual TLS

// One request, ready but for its signature, which has a time in it and is made for each attempt.
struct OutgoingRequest {
  std::string method, url, body;
  net::Headers headers;
  std::string body_hash = {};  // SHA-256 of the body, hex: HashBody (sigv4.h); empty: each attempt makes it
  std::shared_ptr<const SigningKey> signing;          // null: not signed
  std::shared_ptr<const ClientCertificate> identity;  // null: none
};

struct CallOptions {
  std::string pool;  // whose connection limit counts: connector id, or model id of an inline one
  ClientConfig config = {};
  std::shared_ptr<const EndpointRules> rules = {};
  Deadline deadline = Deadline::Never();
  std::shared_ptr<std::atomic<bool>> cancelled =
      {};  // looked at before each attempt, and each kAskEvery while one runs
  std::size_t max_response_bytes = 100'000'000;
  // When set, pieces of a 2xx body go here as they come, and the call is not retried (streaming).
  std::function<Status(std::string_view piece)> body_sink = {};
};

struct CallerEnvironment {
  net::HttpClient& client;
  Executor& timers;
  const Clock& clock;  // WallMillis dates the signature
  RandomSource& random;
  Metrics& metrics;
  // Requests under way at once, over all pools; 0: ConnectionPools::OfThisProcess (connection_pool.h).
  std::size_t max_in_flight = 0;
};

class RemoteCaller {
 public:
  // Calls that wait for a connection, over all pools, and the bytes of their bodies; beyond: kResourceExhausted (429).
  // As many bytes again may rest until a retry; a reply whose retry finds no room there is the answer.
  static constexpr std::size_t kMaxWaiting = 10'000;
  static constexpr std::size_t kMaxWaitingBytes = 256UL * 1024 * 1024;
  static std::unique_ptr<RemoteCaller> Create(CallerEnvironment environment);
  virtual ~RemoteCaller() = default;  // Stop()
  // Fails what waits, and what comes later, with kCancelled, and cancels what is under way. That ends on the client's
  // thread, soon: who destroys what `done` refers to calls HttpClient::Stop first. Client and metrics outlive that.
  // Idempotent.
  virtual void Stop() = 0;
  using Done = UniqueFunction<void(Result<net::ClientReply>)>;
  // Any HTTP status that is left after the retries is a reply. Errors: kInvalidArgument (URL, address: the peer's
  // texts), kInternal "Error communicating with remote model: <detail>" (connection, timeout), kResourceExhausted (no
  // connection of the pool, or of the node, free within connection_timeout), kUnavailable with retry_after (the
  // endpoint's circuit is open), kDeadlineExceeded, kCancelled, and what body_sink answers. Exactly one call of `done`,
  // after the last of body_sink; a refusal may come before Send returns.
  virtual void Send(OutgoingRequest request, CallOptions options, Done done) = 0;
  struct EndpointState {
    std::string endpoint;  // "https://api.example.com:443"
    std::size_t in_flight = 0, waiting = 0;
    bool circuit_open = false;  // half open counts as open
    // Requests sent, retries included; those without an HTTP answer; those that were retries.
    std::uint64_t calls = 0, failures = 0, retries = 0;
  };
  static constexpr std::size_t kMaxEndpoints = 1'000;        // remembered; the one that was unused longest goes first
  virtual std::vector<EndpointState> Endpoints() const = 0;  // by name
};

}  // namespace mlnode::connectors
