#include "connectors/transport/attempt.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/transport/sigv4.h"

namespace mlnode::connectors {

Result<net::ClientRequest> MakeAttempt(OutgoingRequest request, const CallOptions& options, Duration remaining,
                                       EpochMillis now) {
  if (request.signing) RETURN_IF_ERROR(SignV4(request, now));
  net::ClientRequest attempt;
  attempt.method = std::move(request.method);
  attempt.url = std::move(request.url);
  attempt.headers = std::move(request.headers);
  attempt.body = std::move(request.body);
  attempt.may_resend = false;  // each counts, and may be charged for
  attempt.max_redirects = 0;   // a redirect would lead where no rule was asked
  attempt.connect_timeout = options.config.connection_timeout;
  attempt.idle_timeout = options.config.read_timeout;
  attempt.total_timeout = std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(remaining, kLongestExchange));
  attempt.max_response_bytes = options.max_response_bytes;
  attempt.verify_tls = !options.config.skip_ssl_verification;
  attempt.identity = std::move(request.identity);
  if (options.rules) options.rules->Guard(attempt);
  return attempt;
}

Endpoint::Outcome OutcomeOf(const Result<net::ClientReply>& result, const CallOptions& options, Duration took,
                            bool own_identity) {
  const auto unless = [](bool own_doing) {
    return own_doing ? Endpoint::Outcome::kUntold : Endpoint::Outcome::kUnreachable;
  };
  if (result) return Endpoint::Outcome::kAnswered;
  switch (result.error().code) {
    case Code::kTooLarge:
      return Endpoint::Outcome::kAnswered;
    case Code::kUnavailable:
      return unless(result.error().message == net::kTlsRefused ||
                    (result.error().message == net::kNotConnectedInTime && took < kPatienceWithServers));
    case Code::kDeadlineExceeded:
      return unless(took < kPatienceWithServers || options.config.read_timeout < kPatienceWithServers);
    case Code::kUpstream:
      return unless(own_identity);
    default:
      return Endpoint::Outcome::kUntold;
  }
}

Error ExplainFailure(Error error, const CallOptions& options) {
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kCancelled:
    case Code::kResourceExhausted:
      return error;
    case Code::kPermissionDenied:  // an address that the node refuses whatever the rules say
      error.code = Code::kInvalidArgument;
      return error;
    case Code::kTooLarge:
      error.code = Code::kInvalidArgument;
      error.message =
          fmt::format("JSON string size exceeds maximum allowed size ({} bytes)", options.max_response_bytes);
      return error;
    default:
      error.code = Code::kInternal;
      error.message = fmt::format("Error communicating with remote model: {}", error.message);
      return error;
  }
}

}  // namespace mlnode::connectors
