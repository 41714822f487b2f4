// storage/nats/server_list.h: the servers of NatsOptions::servers. Threads: any; no state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace mlnode::storage::nats {

struct Server {
  std::string host;  // IPv6 in brackets
  std::uint16_t port = 4222;
  bool tls = false;
  std::string user = {}, password = {}, token = {};  // secrets; a user without a password is a token
  // "host:port": what may be logged.
  std::string Name() const { return host + ":" + std::to_string(port); }
};

// kInvalidArgument naming the place, never the text (it may hold a password): nothing there, a URL that is none, a
// scheme other than nats and tls, a path. Without a scheme, nats. At least one server on success.
Result<std::vector<Server>> ParseServers(const std::string& servers);

}  // namespace mlnode::storage::nats
