#include "connectors/endpoint_rules.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/log.h"
#include "net/address_guard.h"

namespace mlnode::connectors {
namespace {

constexpr std::size_t kMaxUrlBytes = 8'192;
constexpr int kMaxPort = 65'535;
// Where it stands in the text, the URL is a template still: what is filled in is checked when it is.
constexpr std::string_view kPlaceholder = "${";

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }
Error NoUrl() {
  return Invalid(
      "Encountered error when trying to create uri from endpoint in ml connector. Please update the endpoint in "
      "connection configuration: ");
}

// RE2 objects are neither copied nor moved.
using Patterns = std::vector<std::unique_ptr<RE2>>;

Patterns Compile(const std::vector<std::string>& texts, std::string_view setting) {
  Patterns patterns;
  for (const std::string& text : texts) {
    auto pattern = std::make_unique<RE2>(text, RE2::Quiet);
    if (pattern->ok()) {
      patterns.push_back(std::move(pattern));
    } else {
      LOG_WARN("connectors", "a pattern of {} matches nothing: {}", setting, pattern->error());
    }
  }
  return patterns;
}

bool AnyMatches(const Patterns& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [&](const auto& pattern) { return RE2::FullMatch(text, *pattern); });
}

struct UrlParts {
  std::string_view scheme, user_info, host, port;
};

// The parts as RFC 3986 §3.2 cuts them; nullopt: there is no authority. A backslash ends it for some readers and not
// for others: such a URL has none here.
std::optional<UrlParts> Split(std::string_view url) {
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos || url.find('\\') != std::string_view::npos) return std::nullopt;
  UrlParts parts{.scheme = url.substr(0, colon), .user_info = {}, .host = {}, .port = {}};
  std::string_view authority = url.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    parts.user_info = authority.substr(0, at + 1);
    authority.remove_prefix(at + 1);
  }
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    parts.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
    if (!authority.empty() && !authority.starts_with(':')) return std::nullopt;
  } else {
    // A placeholder may hold a ':' of its own default.
    const std::size_t port = authority.find('}') == std::string_view::npos ? authority.find(':') : authority.rfind(':');
    const bool inside = port != std::string_view::npos && authority.find('}', port) != std::string_view::npos;
    parts.host = inside ? authority : authority.substr(0, port);
    authority.remove_prefix(parts.host.size());
  }
  if (!authority.empty()) parts.port = authority.substr(1);
  if (parts.host.empty()) return std::nullopt;
  return parts;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower,
                            [](char t, char l) { return (t >= 'A' && t <= 'Z' ? t - 'A' + 'a' : t) == l; });
}

Status CheckPort(std::string_view port) {
  if (port.empty() || port.find(kPlaceholder) != std::string_view::npos) return {};
  int number = -1;
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (failed == std::errc::result_out_of_range) return Invalid(fmt::format("Port out of range: {}", port));
  if (failed != std::errc() || end != port.data() + port.size() || port.starts_with('-')) return NoUrl();
  return number <= kMaxPort ? Status() : Invalid(fmt::format("Port out of range: {}", number));
}

// "." or ".." as a part of the path, also with %2e and between %2f: HTTP clients and servers remove such parts, so that
// what is asked is not what was judged.
bool HasDotPart(std::string_view url) {
  url = url.substr(0, url.find('?'));
  const std::size_t start = url.find('/', url.find("://") + 3);
  if (start == std::string_view::npos) return false;
  std::string path;
  for (std::size_t i = start; i < url.size(); ++i) {
    const std::string_view code = url.substr(i, 3);
    const bool dot = EqualsIgnoringCase(code, "%2e");
    const bool slash = EqualsIgnoringCase(code, "%2f") || EqualsIgnoringCase(code, "%5c");
    path += dot ? '.' : slash ? '/' : url[i];
    if (dot || slash) i += 2;
  }
  path += '/';
  return path.find("/./") != std::string::npos || path.find("/../") != std::string::npos;
}

Status CheckSyntax(std::string_view url) {
  if (url.size() > kMaxUrlBytes) return Invalid(fmt::format("Connector URL is longer than {} bytes", kMaxUrlBytes));
  const bool odd = std::ranges::any_of(url, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
  const std::optional<UrlParts> parts = odd ? std::nullopt : Split(url);
  if (!parts) return NoUrl();
  if (!EqualsIgnoringCase(parts->scheme, "https") && !EqualsIgnoringCase(parts->scheme, "http"))
    return Invalid(fmt::format("Protocol is not http or https: {}", parts->scheme));
  if (!parts->user_info.empty())
    return Invalid("Connector URL must not have user information before its host: use ${credential.*} in a header");
  if (url.find('#') != std::string_view::npos || HasDotPart(url))
    return Invalid("Connector URL must not have '.' or '..' as a part of its path, nor a '#'");
  return CheckPort(parts->port);
}

// Of an address: the peer repeats it as its own cause.
Error Refused(std::string message) {
  Error error = Invalid(std::move(message));
  error.cause = std::make_shared<const Error>(error);
  return error;
}

// "10.0.0.1", "2001:db8::1". Empty: neither family.
std::string AddressText(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(), text.size());
  } else if (address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(), text.size());
  }
  return text.data();
}

class Rules final : public EndpointRules, public std::enable_shared_from_this<Rules> {
 public:
  explicit Rules(const config::Snapshot& settings)
      : trusted_(Read(settings, "plugins.ml_commons.trusted_connector_endpoints_regex")),
        trusted_private_(Read(settings, "plugins.ml_commons.trusted_connector_private_endpoints_regex")),
        restricted_(Read(settings, "plugins.ml_commons.connector.restricted_ip_patterns")),
        has_trusted_(!settings.List("plugins.ml_commons.trusted_connector_endpoints_regex").empty()),
        judges_private_(!settings.List("plugins.ml_commons.trusted_connector_private_endpoints_regex").empty()),
        allows_private_(settings.Bool("plugins.ml_commons.connector.private_ip_enabled")) {}

  Status CheckUrl(std::string_view url) const override {
    if (!has_trusted_)
      return Invalid(
          "Trusted connector endpoints regex is not configured. Please set "
          "plugins.ml_commons.trusted_connector_endpoints_regex.");
    if (!AnyMatches(trusted_, url))
      return Invalid("Connector URL is not matching the trusted connector endpoint regex");
    return CheckSyntax(url);
  }

  void Guard(net::ClientRequest& request) const override {
    request.addresses = net::AddressPolicy::kAny;  // Judge is stricter, and says it in the peer's words
    request.path_as_is = true;                     // what CheckUrl saw
    const std::optional<UrlParts> parts = Split(request.url);
    request.check_address = [self = shared_from_this(), url = request.url,
                             host = std::string(parts ? parts->host : std::string_view())](const sockaddr* address) {
      return self->Judge(address, url, host);
    };
  }

 private:
  static Patterns Read(const config::Snapshot& settings, std::string_view name) {
    return Compile(settings.List(name), name);
  }

  Status Judge(const sockaddr* address, const std::string& url, const std::string& host) const {
    const std::optional<sockaddr_in> carried = net::CarriedIpv4(address);
    if (AnyMatches(restricted_, AddressText(address)) ||
        (carried && AnyMatches(restricted_, AddressText(reinterpret_cast<const sockaddr*>(&*carried)))))
      return Refused(fmt::format("Remote inference host name has restricted ip address: {}", host));
    if (net::CheckAddress(address, net::AddressPolicy::kPublicOnly)) return {};
    if (!allows_private_ || !net::CheckAddress(address, net::AddressPolicy::kAny))
      return Refused(fmt::format("Remote inference host name has private ip address: {}", host));
    if (judges_private_ && !AnyMatches(trusted_private_, url))
      return Invalid("Connector URL is not matching the trusted connector private endpoint regex");
    return {};
  }

  const Patterns trusted_, trusted_private_, restricted_;
  // Of what was set, whether or not RE2 can read it: a pattern that matches nothing must not open anything.
  const bool has_trusted_, judges_private_, allows_private_;
};

}  // namespace

std::shared_ptr<const EndpointRules> EndpointRules::Make(const config::Snapshot& settings) {
  return std::make_shared<const Rules>(settings);
}

}  // namespace mlnode::connectors
