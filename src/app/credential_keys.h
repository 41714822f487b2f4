// app/credential_keys.h: where a node's keys for credentials are (connectors/credential_vault.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace mlnode::app {

// mlnode.credentials.key_file, or its default in the data folder.
std::filesystem::path CredentialKeyFile(const config::Snapshot& settings);

// A variable that holds keys; empty: it is not set.
std::string SecretVariable(std::string_view name);

// No core dump of this process, and no reading of its memory by others of the same user: credentials in clear and the
// keys are in there. From the program's start on; what a process forks inherits it.
void ProtectMemory();

}  // namespace mlnode::app
