#include "connectors/reply_check.h"

#include <algorithm>
#include <array>

#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

// The statuses that the peer can answer with.
constexpr std::array kStatuses{100, 101, 200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 305,
                               307, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414,
                               415, 416, 417, 421, 422, 423, 424, 429, 500, 501, 502, 503, 504, 505, 507};
// Shorter ones would blot out ordinary text.
constexpr std::size_t kMinHiddenBytes = 6;

Error Refusal(int status, std::string message) {
  Error error = MakeError(Code::kUpstream, std::move(message));
  error.reason = "status_exception";
  error.upstream_status = std::ranges::binary_search(kStatuses, status) ? status : 500;
  return error;
}

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = DecodeUtf8(text).length;
    out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

void Hide(std::string& text, const std::string& secret) {
  if (secret.size() < kMinHiddenBytes) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3))
    text.replace(at, secret.size(), "***");
}

// Hidden before it is cut, so that no part of a secret is left at the end.
std::string Shown(std::string_view body, const Secrets& secrets) {
  std::size_t longest = 0;
  for (const auto& [name, secret] : secrets) longest = std::max(longest, secret.size());
  std::string text(body.substr(0, kMaxShownReply + longest));
  const bool cut = body.size() > kMaxShownReply;
  for (const auto& [name, secret] : secrets) Hide(text, secret);
  return Printable(std::string_view(text).substr(0, kMaxShownReply)) + (cut ? "..." : "");
}

bool IsThrottled(const net::Headers& headers) {
  const auto type = headers.Find("x-amzn-ErrorType");
  return type && type->starts_with("ThrottlingException");
}

}  // namespace

Status CheckReply(const net::ClientReply& reply, std::int64_t max_json_bytes, const Secrets& secrets) {
  if (IsThrottled(reply.headers))
    return Refusal(reply.status,
                   "Error from remote service: The request was denied due to remote server throttling. To change the "
                   "retry policy and behavior, please update the connector client_config.");
  const bool success = reply.status >= 200 && reply.status <= 300;
  if (!success && reply.body.empty())
    return Refusal(reply.status,
                   "Remote service returned error status " + std::to_string(reply.status) + " with empty body");
  if (!success) return Refusal(reply.status, "Error from remote service: " + Shown(reply.body, secrets));
  if (reply.body.empty()) return Refusal(502, "Remote service returned empty response body");
  if (max_json_bytes >= 0 && reply.body.size() > static_cast<std::uint64_t>(max_json_bytes))
    return MakeError(Code::kInvalidArgument,
                     "JSON string size exceeds maximum allowed size (" + std::to_string(max_json_bytes) + " bytes)");
  return {};
}

}  // namespace mlnode::connectors
