#include "app/rotate_keys.h"

#include <unistd.h>

#include <iostream>

#include "app/cluster.h"
#include "app/credential_keys.h"
#include "app/node_settings.h"
#include "connectors/connector_repository.h"
#include "storage/data_folder.h"
#include "storage/sqlite/sqlite_store.h"

namespace mlnode::app {
namespace {

// Nodes run meanwhile: all have been given the new key in front of the old one, and whoever opens a credential does not
// mind under which of them it is. A key is never made here: the other nodes would not have it.
Result<std::size_t> ResealCluster(const config::Snapshot& settings, RandomSource& random, const Clock& clock) {
  const NodeOptions options{.settings = {},
                            .credential_keys = SecretVariable(config::kCredentialKeysVariable),
                            .cluster_key = SecretVariable(config::kClusterKeyVariable)};
  if (options.credential_keys.empty() && settings.String("mlnode.credentials.key_file").empty()) {
    return MakeError(Code::kFailedPrecondition,
                     "the credentials of this cluster are sealed under a key that follows from the cluster's: there is "
                     "none to be changed");
  }
  ASSIGN_OR_RETURN(const Cluster cluster, JoinCluster(options, settings, NewUuid22(random), random, clock));
  ASSIGN_OR_RETURN(const auto vault, OpenSharedVault(options, settings, cluster, random, clock));
  return connectors::ConnectorRepository(*cluster.store, random, clock, *vault).Reseal();
}

Result<std::size_t> Rotate(const cli::ServeFlags& flags) {
  ASSIGN_OR_RETURN(config::RawValues values, ReadStaticSettings(flags, environ));
  ASSIGN_OR_RETURN(const std::unique_ptr<config::Settings> settings, config::Settings::Create(std::move(values)));
  const config::SnapshotPtr current = settings->Current();
  // The variable is somebody else's to change: with a new key in front, a node's start is all it takes besides.
  // Empty counts as unset, as for the node itself.
  const std::string keys = SecretVariable(config::kCredentialKeysVariable);
  SystemRandom random;
  const SystemClock clock;
  if (!current->String("mlnode.cluster.nats").empty()) return ResealCluster(*current, random, clock);
  ASSIGN_OR_RETURN(const auto folder, storage::DataFolder::Open(current->String("mlnode.data_dir"), random));
  ASSIGN_OR_RETURN(const auto store,
                   storage::SqliteStore::Open({.folder = folder->path(), .sync = FileSync::kDurable, .vfs = {}}));
  const connectors::VaultOptions options{
      .key_file = CredentialKeyFile(*current), .keys = keys, .sealed_under = connectors::SealingKeys(*store)};
  if (options.keys.empty()) RETURN_IF_ERROR(connectors::AddKey(options));
  ASSIGN_OR_RETURN(const auto vault, connectors::CredentialVault::Open(options));
  return connectors::ConnectorRepository(*store, random, clock, *vault).Reseal();
}

}  // namespace

int RotateKeys(const cli::ServeFlags& flags) {
  ProtectMemory();
  const Result<std::size_t> changed = Rotate(flags);
  if (!changed) {
    std::cerr << "mlnode: " << changed.error().message << "\n";
    if (!changed.error().detail.empty()) std::cerr << "mlnode: " << changed.error().detail << "\n";
    return 1;
  }
  std::cout << *changed << " documents sealed again under the first key\n" << std::flush;
  return 0;
}

}  // namespace mlnode::app
