#include "connectors/reply_check.h"

#include <algorithm>
#include <array>

namespace mlnode::connectors {
namespace {

// The statuses that the peer can answer with.
constexpr std::array kStatuses{100, 101, 200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 305,
                               307, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414,
                               415, 416, 417, 421, 422, 423, 424, 429, 500, 501, 502, 503, 504, 505, 507};

Error Refusal(int status, std::string message) {
  Error error = MakeError(Code::kUpstream, std::move(message));
  error.reason = "status_exception";
  error.upstream_status = std::ranges::binary_search(kStatuses, status) ? status : 500;
  return error;
}

bool IsThrottled(const net::Headers& headers) {
  const auto type = headers.Find("x-amzn-ErrorType");
  return type && type->starts_with("ThrottlingException");
}

}  // namespace

Status CheckReply(const net::ClientReply& reply, std::int64_t max_json_bytes, const Redactor& redactor) {
  if (IsThrottled(reply.headers))
    return Refusal(reply.status,
                   "Error from remote service: The request was denied due to remote server throttling. To change the "
                   "retry policy and behavior, please update the connector client_config.");
  const bool success = reply.status >= 200 && reply.status <= 300;
  if (!success && reply.body.empty())
    return Refusal(reply.status,
                   "Remote service returned error status " + std::to_string(reply.status) + " with empty body");
  if (!success) return Refusal(reply.status, "Error from remote service: " + redactor.Shown(reply.body));
  if (reply.body.empty()) return Refusal(502, "Remote service returned empty response body");
  if (max_json_bytes >= 0 && reply.body.size() > static_cast<std::uint64_t>(max_json_bytes))
    return MakeError(Code::kInvalidArgument,
                     "JSON string size exceeds maximum allowed size (" + std::to_string(max_json_bytes) + " bytes)");
  return {};
}

}  // namespace mlnode::connectors
