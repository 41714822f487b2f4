#include "deploy/cluster/cluster_documents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "core/json.h"
#include "core/log.h"
#include "storage/document_format.h"

namespace mlnode::deploy {
namespace {

constexpr std::size_t kUuidLength = 22;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyIdBytes = 4;

storage::Key MetaKey(std::string id) { return {storage::Collection::kMeta, std::move(id)}; }

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string RandomHex(RandomSource& random) {
  std::string out;
  while (out.size() < 2 * kKeyBytes) out += fmt::format("{:016x}", random.Next());
  return out;
}

Error Damaged(const storage::Key& key, std::string_view field) {
  return MakeError(Code::kDataLoss,
                   fmt::format("meta/{}: [{}] is missing or damaged: restore the document from a backup of NATS, or "
                               "remove it while no node runs",
                               key.id, field));
}

// The document as it is in the store; one that is not there is made with `body`.
Result<storage::DocumentPtr> GetOrMake(storage::Store& store, RandomSource& random, const storage::Key& key,
                                       const json::object& body) {
  constexpr int kTries = 2;  // who loses the race to make it reads it then
  for (int i = 0; i < kTries; ++i) {
    auto found = store.GetFresh(key);
    if (found || found.error().code != Code::kNotFound) return found;
    const auto made = storage::Commit(
        store, {.key = key, .expect = storage::Expect::Absent(), .body = body, .nonce = NewNonce(random)});
    if (!made && made.error().code != Code::kConflict) return made.error();
  }
  return store.GetFresh(key);
}

Result<std::string> TextOf(const storage::Document& document, std::string_view field, std::size_t length) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  const auto text = StringField(document.body, field);
  if (!text || !*text || (*text)->size() != length) return Damaged(document.key, field);
  return **text;
}

// What meta/credentials_check says.
struct Known {
  std::vector<connectors::KeyCheck> keys;
  EpochMillis at = 0;
};

Result<Known> ReadKnown(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  const json::value* keys = document.body.if_contains("keys");
  const json::value* at = document.body.if_contains("at");
  if (keys == nullptr || !keys->is_object()) return Damaged(document.key, "keys");
  if (at == nullptr || !at->is_int64()) return Damaged(document.key, "at");
  Known known{.keys = {}, .at = at->as_int64()};
  for (const auto& [id, check] : keys->as_object()) {
    if (!check.is_string()) return Damaged(document.key, "keys");
    known.keys.push_back({.id = std::string(id), .check = std::string(check.as_string())});
  }
  return known;
}

json::object StoredForm(const Known& known) {
  json::object keys;
  for (const connectors::KeyCheck& key : known.keys) keys[key.id] = key.check;
  return {{"keys", std::move(keys)}, {"at", known.at}};
}

using Keys = std::vector<connectors::KeyCheck>;

const connectors::KeyCheck* Find(const Keys& keys, std::string_view id) {
  const auto found = std::ranges::find(keys, id, &connectors::KeyCheck::id);
  return found == keys.end() ? nullptr : &*found;
}

std::string Ids(const Keys& keys) {
  std::vector<std::string> ids;
  for (const connectors::KeyCheck& key : keys) ids.push_back(key.id);
  return fmt::format("{}", fmt::join(ids, ", "));
}

constexpr std::string_view kWhatToDo =
    "give this node the keys of the others: the same MLNODE_CREDENTIALS_KEYS, or the same file by "
    "mlnode.credentials.key_file, or, where neither is set, the same cluster key";

Status CheckSame(const Keys& ours, const Keys& known) {
  bool shared = false;
  for (const connectors::KeyCheck& key : ours) {
    const connectors::KeyCheck* same = Find(known, key.id);
    if (same == nullptr) continue;
    if (same->check != key.check) {
      return MakeError(Code::kFailedPrecondition,
                       fmt::format("key {} for credentials is another one here than in the rest of the cluster: {}",
                                   key.id, kWhatToDo));
    }
    shared = true;
  }
  if (shared) return {};
  return MakeError(Code::kFailedPrecondition,
                   fmt::format("credentials of this cluster are sealed under key {}, and this node has only {}: {}",
                               Ids(known), Ids(ours), kWhatToDo));
}

// Of the keys that the cluster knows, those that something is sealed under.
Status CheckSealed(const Keys& ours, const Keys& known, const std::vector<std::string>& sealed_under) {
  std::vector<std::string> missing;
  std::ranges::copy_if(sealed_under, std::back_inserter(missing),
                       [&](const std::string& id) { return Find(ours, id) == nullptr && Find(known, id) != nullptr; });
  if (missing.empty()) return {};
  return MakeError(Code::kFailedPrecondition,
                   fmt::format("stored credentials are sealed under key {}, which this node does not have: {}",
                               fmt::join(missing, ", "), kWhatToDo));
}

bool AnyLease(const storage::Store& store) {
  constexpr std::array kLeases{storage::Collection::kLeases};
  return !store.Read(kLeases).documents.empty();
}

}  // namespace

Result<std::string> ClusterUuid(storage::Store& store, RandomSource& random, const std::string& proposed) {
  ASSIGN_OR_RETURN(const storage::DocumentPtr document,
                   GetOrMake(store, random, MetaKey("cluster"), {{"uuid", proposed}}));
  return TextOf(*document, "uuid", kUuidLength);
}

Result<net::PeerKey> SharedPeerKey(storage::Store& store, RandomSource& random) {
  ASSIGN_OR_RETURN(const storage::DocumentPtr document,
                   GetOrMake(store, random, MetaKey("peer_key"), {{"key", RandomHex(random)}}));
  ASSIGN_OR_RETURN(std::string key, TextOf(*document, "key", 2 * kKeyBytes));
  return net::PeerKey(std::move(key));
}

std::string DerivedCredentialKeys(const net::PeerKey& key) {
  const std::string bytes = key.Derive("credentials");
  std::string base64((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero byte
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  base64.resize(static_cast<std::size_t>(length));
  return fmt::format("cluster-{}:{}\n", Hex(key.Derive("credentials id").substr(0, kKeyIdBytes)), base64);
}

Status CheckDerivedKeys(const Keys& keys, const std::vector<std::string>& sealed_under) {
  std::vector<std::string> missing;
  std::ranges::copy_if(sealed_under, std::back_inserter(missing),
                       [&](const std::string& id) { return id != "?" && Find(keys, id) == nullptr; });
  if (missing.empty()) return {};
  return MakeError(
      Code::kFailedPrecondition,
      fmt::format(
          "stored credentials are sealed under key {}, and this node was given no keys for credentials: give all "
          "nodes the file keys/credentials of the data folder that the documents came from, by "
          "mlnode.credentials.key_file, or its lines in MLNODE_CREDENTIALS_KEYS",
          fmt::join(missing, ", ")));
}

Status CheckCredentialKeys(storage::Store& store, RandomSource& random, const Clock& clock, const Keys& keys,
                           const std::vector<std::string>& sealed_under) {
  const storage::Key key = MetaKey("credentials_check");
  const Known fresh{.keys = {keys.front()}, .at = clock.WallMillis()};
  RETURN_IF_ERROR(GetOrMake(store, random, key, StoredForm(fresh)));
  const auto noted = storage::Update(store, random, key, [&](json::object& body) -> Result<bool> {
    ASSIGN_OR_RETURN(Known known, ReadKnown({.key = key, .body = body}));
    if (Status same = CheckSame(keys, known.keys); !same) {
      const EpochMillis grace = std::chrono::duration_cast<std::chrono::milliseconds>(kCheckGrace).count();
      const bool deserted = sealed_under.empty() && clock.WallMillis() - known.at > grace && !AnyLease(store);
      if (!deserted) return std::move(same).error();
      LOG_WARN("deploy", "nothing is sealed and no other node is here: credentials are sealed under key {} from now on",
               keys.front().id);
      known.keys.clear();
    }
    RETURN_IF_ERROR(CheckSealed(keys, known.keys, sealed_under));
    const std::size_t before = known.keys.size();
    std::erase_if(known.keys, [&](const connectors::KeyCheck& entry) { return Find(keys, entry.id) == nullptr; });
    const bool noted = Find(known.keys, keys.front().id) != nullptr;
    if (noted && known.keys.size() == before) return false;
    if (!noted) known.keys.push_back(keys.front());
    known.at = clock.WallMillis();
    body = StoredForm(known);
    return true;
  });
  if (!noted) return noted.error();
  return {};
}

}  // namespace mlnode::deploy
