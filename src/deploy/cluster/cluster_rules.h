// deploy/cluster/cluster_rules.h: what the settings of a cluster's node must say before it talks to others.
// Threads: any; pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::deploy {

// Prefix of all that a cluster of this name keeps in NATS: [A-Za-z0-9_-]+, at most 96 bytes, the same for the same name
// and another for another: what is not of [A-Za-z0-9-] becomes "_" and two hexadecimal digits, and a long name ends in
// "_h" and digits of its SHA-256.
std::string ClusterPrefix(std::string_view cluster_name);

// "127.0.0.1" of "127.0.0.1:9200", "::1" of "[::1]:9200". kInvalidArgument: no host, or no port from 1 to 65535.
Result<std::string> HostOfAddress(std::string_view address);

struct ClusterExposure {
  std::string http_host;          // that the node listens on
  std::string published_host;     // by which others reach it
  std::string nats;               // comma-separated URLs; empty: the store is in this process
  bool nats_tls = false;          // authorities or a client certificate are configured
  bool nats_credentials = false;  // a credentials file is
  bool cluster_key = false;       // given, by variable or file
};
// kPermissionDenied with what to set: something leaves this machine, and there is no cluster key, or NATS is reached
// with neither TLS nor credentials. kInvalidArgument: others cannot reach the address that this node would publish, or
// `nats` is no list of servers.
Status CheckExposure(const ClusterExposure& exposure);

}  // namespace mlnode::deploy
