#include "connectors/testing/test_vault.h"

namespace mlnode::connectors::testing {

std::unique_ptr<CredentialVault> TestVault() {
  return CredentialVault::Open({.key_file = {}, .keys = kTestKeys}).value();
}

}  // namespace mlnode::connectors::testing
