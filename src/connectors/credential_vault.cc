#include "connectors/credential_vault.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

namespace mlnode::connectors {
namespace {

constexpr std::size_t kKeyBytes = 32, kNonceBytes = 12, kTagBytes = 16;
constexpr std::size_t kKeyIdBytes = 4;                                   // 8 hexadecimal digits
constexpr std::size_t kMaxKeyIdLength = 32;                              // of ids that an operator chose
constexpr std::uint64_t kMaxFileBytes = 64UL * 1024;                     // about 1,200 keys
constexpr std::size_t kMaxValueBytes = 256UL * 1024;                     // half a document: no credential is larger
constexpr std::string_view kCheckedText = "mlnode credentials check 1";  // stored values depend on it: it never changes
constexpr std::string_view kVersion = "v2";
constexpr std::string_view kWithoutCollection = "v1";  // its context is "<owner>/<name>"

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string Base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero byte
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(Bytes(out), Bytes(bytes), static_cast<int>(bytes.size()))));
  return out;
}

// nullopt: not the canonical form, which is the only one that is written.
std::optional<std::string> FromBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(Bytes(out), Bytes(text), static_cast<int>(text.size())) < 0) return std::nullopt;
  if (text.ends_with('=')) out.pop_back();
  if (text.ends_with("==")) out.pop_back();
  if (Base64(out) != text) return std::nullopt;
  return out;
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

struct Key {
  std::string id, bytes;
};

bool IsKeyId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxKeyIdLength && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

Result<std::vector<Key>> ParseKeys(std::string_view text) {
  std::vector<Key> keys;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    std::string_view entry = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (entry.ends_with('\r')) entry.remove_suffix(1);
    if (entry.empty()) continue;
    const std::size_t colon = entry.find(':');
    const std::string_view id = entry.substr(0, colon);
    auto bytes = FromBase64(colon == std::string_view::npos ? std::string_view() : entry.substr(colon + 1));
    if (!IsKeyId(id) || !bytes || bytes->size() != kKeyBytes)
      return MakeError(Code::kInvalidArgument,
                       fmt::format("line {} of the credential keys is not \"<key id>:<base64 of 32 bytes>\"", line));
    if (std::ranges::find(keys, id, &Key::id) != keys.end())
      return MakeError(Code::kInvalidArgument, fmt::format("key id {} stands twice in the credential keys", id));
    keys.push_back({.id = std::string(id), .bytes = *std::move(bytes)});
  }
  if (keys.empty()) return MakeError(Code::kInvalidArgument, "there is no key among the credential keys");
  return keys;
}

Error NoRandomness() { return MakeError(Code::kInternal, "the system gives no random bytes"); }

Result<std::string> RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(Bytes(bytes), static_cast<int>(count)) != 1) return NoRandomness();
  return bytes;
}

Result<std::string> NewKeyLine() {
  ASSIGN_OR_RETURN(const std::string id, RandomBytes(kKeyIdBytes));
  ASSIGN_OR_RETURN(std::string key, RandomBytes(kKeyBytes));
  std::string line = Hex(id) + ":" + Base64(key) + "\n";
  OPENSSL_cleanse(key.data(), key.size());
  return line;
}

// kNotFound: no such file.
Result<std::string> ReadKeyFile(const std::filesystem::path& file) {
  struct stat status{};
  if (stat(file.c_str(), &status) != 0) {
    Error error = MakeError(errno == ENOENT ? Code::kNotFound : Code::kPermissionDenied,
                            "cannot read the key file: " + std::generic_category().message(errno));
    error.detail = file.string();
    return error;
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    Error error = MakeError(Code::kPermissionDenied,
                            fmt::format("the key file has mode {:04o}: others than its owner can reach the keys. Give "
                                        "it mode 0600 (chmod 600) if nobody else has read it",
                                        status.st_mode & 07777U));
    error.detail = file.string();
    return error;
  }
  return ReadFile(file.string(), kMaxFileBytes);
}

// With one new key, unless somebody else made the file meanwhile.
Status MakeKeyFile(const std::filesystem::path& file, FileSync sync) {
  std::error_code failed;
  if (const auto folder = file.parent_path(); !folder.empty() && !std::filesystem::exists(folder)) {
    std::filesystem::create_directories(folder, failed);
    if (!failed) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  }
  if (failed) return MakeError(Code::kInternal, "cannot make the folder of the key file: " + failed.message());
  ASSIGN_OR_RETURN(const std::string line, NewKeyLine());
  const std::string fresh = file.string() + ".new-" + line.substr(0, 2 * kKeyIdBytes);
  RETURN_IF_ERROR(WriteFileDurably(fresh, line, sync));
  std::filesystem::create_hard_link(fresh, file, failed);  // fails where the file exists: the first one counts
  std::error_code ignored;
  std::filesystem::remove(fresh, ignored);
  if (failed && failed != std::errc::file_exists)
    return MakeError(Code::kInternal, "cannot make the key file: " + failed.message());
  return SyncDirectory(file.has_parent_path() ? file.parent_path().string() : ".", sync);
}

// The first key of a store: where something is sealed already, the key that it wants has been lost or is elsewhere.
Status MakeFirstKey(const VaultOptions& options) {
  if (options.sealed_under.empty()) return MakeKeyFile(options.key_file, options.sync);
  Error error = MakeError(
      Code::kFailedPrecondition,
      fmt::format("there is no key file, but stored credentials are sealed under key {}: put the file back, or name it "
                  "by mlnode.credentials.key_file. No new key is made, for it could not unseal them",
                  fmt::join(options.sealed_under, ", ")));
  error.detail = options.key_file.string();
  return error;
}

// Owner, group and mode stay: root may rotate the keys of a node that runs as somebody else.
Status ReplaceKeyFile(const std::filesystem::path& file, std::string_view text, FileSync sync) {
  struct stat old{};
  const std::string fresh = file.string() + ".new-" + std::string(text.substr(0, 2 * kKeyIdBytes));
  RETURN_IF_ERROR(WriteFileDurably(fresh, text, sync));
  const bool replaced = stat(file.c_str(), &old) == 0 && chown(fresh.c_str(), old.st_uid, old.st_gid) == 0 &&
                        chmod(fresh.c_str(), old.st_mode & 07777U) == 0 && rename(fresh.c_str(), file.c_str()) == 0;
  if (!replaced) {
    Error error =
        MakeError(Code::kPermissionDenied, "cannot replace the key file: " + std::generic_category().message(errno));
    error.detail = file.string();
    (void)unlink(fresh.c_str());
    return error;
  }
  return SyncDirectory(file.has_parent_path() ? file.parent_path().string() : ".", sync);
}

struct Parts {
  std::string_view version, key_id, payload;
};
std::optional<Parts> Split(std::string_view sealed) {
  const std::size_t version = sealed.find(':');
  const std::size_t key = version == std::string_view::npos ? version : sealed.find(':', version + 1);
  if (key == std::string_view::npos) return std::nullopt;
  const Parts parts{.version = sealed.substr(0, version),
                    .key_id = sealed.substr(version + 1, key - version - 1),
                    .payload = sealed.substr(key + 1)};
  if (parts.version != kVersion && parts.version != kWithoutCollection) return std::nullopt;
  return parts;
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// What is authenticated with a value: nothing of the sealed form can be exchanged.
std::string Authenticated(std::string_view version, std::string_view key_id, std::string_view context) {
  if (version == kWithoutCollection) context.remove_prefix(context.find('/') + 1);
  return fmt::format("{}:{}:{}", version, key_id, context);
}

Error CipherFailed() { return MakeError(Code::kInternal, "the cipher failed"); }

class AesVault final : public CredentialVault {
 public:
  explicit AesVault(std::vector<Key> keys) : keys_(std::move(keys)) {}
  AesVault(const AesVault&) = delete;
  AesVault& operator=(const AesVault&) = delete;
  ~AesVault() override {
    for (Key& key : keys_) OPENSSL_cleanse(key.bytes.data(), key.bytes.size());
  }

  Result<std::string> Seal(std::string_view clear, std::string_view context) const override {
    if (clear.size() > kMaxValueBytes)
      return MakeError(Code::kTooLarge,
                       fmt::format("a credential has {} bytes; {} is the limit", clear.size(), kMaxValueBytes));
    const Key& key = keys_.front();
    ASSIGN_OR_RETURN(std::string sealed, RandomBytes(kNonceBytes));
    const std::string extra = Authenticated(kVersion, key.id, context);
    std::string text(clear.size() + kTagBytes, '\0');
    const CipherContext cipher(EVP_CIPHER_CTX_new());
    EVP_CIPHER_CTX* const c = cipher.get();
    int count = 0;
    unsigned char none = 0;  // where GCM, which pads nothing, writes the rest
    const bool done =
        c != nullptr && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), nullptr, Bytes(key.bytes), Bytes(sealed)) == 1 &&
        EVP_EncryptUpdate(c, nullptr, &count, Bytes(extra), static_cast<int>(extra.size())) == 1 &&
        EVP_EncryptUpdate(c, Bytes(text), &count, Bytes(clear), static_cast<int>(clear.size())) == 1 &&
        EVP_EncryptFinal_ex(c, &none, &count) == 1 &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes), Bytes(text) + clear.size()) == 1;
    if (!done) return CipherFailed();
    return fmt::format("{}:{}:{}", kVersion, key.id, Base64(sealed + text));
  }

  Result<std::string> Unseal(std::string_view sealed, std::string_view context) const override {
    const std::optional<Parts> parts = Split(sealed);
    if (!parts) return Damaged();
    const auto key = std::ranges::find(keys_, parts->key_id, &Key::id);
    if (key == keys_.end())
      return MakeError(Code::kFailedPrecondition,
                       fmt::format("a credential is sealed under key \"{}\", which this node does not have",
                                   IsKeyId(parts->key_id) ? parts->key_id : "?"));
    auto bytes = FromBase64(parts->payload);
    if (!bytes || bytes->size() < kNonceBytes + kTagBytes || bytes->size() > 2 * kMaxValueBytes) return Damaged();
    const std::string extra = Authenticated(parts->version, key->id, context);
    const std::size_t length = bytes->size() - kNonceBytes - kTagBytes;
    std::string clear(length, '\0');
    const CipherContext cipher(EVP_CIPHER_CTX_new());
    EVP_CIPHER_CTX* const c = cipher.get();
    int count = 0;
    unsigned char none = 0;
    const bool ready =
        c != nullptr && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), nullptr, Bytes(key->bytes), Bytes(*bytes)) == 1 &&
        EVP_DecryptUpdate(c, nullptr, &count, Bytes(extra), static_cast<int>(extra.size())) == 1 &&
        EVP_DecryptUpdate(c, Bytes(clear), &count, Bytes(*bytes) + kNonceBytes, static_cast<int>(length)) == 1 &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes),
                            Bytes(*bytes) + kNonceBytes + length) == 1;
    if (!ready) return CipherFailed();
    if (EVP_DecryptFinal_ex(c, &none, &count) != 1) {
      OPENSSL_cleanse(clear.data(), clear.size());
      return Damaged();
    }
    return clear;
  }

  bool IsCurrent(std::string_view sealed) const override {
    const std::optional<Parts> parts = Split(sealed);
    return parts && parts->version == kVersion && parts->key_id == keys_.front().id;
  }

  std::vector<KeyCheck> KeyChecks() const override {
    std::vector<KeyCheck> checks;
    for (const Key& key : keys_) {
      std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
      unsigned int size = 0;
      HMAC(EVP_sha256(), key.bytes.data(), static_cast<int>(key.bytes.size()), Bytes(kCheckedText), kCheckedText.size(),
           digest.data(), &size);
      checks.push_back({.id = key.id, .check = Hex({reinterpret_cast<const char*>(digest.data()), size})});
    }
    return checks;
  }

 private:
  static Error Damaged() {
    return MakeError(Code::kDataLoss, "a stored credential is damaged or belongs to something else");
  }

  std::vector<Key> keys_;
};

}  // namespace

Result<std::unique_ptr<CredentialVault>> CredentialVault::Open(const VaultOptions& options) {
  std::string text = options.keys;
  if (text.empty()) {
    Result<std::string> read = ReadKeyFile(options.key_file);
    if (!read && read.error().code == Code::kNotFound) {
      RETURN_IF_ERROR(MakeFirstKey(options));
      read = ReadKeyFile(options.key_file);
    }
    if (!read) return std::move(read).error();
    text = *std::move(read);
  }
  auto keys = ParseKeys(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (!keys) return std::move(keys).error();
  return std::unique_ptr<CredentialVault>(std::make_unique<AesVault>(*std::move(keys)));
}

Status AddKey(const VaultOptions& options) {
  std::error_code failed;
  std::filesystem::path file = std::filesystem::canonical(options.key_file, failed);
  if (failed) file = options.key_file;
  Result<std::string> old = ReadKeyFile(file);
  if (!old && old.error().code == Code::kNotFound) return MakeFirstKey(options);
  if (!old) return std::move(old).error();
  RETURN_IF_ERROR(ParseKeys(*old));
  ASSIGN_OR_RETURN(std::string text, NewKeyLine());
  text += *old;
  Status written = ReplaceKeyFile(file, text, options.sync);
  OPENSSL_cleanse(text.data(), text.size());
  OPENSSL_cleanse(old->data(), old->size());
  return written;
}

std::optional<std::string> SealingKey(std::string_view sealed) {
  const std::optional<Parts> parts = Split(sealed);
  if (!parts || !IsKeyId(parts->key_id)) return std::nullopt;
  return std::string(parts->key_id);
}

std::string SealContext(const storage::Key& owner, std::string_view name) {
  return fmt::format("{}/{}/{}", storage::TraitsOf(owner.collection).name, owner.id, name);
}

Result<std::map<std::string, std::string, std::less<>>> SealAll(const CredentialVault& vault, const Secrets& secrets,
                                                                const storage::Key& owner) {
  std::map<std::string, std::string, std::less<>> sealed;
  for (const auto& [name, value] : secrets) {
    ASSIGN_OR_RETURN(sealed[name], vault.Seal(value, SealContext(owner, name)));
  }
  return sealed;
}

Result<Secrets> UnsealAll(const CredentialVault& vault, const std::map<std::string, std::string, std::less<>>& sealed,
                          const storage::Key& owner) {
  Secrets secrets;
  for (const auto& [name, value] : sealed) {
    ASSIGN_OR_RETURN(secrets[name], vault.Unseal(value, SealContext(owner, name)));
  }
  return secrets;
}

}  // namespace mlnode::connectors
