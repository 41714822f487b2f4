#include "deploy/cluster/cluster_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/sha256.h"
#include "net/address_guard.h"
#include "storage/nats/server_list.h"

namespace mlnode::deploy {
namespace {

constexpr std::size_t kMostPrefixBytes = 96;  // a stream's name may have 255, and more than the prefix stands in it
constexpr std::size_t kKeptPrefixBytes = 60;
constexpr std::size_t kHashDigits = 32;

bool IsPlain(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; }

std::string_view HostOf(std::string_view place) {
  if (place.starts_with('[')) return place.substr(0, std::min(place.find(']'), place.size() - 1) + 1);
  return place.substr(0, place.find(':'));
}

bool IsLoopback(std::string_view host) { return net::IsLoopbackHost(std::string(host)); }

bool IsEverywhere(std::string_view host) { return host == "0.0.0.0" || host == "::" || host == "[::]"; }

using Servers = std::vector<storage::nats::Server>;

Status CheckNats(const ClusterExposure& exposure, const Servers& servers) {
  if (exposure.nats_tls || exposure.nats_credentials) return {};
  for (const storage::nats::Server& server : servers) {
    if (IsLoopback(server.host) || server.tls || !server.user.empty() || !server.token.empty()) continue;
    return MakeError(
        Code::kPermissionDenied,
        fmt::format("mlnode.cluster.nats leads to {} with neither TLS nor credentials: whoever reaches that server can "
                    "read and change all models. Use tls:// in the URL, or give a user and password in it "
                    "(MLNODE_CLUSTER_NATS keeps them off the command line), or set "
                    "mlnode.cluster.nats_credentials_file",
                    server.Name()));
  }
  return {};
}

}  // namespace

std::string ClusterPrefix(std::string_view cluster_name) {
  std::string prefix;
  for (const char c : cluster_name) {
    if (IsPlain(c)) {
      prefix += c;
    } else {
      prefix += fmt::format("_{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (prefix.size() > kMostPrefixBytes) {
    // No short name's prefix has "_h": 'h' is no hexadecimal digit.
    prefix = fmt::format("{}_h{}", prefix.substr(0, kKeptPrefixBytes), Sha256Hex(cluster_name).substr(0, kHashDigits));
  }
  return prefix.empty() ? "_" : prefix;
}

Result<std::string> HostOfAddress(std::string_view address) {
  const std::string_view host = HostOf(address);
  std::string_view port = address.substr(host.size());
  int number = 0;
  const bool colon = port.starts_with(':');
  if (colon) port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool good = colon && error == std::errc() && end == port.data() + port.size() && number >= 1 && number <= 65535;
  if (!good || host.empty() || host == "[]") {
    return MakeError(
        Code::kInvalidArgument,
        fmt::format("mlnode.http.publish_address must be host:port, such as 10.0.0.5:9200, found [{}]", address));
  }
  return std::string(host.starts_with('[') ? host.substr(1, host.size() - 2) : host);
}

Status CheckExposure(const ClusterExposure& exposure) {
  if (IsEverywhere(exposure.published_host)) {
    return MakeError(Code::kInvalidArgument,
                     fmt::format("mlnode.http.address is {}, which other nodes cannot connect to: set "
                                 "mlnode.http.publish_address to the host:port by which they reach this one",
                                 exposure.published_host));
  }
  Servers servers;
  if (!exposure.nats.empty()) {
    ASSIGN_OR_RETURN(servers, storage::nats::ParseServers(exposure.nats));
  }
  RETURN_IF_ERROR(CheckNats(exposure, servers));
  if (exposure.cluster_key) return {};
  const auto refuse = [](std::string_view setting, std::string_view place) {
    return MakeError(
        Code::kPermissionDenied,
        fmt::format("{} is {}, not on this machine alone, and there is no cluster key: nodes prove to each "
                    "other with it who they are. Give all nodes the same one, 16 bytes at least, by the "
                    "variable MLNODE_CLUSTER_KEY or a file that mlnode.cluster.key_file names (openssl "
                    "rand -hex 32 makes one)",
                    setting, place));
  };
  if (!IsLoopback(exposure.http_host)) return refuse("mlnode.http.address", exposure.http_host);
  if (!IsLoopback(exposure.published_host)) return refuse("mlnode.http.publish_address", exposure.published_host);
  for (const storage::nats::Server& server : servers) {
    if (!IsLoopback(server.host)) return refuse("mlnode.cluster.nats", server.Name());
  }
  return {};
}

}  // namespace mlnode::deploy
