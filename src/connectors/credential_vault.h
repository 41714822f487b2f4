// connectors/credential_vault.h: seals credentials with AES-256-GCM under keys that live outside the store.
// Sealed form, text: "v2:<key id>:<base64(nonce 12 bytes | ciphertext | tag 16 bytes)>"; the context (whose credential
// it is, and its name) is authenticated with it, so that a sealed value cannot be moved to another connector. "v1:" was
// sealed without the collection in the context; it is unsealed and, by `mlnode rotate-keys`, renewed.
// Key file (mode 0600, else refused): one key a line, "<key id>:<base64 of 32 bytes>", the first seals, all unseal.
// Threads: any. Cost: microseconds. No clear text and no key is ever part of an error.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"
#include "core/files.h"
#include "core/result.h"

namespace mlnode::connectors {

struct VaultOptions {
  // mlnode.credentials.key_file; made with one new key when it does not exist and sealed_under is empty.
  std::filesystem::path key_file;
  // The same lines from an environment variable (MLNODE_CREDENTIALS_KEYS); empty: the file counts.
  std::string keys = {};
  FileSync sync = FileSync::kDurable;
  // Ids of the keys that what is stored is sealed under (SealingKeys of connector_repository.h).
  std::vector<std::string> sealed_under = {};
};

// Tells whether two nodes have the same key under an id, and nothing of the key: HMAC-SHA256 of a constant under it, in
// hexadecimal digits.
struct KeyCheck {
  std::string id, check;
  bool operator==(const KeyCheck&) const = default;
};

class CredentialVault {
 public:
  // kInvalidArgument (a line that is no key), kPermissionDenied (mode of the file), kFailedPrecondition (no file, but
  // sealed_under, whose keys are named), and what reading it says.
  static Result<std::unique_ptr<CredentialVault>> Open(const VaultOptions& options);
  virtual ~CredentialVault() = default;
  virtual Result<std::string> Seal(std::string_view clear, std::string_view context) const = 0;
  // kFailedPrecondition: sealed under a key that is not here (its id named). kDataLoss: changed, or of another context.
  virtual Result<std::string> Unseal(std::string_view sealed, std::string_view context) const = 0;
  virtual bool IsCurrent(std::string_view sealed) const = 0;  // sealed under the first key, and as "v2:"
  virtual std::vector<KeyCheck> KeyChecks() const = 0;        // of all keys, the sealing one first
};

// A new key in front of the others, written atomically (`mlnode rotate-keys`); sealed values are renewed by
// ConnectorRepository::Reseal. The file keeps owner, group and mode; of a link, what it leads to is replaced. Errors as
// Open's; options.keys plays no part.
Status AddKey(const VaultOptions& options);

// Id of the key that a value is sealed under; nullopt: it is not of the sealed form.
std::optional<std::string> SealingKey(std::string_view sealed);

// "<collection>/<connector or model id>/<name>". `owner`: key of the document that the credential stands in.
std::string SealContext(const storage::Key& owner, std::string_view name);
Result<std::map<std::string, std::string, std::less<>>> SealAll(const CredentialVault& vault, const Secrets& secrets,
                                                                const storage::Key& owner);
Result<Secrets> UnsealAll(const CredentialVault& vault, const std::map<std::string, std::string, std::less<>>& sealed,
                          const storage::Key& owner);

}  // namespace mlnode::connectors
