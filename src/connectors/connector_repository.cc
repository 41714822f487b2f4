#include "connectors/connector_repository.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <utility>

#include "storage/document_format.h"
#include "storage/listing.h"

namespace mlnode::connectors {
namespace {

constexpr std::array kHolders = {storage::Collection::kConnectors, storage::Collection::kModels};  // of credentials

storage::Key KeyOf(const ConnectorId& id) { return {storage::Collection::kConnectors, id.str()}; }

Error NotFound(const ConnectorId& id) {
  return MakeError(Code::kNotFound,
                   fmt::format("Failed to find connector with the provided connector id: {}", id.str()));
}
Error TranslateMiss(Error error, const ConnectorId& id) {
  return error.code == Code::kNotFound ? NotFound(id) : std::move(error);
}

// Seals again what is not under the first key. Whether anything changed.
Result<bool> ResealCredential(const CredentialVault& vault, json::object& holder, const storage::Key& owner) {
  json::value* const credential = holder.if_contains("credential");
  if (credential == nullptr || !credential->is_object()) return false;
  bool changed = false;
  for (json::key_value_pair& entry : credential->get_object()) {
    if (!entry.value().is_string()) continue;
    const std::string_view sealed = entry.value().get_string();
    if (vault.IsCurrent(sealed)) continue;
    const std::string context = SealContext(owner, entry.key());
    ASSIGN_OR_RETURN(const std::string clear, vault.Unseal(sealed, context));
    ASSIGN_OR_RETURN(const std::string renewed, vault.Seal(clear, context));
    entry.value() = renewed;
    changed = true;
  }
  return changed;
}

// What has the credential: a connector's document, or the connector within a model's. nullptr: none.
const json::object* HolderOf(const storage::Key& key, const json::object& body) {
  if (key.collection == storage::Collection::kConnectors) return &body;
  const json::value* const inline_connector = body.if_contains("connector");
  return inline_connector == nullptr ? nullptr : inline_connector->if_object();
}

// Of a connector's document, and of the connector within a model's.
Result<bool> ResealDocument(const CredentialVault& vault, const storage::Document& document, json::object& body) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  if (document.key.collection == storage::Collection::kConnectors) return ResealCredential(vault, body, document.key);
  json::value* const inline_connector = body.if_contains("connector");
  if (inline_connector == nullptr || !inline_connector->is_object()) return false;
  return ResealCredential(vault, inline_connector->get_object(), document.key);
}

}  // namespace

ConnectorRepository::ConnectorRepository(storage::Store& store, RandomSource& random, const Clock& clock,
                                         const CredentialVault& vault)
    : store_(store), random_(random), clock_(clock), vault_(vault) {}

Result<Connector> ConnectorRepository::Get(const ConnectorId& id) const {
  Result<storage::DocumentPtr> found = storage::GetOrAsk(store_, KeyOf(id));
  if (!found) return TranslateMiss(std::move(found).error(), id);
  return ReadConnector(**found);
}

std::vector<Connector> ConnectorRepository::List() const {
  return storage::ReadListing(store_, storage::Collection::kConnectors, "connectors", ReadConnector);
}

Result<Connector> ConnectorRepository::Create(Connector connector, const Secrets& secrets) {
  if (connector.id.empty()) connector.id = ConnectorId(NewDocumentId(random_));
  ASSIGN_OR_RETURN(connector.credential, SealAll(vault_, secrets, KeyOf(connector.id)));
  connector.created_time = clock_.WallMillis();
  connector.last_updated_time = connector.created_time;
  const Result<storage::Written> written = storage::Commit(store_, {.key = KeyOf(connector.id),
                                                                    .expect = storage::Expect::Absent(),
                                                                    .body = StoredForm(connector),
                                                                    .nonce = NewNonce(random_)});
  if (!written && written.error().code == Code::kConflict)
    return MakeError(Code::kAlreadyExists, fmt::format("connector id '{}' already exists", connector.id.str()));
  if (!written) return written.error();
  connector.revision = written->revision;
  connector.doc_version = written->version;
  return connector;
}

Result<Connector> ConnectorRepository::Update(const ConnectorId& id,
                                              const std::function<Result<Connector>(Connector)>& change,
                                              const std::optional<Secrets>& secrets) {
  Connector connector;
  std::optional<std::map<std::string, std::string, std::less<>>> sealed;
  if (secrets) {
    ASSIGN_OR_RETURN(sealed, SealAll(vault_, *secrets, KeyOf(id)));
  }
  auto step = [&](json::object& body) -> Result<bool> {
    ASSIGN_OR_RETURN(connector, ReadConnector({.key = KeyOf(id), .body = body}));
    ASSIGN_OR_RETURN(connector, change(std::move(connector)));
    if (sealed) connector.credential = *sealed;
    connector.last_updated_time = clock_.WallMillis();
    body = StoredForm(connector);
    return true;
  };
  Result<storage::Updated> updated = storage::Update(store_, random_, KeyOf(id), step);
  if (!updated) return TranslateMiss(std::move(updated).error(), id);
  connector.revision = updated->written.revision;
  connector.doc_version = updated->written.version;
  return connector;
}

Result<storage::Written> ConnectorRepository::Remove(const ConnectorId& id) {
  Result<storage::Written> removed =
      storage::Remove(store_, random_, KeyOf(id), "connector " + id.str(),
                      [](const storage::Document& d) { return storage::CheckFormat(d); });
  if (!removed) return TranslateMiss(std::move(removed).error(), id);
  return removed;
}

Result<std::size_t> ConnectorRepository::Reseal() {
  std::size_t changed = 0;
  std::optional<Error> first_failure;  // one document must not keep the others under an old key
  for (const storage::DocumentPtr& document : store_.Read(kHolders).documents) {
    const Result<storage::Updated> updated =
        storage::Update(store_, random_, document->key, [&](json::object& body) -> Result<bool> {
          return ResealDocument(vault_, {.key = document->key, .body = body}, body);
        });
    if (updated && updated->changed) ++changed;
    if (updated || updated.error().code == Code::kNotFound) continue;  // deleted since
    if (!first_failure)
      first_failure = Annotate(
          updated.error(), fmt::format("{}/{}", storage::TraitsOf(document->key.collection).name, document->key.id));
  }
  if (first_failure) return *std::move(first_failure);
  return changed;
}

std::vector<std::string> SealingKeys(const storage::Store& store) {
  std::set<std::string> keys;
  for (const storage::DocumentPtr& document : store.Read(kHolders).documents) {
    const json::object* const holder = HolderOf(document->key, document->body);
    const json::value* const credential = holder == nullptr ? nullptr : holder->if_contains("credential");
    if (credential == nullptr || !credential->is_object()) continue;
    for (const json::key_value_pair& entry : credential->get_object()) {
      const json::string* const sealed = entry.value().if_string();
      keys.insert(SealingKey(sealed == nullptr ? std::string_view() : std::string_view(*sealed)).value_or("?"));
    }
  }
  return {keys.begin(), keys.end()};
}

}  // namespace mlnode::connectors
