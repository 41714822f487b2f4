// connectors/credential_vault.h: seals credentials with AES-256-GCM under keys that live outside the store.
// Sealed form, text: "v1:<key id>:<base64(nonce 12 bytes | ciphertext | tag 16 bytes)>"; the context (whose credential
// it is, and its name) is authenticated with it, so that a sealed value cannot be moved to another connector.
// Key file (mode 0600, else refused): one key a line, "<key id>:<base64 of 32 bytes>", the first seals, all unseal.
// Threads: any. Cost: microseconds. No clear text and no key is ever part of an error.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"
#include "core/files.h"
#include "core/result.h"

namespace mlnode::connectors {

struct VaultOptions {
  // mlnode.credentials.key_file; made with one new key when it does not exist.
  std::filesystem::path key_file;
  // The same lines from an environment variable (MLNODE_CREDENTIALS_KEYS); empty: the file counts.
  std::string keys = {};
  FileSync sync = FileSync::kDurable;
};

class CredentialVault {
 public:
  // kInvalidArgument (a line that is no key), kPermissionDenied (mode of the file), and what reading it says.
  static Result<std::unique_ptr<CredentialVault>> Open(const VaultOptions& options);
  virtual ~CredentialVault() = default;
  virtual Result<std::string> Seal(std::string_view clear, std::string_view context) const = 0;
  // kFailedPrecondition: sealed under a key that is not here (its id named). kDataLoss: changed, or of another context.
  virtual Result<std::string> Unseal(std::string_view sealed, std::string_view context) const = 0;
  virtual bool IsCurrent(std::string_view sealed) const = 0;  // sealed under the first key
};

// A new key in front of the others, written atomically (`mlnode rotate-keys`); sealed values are renewed by
// ConnectorRepository::Reseal.
Status AddKey(const std::filesystem::path& key_file, FileSync sync);

// "<connector or model id>/<name>".
std::string SealContext(std::string_view owner, std::string_view name);
Result<std::map<std::string, std::string, std::less<>>> SealAll(const CredentialVault& vault, const Secrets& secrets,
                                                                std::string_view owner);
Result<Secrets> UnsealAll(const CredentialVault& vault, const std::map<std::string, std::string, std::less<>>& sealed,
                          std::string_view owner);

}  // namespace mlnode::connectors
