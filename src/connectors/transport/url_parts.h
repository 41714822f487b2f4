// connectors/transport/url_parts.h: a URL cut into what signing and bookkeeping need. It decides nothing about where a
// request may go: that is EndpointRules and the address guard. Source: RFC 3986 §3. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::connectors {

struct UrlParts {
  std::string scheme;  // "http" or "https"
  std::string host;    // as given, brackets of IPv6 included
  int port = 0;        // the scheme's when the URL names none
  std::string path;    // as given; "/" when empty
  std::string query;   // as given, without '?'

  // What an HTTP client writes into Host: the port only when it is not the scheme's.
  std::string HostField() const;
  // "https://api.example.com:443", host in lower case: one server, however it is written.
  std::string Endpoint() const;
};

// kInvalidArgument: neither http nor https, no host, user info, or a port beyond 65535.
Result<UrlParts> SplitUrl(std::string_view url);

}  // namespace mlnode::connectors
