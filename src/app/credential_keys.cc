#include "app/credential_keys.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

namespace mlnode::app {

std::filesystem::path CredentialKeyFile(const config::Snapshot& settings) {
  std::string file = settings.String("mlnode.credentials.key_file");
  if (!file.empty()) return file;
  return std::filesystem::path(settings.String("mlnode.data_dir")) / "keys" / "credentials";
}

std::string SecretVariable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::string() : value;
}

void ProtectMemory() {
  // The limit alone does not hold where the system pipes dumps to a program, the flag alone not after an exec.
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace mlnode::app
