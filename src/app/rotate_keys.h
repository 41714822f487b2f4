// app/rotate_keys.h: `mlnode rotate-keys`: a new key in front of the others, then every credential of the data folder
// sealed again under it. Needs the folder to itself: the node must not run. May be repeated after a crash. Old keys
// stay in the file, for backups and for other nodes; remove their lines by hand once nothing is sealed under them.
// In a cluster (mlnode.cluster.nats) no key is made: every credential is sealed again under the first of the keys that
// were given, by MLNODE_CREDENTIALS_KEYS or mlnode.credentials.key_file, and nodes may run.
#pragma once

#include "cli/command_line.h"

namespace mlnode::app {

// The process's exit code: 0, or 1 when something stopped it (the reason is printed).
int RotateKeys(const cli::ServeFlags& flags);

}  // namespace mlnode::app
