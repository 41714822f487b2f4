#include "app/cluster.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "config/setting_values.h"
#include "connectors/connector_repository.h"
#include "core/files.h"
#include "core/log.h"
#include "deploy/cluster/cluster_documents.h"
#include "deploy/cluster/cluster_rules.h"
#include "storage/nats/nats_store.h"

namespace mlnode::app {
namespace {

constexpr std::uint64_t kMaxKeyBytes = 64UL * 1024;

Result<std::string> ReadKeyFile(const std::string& file) {
  struct stat status{};
  if (stat(file.c_str(), &status) != 0) {
    Error error = MakeError(Code::kInvalidArgument,
                            "mlnode.cluster.key_file cannot be read: " + std::generic_category().message(errno));
    error.detail = file;
    return error;
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    Error error = MakeError(
        Code::kPermissionDenied,
        fmt::format("the file that mlnode.cluster.key_file names has mode {:04o}: others than its owner can reach the "
                    "key. Give it mode 0600 (chmod 600) if nobody else has read it",
                    status.st_mode & 07777U));
    error.detail = file;
    return error;
  }
  return ReadFile(file, kMaxKeyBytes);
}

// The key that was given, by variable or file; nullopt: none was.
Result<std::optional<std::string>> GivenKey(const NodeOptions& options, const config::Snapshot& settings) {
  const std::string file = settings.String("mlnode.cluster.key_file");
  std::string key = options.cluster_key;
  std::string_view source = config::kClusterKeyVariable;
  if (key.empty() && file.empty()) return std::optional<std::string>();
  if (key.empty()) {
    ASSIGN_OR_RETURN(key, ReadKeyFile(file));
    source = "the file that mlnode.cluster.key_file names";
  }
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  if (key.size() < net::PeerKey::kMinBytes) {
    return MakeError(Code::kInvalidArgument, fmt::format("{} holds a key of {} bytes; {} are the least", source,
                                                         key.size(), net::PeerKey::kMinBytes));
  }
  return std::optional<std::string>(std::move(key));
}

}  // namespace

Result<std::unique_ptr<storage::Store>> OpenNatsStore(const std::string& servers, const config::Snapshot& settings,
                                                      const Clock& clock, bool make_streams) {
  storage::NatsOptions options{.servers = servers,
                               .prefix = deploy::ClusterPrefix(settings.String("mlnode.cluster.name")),
                               .replicas = static_cast<int>(settings.Int("mlnode.cluster.replicas")),
                               .make_streams = make_streams,
                               .credentials_file = settings.String("mlnode.cluster.nats_credentials_file"),
                               .ca_file = settings.String("mlnode.cluster.nats_ca_file"),
                               .certificate_file = settings.String("mlnode.cluster.nats_certificate_file"),
                               .private_key_file = settings.String("mlnode.cluster.nats_private_key_file"),
                               .client_name = "mlnode " + settings.String("mlnode.node.name")};
  ASSIGN_OR_RETURN(auto store, storage::NatsStore::Open(std::move(options), clock));
  return std::unique_ptr<storage::Store>(std::move(store));
}

bool IsClustered(const NodeOptions& options, const config::Snapshot& settings) {
  return options.store != nullptr || !settings.String("mlnode.cluster.nats").empty();
}

std::string PublishedAddress(const config::Snapshot& settings, const std::string& listening) {
  std::string published = settings.String("mlnode.http.publish_address");
  return published.empty() ? listening : published;
}

Result<std::map<std::string, std::string>> NodeAttributes(const config::Snapshot& settings) {
  std::map<std::string, std::string> attributes;
  for (const std::string& item : settings.List("mlnode.node.attributes")) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      return MakeError(Code::kInvalidArgument,
                       fmt::format("mlnode.node.attributes must be name=value pairs, found [{}]", item));
    }
    attributes.insert_or_assign(item.substr(0, equals), item.substr(equals + 1));
  }
  return attributes;
}

Status CheckClusterSettings(const NodeOptions& options, const config::Snapshot& settings) {
  RETURN_IF_ERROR(NodeAttributes(settings));
  std::string published = settings.String("mlnode.http.address");
  if (const std::string address = settings.String("mlnode.http.publish_address"); !address.empty()) {
    ASSIGN_OR_RETURN(published, deploy::HostOfAddress(address));
  }
  if (!IsClustered(options, settings)) return {};
  ASSIGN_OR_RETURN(const std::optional<std::string> key, GivenKey(options, settings));
  const auto given = [&settings](const char* name) { return !settings.String(name).empty(); };
  return deploy::CheckExposure(
      {.http_host = settings.String("mlnode.http.address"),
       .published_host = std::move(published),
       .nats = settings.String("mlnode.cluster.nats"),
       .nats_tls = given("mlnode.cluster.nats_ca_file") || given("mlnode.cluster.nats_certificate_file"),
       .nats_credentials = given("mlnode.cluster.nats_credentials_file"),
       .cluster_key = key.has_value()});
}

Result<Cluster> JoinCluster(const NodeOptions& options, const config::Snapshot& settings, const std::string& uuid,
                            RandomSource& random, const Clock& clock) {
  Cluster cluster;
  if (options.store != nullptr) {
    cluster.store = options.store;
    cluster.place = "a store in this process";
  } else {
    cluster.place = config::WithoutCredentials(settings.String("mlnode.cluster.nats"));
    ASSIGN_OR_RETURN(cluster.opened,
                     OpenNatsStore(settings.String("mlnode.cluster.nats"), settings, clock, /*make_streams=*/true));
    cluster.store = cluster.opened.get();
  }
  ASSIGN_OR_RETURN(cluster.uuid, deploy::ClusterUuid(*cluster.store, random, uuid));
  ASSIGN_OR_RETURN(std::optional<std::string> given, GivenKey(options, settings));
  if (given) {
    cluster.key = std::make_unique<net::PeerKey>(*std::move(given));
  } else {
    ASSIGN_OR_RETURN(net::PeerKey shared, deploy::SharedPeerKey(*cluster.store, random));
    cluster.key = std::make_unique<net::PeerKey>(std::move(shared));
  }
  return cluster;
}

Result<std::unique_ptr<connectors::CredentialVault>> OpenSharedVault(const NodeOptions& options,
                                                                     const config::Snapshot& settings,
                                                                     const Cluster& cluster, RandomSource& random,
                                                                     const Clock& clock) {
  const std::vector<std::string> sealed_under = connectors::SealingKeys(*cluster.store);
  connectors::VaultOptions vault_options{.key_file = settings.String("mlnode.credentials.key_file"),
                                         .keys = options.credential_keys,
                                         .sync = options.sync,
                                         .sealed_under = sealed_under};
  const bool derived = vault_options.keys.empty() && vault_options.key_file.empty();
  if (derived) vault_options.keys = deploy::DerivedCredentialKeys(*cluster.key);
  ASSIGN_OR_RETURN(auto vault, connectors::CredentialVault::Open(vault_options));
  if (derived) RETURN_IF_ERROR(deploy::CheckDerivedKeys(vault->KeyChecks(), sealed_under));
  RETURN_IF_ERROR(deploy::CheckCredentialKeys(*cluster.store, random, clock, vault->KeyChecks(), sealed_under));
  return vault;
}

}  // namespace mlnode::app
