// connectors/testing/test_vault.h: a vault with fixed keys and no file, for tests and the simulation.
#pragma once

#include <memory>

#include "connectors/credential_vault.h"

namespace mlnode::connectors::testing {

// Two keys, "test2" seals. Nothing that is sealed with them is a secret.
inline constexpr const char* kTestKeys =
    "test2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"
    "test1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";

std::unique_ptr<CredentialVault> TestVault();

}  // namespace mlnode::connectors::testing
