// app/migrate.h: `mlnode migrate`: everything stored, from a data folder or a cluster into another (storage/transfer.h
// says in which steps, and who goes on after a crash). A folder's node must not run; of clusters, the target's nodes
// must not, the source's may. A node of the target that starts meanwhile and this command see each other: each makes
// itself known first and looks for the other then.
#pragma once

#include "cli/command_line.h"

namespace mlnode::app {

// The process's exit code: 0, or 1 when something stopped it (the reason is printed).
int Migrate(const cli::MigrateFlags& flags);

}  // namespace mlnode::app
