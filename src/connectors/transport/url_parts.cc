#include "connectors/transport/url_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mlnode::connectors {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

int DefaultPort(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

Error NoUrl() {
  return MakeError(Code::kInvalidArgument, "the URL is malformed, or its scheme is neither http nor https");
}

Status TakeAuthority(std::string_view authority, UrlParts& parts) {
  if (authority.find('@') != std::string_view::npos) {
    return MakeError(Code::kInvalidArgument, "the URL may not hold a user name or password");
  }
  // The colons within an IPv6 address stand before the closing bracket.
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  parts.host = std::string(authority.substr(0, colon));
  if (parts.host.empty()) return NoUrl();
  parts.port = DefaultPort(parts.scheme);
  if (colon == std::string_view::npos || colon + 1 == authority.size()) return {};
  const auto digits = authority.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parts.port);
  if (error != std::errc() || end != digits.data() + digits.size() || parts.port < 0 || parts.port > 65'535) {
    return MakeError(Code::kInvalidArgument, fmt::format("Port out of range: {}", digits));
  }
  return {};
}

}  // namespace

std::string UrlParts::HostField() const {
  return port == DefaultPort(scheme) ? host : fmt::format("{}:{}", host, port);
}

std::string UrlParts::Endpoint() const { return fmt::format("{}://{}:{}", scheme, Lower(host), port); }

Result<UrlParts> SplitUrl(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return NoUrl();
  UrlParts parts;
  parts.scheme = Lower(url.substr(0, scheme_end));
  if (parts.scheme != "http" && parts.scheme != "https") return NoUrl();
  std::string_view rest = url.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  RETURN_IF_ERROR(TakeAuthority(authority, parts));
  rest.remove_prefix(authority.size());
  const auto question = rest.find('?');
  parts.path = std::string(rest.substr(0, question));
  if (parts.path.empty()) parts.path = "/";
  if (question != std::string_view::npos) parts.query = std::string(rest.substr(question + 1));
  return parts;
}

}  // namespace mlnode::connectors
