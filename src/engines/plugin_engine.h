// engines/plugin_engine.h: an Engine whose work is done in a shared object behind engines/engine_abi.h.
// Owns: the models' handles. The shared object stays loaded until the process ends: vendor libraries leave threads
// behind.
#pragma once

#include <filesystem>
#include <memory>

#include "engines/engine.h"
#include "engines/engine_abi.h"

namespace mlnode::engines {

// Opens the plug-in (RTLD_LOCAL, all symbols resolved). kUnavailable: it does not load, exports no engine or speaks
// another ABI.
Result<std::unique_ptr<Engine>> OpenPlugin(const std::filesystem::path& shared_object);

}  // namespace mlnode::engines
