// app/node_settings.h: where a node's static settings come from, later ones winning: mlnode.yml, MLNODE_… variables,
// flags.
#pragma once

#include "cli/command_line.h"
#include "config/settings.h"
#include "core/result.h"

namespace mlnode::app {

// kInvalidArgument names setting, value and source. The default file may be missing, one that was named may not.
Result<config::RawValues> ReadStaticSettings(const cli::ServeFlags& flags, const char* const* environment);

}  // namespace mlnode::app
