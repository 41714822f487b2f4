// connectors/testing/provider_double.h: a model provider on 127.0.0.1 for tests, benchmarks and process tests: answers
// as provider_answers.h says, after a delay, and fails in the ways that providers fail. One thread on Asio, so that its
// own ceiling (tens of thousands of answers a second) stays far above what is measured against it. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_message.h"

namespace mlnode::connectors {

enum class Fault : std::uint8_t {
  kNone,
  kSlow,           // "slow": the answer comes after Options::slow
  kTooMany,        // "429", with Retry-After: Options::retry_after
  kServerError,    // "500"
  kUnavailable,    // "503"
  kThrottled,      // "throttled": 400 with x-amzn-ErrorType: ThrottlingException
  kUnauthorized,   // "401"
  kCut,            // "cut": the connection ends without an answer
  kCutWithinBody,  // "cut-body": after half of the announced body
  kHuge,           // "huge": 200 with a JSON array of Options::huge_bytes, of unknown length
  kBadJson,        // "bad-json": 200 with half of a JSON object
  kEmpty,          // "empty": 200 without a body
  kRedirect,       // "redirect": 302 to Options::redirect_to
  kSilent,         // "silent": nothing, until the client leaves
};
std::optional<Fault> FaultNamed(std::string_view name);

struct ReceivedRequest {
  std::string method, target;
  net::Headers headers;
  std::string body;
};

class ProviderDouble {
 public:
  struct Options {
    std::uint16_t port = 0;  // 0: any free one
    std::chrono::milliseconds delay{0};
    std::chrono::milliseconds stream_gap{0};  // between the pieces of a stream
    std::chrono::milliseconds slow{2'000};
    std::string retry_after = "1";
    std::string redirect_to = "http://169.254.169.254/latest/meta-data/";
    std::size_t huge_bytes = 256UL * 1024 * 1024;
  };
  static constexpr std::size_t kRemembered = 1'000;  // requests; the oldest go first

  // kFailedPrecondition: the port is taken.
  static Result<std::unique_ptr<ProviderDouble>> Start(Options options);
  virtual ~ProviderDouble() = default;  // closes all connections

  // Which fault a request meets: a header "X-Fault: 429", a path that begins with "/fault/429/", or what FailNext says,
  // in this order. The double forgets the prefix before it looks at the path.
  virtual void FailNext(Fault fault, std::size_t times) = 0;

  virtual std::uint16_t port() const = 0;
  virtual std::string Url(std::string_view target) const = 0;
  virtual std::vector<ReceivedRequest> received() const = 0;
  virtual std::uint64_t requests() const = 0;     // ever
  virtual std::uint64_t connections() const = 0;  // ever accepted
  virtual std::size_t under_way() const = 0;      // requests without an end
  virtual std::size_t most_at_once() const = 0;   // of them
};

}  // namespace mlnode::connectors
