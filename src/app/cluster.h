// app/cluster.h: what a node of a cluster has that a node alone has not: the store that all share, the key between
// nodes, the keys of credentials that all must have. Threads: called while a node starts, by one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "app/node.h"
#include "config/settings.h"
#include "connectors/credential_vault.h"
#include "core/clock.h"
#include "core/id.h"
#include "net/peer_signature.h"
#include "storage/store.h"

namespace mlnode::app {

// Is this to be a node of a cluster.
bool IsClustered(const NodeOptions& options, const config::Snapshot& settings);

// Before anything is opened: kPermissionDenied (leaves this machine without the means to be safe; says what to set),
// kInvalidArgument (an address that others cannot reach, attributes that are none, a key that is too short).
Status CheckClusterSettings(const NodeOptions& options, const config::Snapshot& settings);

// The cluster's store on these servers, reached as the settings say. make_streams as in NatsOptions. What
// NatsStore::Open says.
Result<std::unique_ptr<storage::Store>> OpenNatsStore(const std::string& servers, const config::Snapshot& settings,
                                                      const Clock& clock, bool make_streams);

// mlnode.http.publish_address, or the address that the server listens on.
std::string PublishedAddress(const config::Snapshot& settings, const std::string& listening);

// mlnode.node.attributes. kInvalidArgument: not name=value.
Result<std::map<std::string, std::string>> NodeAttributes(const config::Snapshot& settings);

struct Cluster {
  std::unique_ptr<storage::Store> opened;  // null: NodeOptions::store, which is not ours
  storage::Store* store = nullptr;
  std::string uuid;
  std::string place;  // where it lives, for people; no secrets
  std::unique_ptr<net::PeerKey> key;
};
// Connects, and makes what the first node makes; `uuid` becomes the cluster's then. What NatsStore::Open and
// cluster_documents.h say; blocks up to its open_limit.
Result<Cluster> JoinCluster(const NodeOptions& options, const config::Snapshot& settings, const std::string& uuid,
                            RandomSource& random, const Clock& clock);

// The vault of a node of the cluster: keys from MLNODE_CREDENTIALS_KEYS, else a file that is named explicitly, else
// those that follow from the key between nodes. kFailedPrecondition: others have other keys.
Result<std::unique_ptr<connectors::CredentialVault>> OpenSharedVault(const NodeOptions& options,
                                                                     const config::Snapshot& settings,
                                                                     const Cluster& cluster, RandomSource& random,
                                                                     const Clock& clock);

}  // namespace mlnode::app
