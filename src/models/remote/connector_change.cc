#include "models/remote/connector_change.h"

#include <fmt/format.h>

#include <utility>

namespace mlnode::models {
namespace {

Error StatusError(std::string message) {
  Error error = MakeError(Code::kInvalidArgument, std::move(message));
  error.reason = "status_exception";
  return error;
}

}  // namespace

Result<std::optional<ConnectorChange>> ParseConnectorChange(const json::object& body) {
  ASSIGN_OR_RETURN(std::optional<std::string> id, StringField(body, "connector_id"));
  ASSIGN_OR_RETURN(const json::object* connector, ObjectField(body, "connector"));
  if (!id && connector == nullptr) return std::optional<ConnectorChange>();
  if (id && connector != nullptr)
    return StatusError(
        "Model cannot have both stand-alone connector and internal connector. Please check your update input body.");
  ConnectorChange change;
  if (id) change.id = connectors::ConnectorId(*std::move(id));
  if (connector != nullptr) {
    ASSIGN_OR_RETURN(change.fields, connectors::ParseUpdate(*connector));
  }
  return std::optional<ConnectorChange>(std::move(change));
}

Status PrepareConnectorChange(const ConnectorSources& sources, const ModelId& model, ConnectorChange& change) {
  const Result<Model> found = sources.models.Get(model);
  if (!found || TraitsOf(found->function).local) return {};
  change.rules = connectors::EndpointRules::Make(sources.settings);
  if (change.fields && change.fields->secrets) {
    ASSIGN_OR_RETURN(change.sealed, connectors::SealAll(sources.vault, *change.fields->secrets,
                                                        {storage::Collection::kModels, model.str()}));
  }
  if (!change.id) return {};
  const Result<connectors::Connector> named = sources.connectors.Get(*change.id);
  if (named) return {};
  if (named.error().code != Code::kNotFound) return named.error();
  return MakeError(Code::kNotFound, fmt::format("Failed to find connector:{}", change.id->str()));
}

Status ApplyConnectorChange(const ConnectorChange& change, Model& model) {
  if (change.id) {
    model.connector_id = change.id;
    model.connector.reset();
    return {};
  }
  if (!model.connector)
    return StatusError(
        "Cannot update connector settings for this model. The model was created with a connector_id and does not have "
        "an inline connector.");
  ASSIGN_OR_RETURN(connectors::Connector changed, connectors::Change(*change.fields, *model.connector, *change.rules));
  if (change.sealed) changed.credential = *change.sealed;
  model.connector = std::move(changed);
  return {};
}

}  // namespace mlnode::models
