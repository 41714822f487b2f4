// models/remote/connector_change.h: the part of PUT models/{id} that gives a remote model another connector, or changes
// the one in its document (spec/remote §13). PrepareConnectorChange blocks on the store: run on `background`; the rest
// is pure.
#pragma once

#include <memory>
#include <optional>

#include "config/settings.h"
#include "connectors/connector_input.h"
#include "connectors/connector_repository.h"
#include "models/model_repository.h"

namespace mlnode::models {

struct ConnectorChange {
  std::optional<connectors::ConnectorId> id;          // a stand-alone one
  std::optional<connectors::ConnectorUpdate> fields;  // of the one in the document; never both
  // Filled in by PrepareConnectorChange.
  std::optional<std::map<std::string, std::string, std::less<>>> sealed;  // replaces the credential
  std::shared_ptr<const connectors::EndpointRules> rules;
};

// kInvalidArgument: both, or a field that is wrong by itself. nullopt: neither was given.
Result<std::optional<ConnectorChange>> ParseConnectorChange(const json::object& body);

struct ConnectorSources {
  const ModelRepository& models;
  const connectors::ConnectorRepository& connectors;
  const connectors::CredentialVault& vault;
  const config::Snapshot& settings;
};
// Seals what the change brings and sees that the connector named exists: kNotFound "Failed to find connector:<id>". A
// model that does not exist or is local is left to UpdateModel, which says so.
Status PrepareConnectorChange(const ConnectorSources& sources, const ModelId& model, ConnectorChange& change);

// Precondition: prepared; the model is remote. kInvalidArgument in the peer's words.
Status ApplyConnectorChange(const ConnectorChange& change, Model& model);

}  // namespace mlnode::models
