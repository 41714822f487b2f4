#include "app/rotate_keys.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "app/credential_keys.h"
#include "app/node_settings.h"
#include "connectors/connector_repository.h"
#include "storage/data_folder.h"
#include "storage/sqlite/sqlite_store.h"

namespace mlnode::app {
namespace {

Result<std::size_t> Rotate(const cli::ServeFlags& flags) {
  ASSIGN_OR_RETURN(config::RawValues values, ReadStaticSettings(flags, environ));
  ASSIGN_OR_RETURN(const std::unique_ptr<config::Settings> settings, config::Settings::Create(std::move(values)));
  const config::SnapshotPtr current = settings->Current();
  // The variable is somebody else's to change: with a new key in front, a node's start is all it takes besides.
  // Empty counts as unset, as for the node itself.
  const char* keys = std::getenv(std::string(config::kCredentialKeysVariable).c_str());
  SystemRandom random;
  const SystemClock clock;
  ASSIGN_OR_RETURN(const auto folder, storage::DataFolder::Open(current->String("mlnode.data_dir"), random));
  ASSIGN_OR_RETURN(const auto store,
                   storage::SqliteStore::Open({.folder = folder->path(), .sync = FileSync::kDurable, .vfs = {}}));
  const connectors::VaultOptions options{.key_file = CredentialKeyFile(*current),
                                         .keys = keys == nullptr ? "" : keys,
                                         .sealed_under = connectors::SealingKeys(*store)};
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
