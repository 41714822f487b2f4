#include "storage/nats/server_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "storage/nats/nats_store.h"

namespace mlnode::storage {
namespace nats {
namespace {

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Error BadServer(std::size_t position, std::string_view why) {
  return MakeError(Code::kInvalidArgument,
                   fmt::format("server {} of mlnode.cluster.nats {}; each is nats://host:port or "
                               "tls://host:port, separated by commas",
                               position, why));
}

Result<Server> ParseServer(std::string_view text, std::size_t position) {
  if (text.empty()) return BadServer(position, "is empty");
  std::string full(text);
  if (text.find("://") == std::string_view::npos) full = "nats://" + full;
  const auto parsed = boost::urls::parse_uri(full);
  if (!parsed) return BadServer(position, "is no URL");
  const boost::urls::url_view& url = *parsed;
  Server server;
  server.tls = url.scheme() == "tls";
  if (!server.tls && url.scheme() != "nats") return BadServer(position, "has another scheme");
  server.host = url.encoded_host();
  if (server.host.empty()) return BadServer(position, "names no host");
  if (!(url.encoded_path().empty() || url.encoded_path() == "/") || url.has_query() || url.has_fragment()) {
    return BadServer(position, "has more than a host and a port");
  }
  if (url.has_port() && !url.port().empty()) {
    if (url.port_number() == 0) return BadServer(position, "has a port that is none");
    server.port = url.port_number();
  }
  if (url.has_password()) {
    server.user = url.user();
    server.password = url.password();
  } else if (url.has_userinfo()) {
    server.token = url.user();
  }
  return server;
}

bool IsLoopback(const std::string& host) {
  const bool numbers = host.find_first_not_of("0123456789.") == std::string::npos;  // "127.example.org" is a name
  return host == "localhost" || host == "[::1]" || (numbers && host.starts_with("127."));
}

}  // namespace

Result<std::vector<Server>> ParseServers(const std::string& servers) {
  std::vector<Server> list;
  std::string_view rest = servers;
  for (;;) {
    const std::size_t comma = rest.find(',');
    ASSIGN_OR_RETURN(Server server, ParseServer(Trimmed(rest.substr(0, comma)), list.size() + 1));
    list.push_back(std::move(server));
    if (comma == std::string_view::npos) return list;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace nats

bool IsLoopbackOnly(const std::string& servers) {
  const auto list = nats::ParseServers(servers);
  return list && std::all_of(list->begin(), list->end(), [](const auto& s) { return nats::IsLoopback(s.host); });
}

}  // namespace mlnode::storage
