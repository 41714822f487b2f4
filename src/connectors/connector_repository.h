// connectors/connector_repository.h: connectors in the store. Threads: any; may block on the store: run on
// `background`. Each write is a swap of one document. A model names its connector by id; that no model does when the
// connector goes is checked by the caller just before (rest/resources/connectors.cc), so that a registration in the
// same moment may leave a model without connector: its predictions say so (kNotFound), PUT models/{id} repairs it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "connectors/connector.h"
#include "connectors/credential_vault.h"
#include "storage/store.h"

namespace mlnode::connectors {

class ConnectorRepository {
 public:
  ConnectorRepository(storage::Store& store, RandomSource& random, const Clock& clock, const CredentialVault& vault);

  Result<Connector> Get(const ConnectorId& id) const;  // kNotFound "Failed to find connector with the provided ..."
  std::vector<Connector> List() const;                 // by id; damaged ones are left out and logged
  // Seals the secrets and writes. kAlreadyExists "connector id '<id>' already exists".
  Result<Connector> Create(Connector connector, const Secrets& secrets);
  // `change` may run several times; secrets replace all when given. kNotFound.
  Result<Connector> Update(const ConnectorId& id, const std::function<Result<Connector>(Connector)>& change,
                           const std::optional<Secrets>& secrets);
  Result<storage::Written> Remove(const ConnectorId& id);  // kNotFound
  // Seals again, under the first key, what is sealed under another, in connectors and in models' inline connectors.
  // Can be repeated after a crash. Returns how many documents changed.
  Result<std::size_t> Reseal();

 private:
  storage::Store& store_;
  RandomSource& random_;
  const Clock& clock_;
  const CredentialVault& vault_;
};

// Ids of the keys that credentials in connectors and in models' inline connectors are sealed under, each once, in
// order; "?" for what is not of a sealed form that this version knows.
std::vector<std::string> SealingKeys(const storage::Store& store);

}  // namespace mlnode::connectors
