#include "connectors/connector_input.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <utility>

#include "connectors/connector_fields.h"

namespace mlnode::connectors {
namespace {

constexpr std::size_t kMaxIdBytes = 512;

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

// Fields that all bodies have, as far as they are given.
Status ReadTexts(const json::object& body, Connector& connector) {
  const auto fields = {std::pair{"name", &connector.name}, std::pair{"version", &connector.version},
                       std::pair{"description", &connector.description},
                       std::pair{"provisioned_by", &connector.provisioned_by}};
  for (const auto& [field, target] : fields) {
    ASSIGN_OR_RETURN(std::optional<std::string> text, StringField(body, field));
    if (text) *target = std::move(text);
  }
  return {};
}

Status ReadProtocol(const json::object& body, Connector& connector) {
  ASSIGN_OR_RETURN(const std::optional<std::string> protocol, StringField(body, "protocol"));
  if (!protocol) return {};
  ASSIGN_OR_RETURN(connector.protocol, ParseProtocol(*protocol));
  return {};
}

Status ReadParts(const json::object& body, Connector& connector) {
  ASSIGN_OR_RETURN(const json::object* parameters, ObjectField(body, "parameters"));
  if (parameters != nullptr) {
    for (auto& [name, value] : ParametersOf(*parameters)) connector.parameters.insert_or_assign(name, value);
  }
  const json::value* actions = body.if_contains("actions");
  if (actions != nullptr && !actions->is_null()) {
    if (!actions->is_array()) return Invalid(fmt::format("[actions] must be an array, but is {}", TokenName(*actions)));
    ASSIGN_OR_RETURN(connector.actions, ParseActions(actions->get_array()));
  }
  ASSIGN_OR_RETURN(const json::object* config, ObjectField(body, "client_config"));
  if (config != nullptr) {
    ASSIGN_OR_RETURN(connector.client_config, ParseClientConfig(*config));
  }
  return {};
}

Result<std::optional<Secrets>> ReadSecrets(const json::object& body) {
  ASSIGN_OR_RETURN(const json::object* credential, ObjectField(body, "credential"));
  if (credential == nullptr) return std::optional<Secrets>();
  ASSIGN_OR_RETURN(Secrets secrets, ParseTexts(*credential, "credential"));
  return std::optional<Secrets>(std::move(secrets));
}

Result<std::optional<std::string>> ReadId(const json::object& body) {
  ASSIGN_OR_RETURN(std::optional<std::string> id, StringField(body, "connector_id"));
  if (!id) return id;
  if (id->size() > kMaxIdBytes) return Invalid("connector id is too long, max length is 512");
  static const RE2 pattern("[a-zA-Z0-9][a-zA-Z0-9_-]*");
  if (!RE2::FullMatch(*id, pattern))
    return Invalid(
        "connector id must contain only letters, digits, underscores, and hyphens, and must start with a letter or "
        "digit");
  return id;
}

bool IsGiven(const json::object& body, std::string_view field) {
  const json::value* value = body.if_contains(field);
  return value != nullptr && !value->is_null();
}

Result<ConnectorInput> ReadBody(const json::object& body) {
  ConnectorInput input;
  RETURN_IF_ERROR(ReadTexts(body, input.connector));
  RETURN_IF_ERROR(ReadProtocol(body, input.connector));
  RETURN_IF_ERROR(ReadParts(body, input.connector));
  ASSIGN_OR_RETURN(std::optional<Secrets> secrets, ReadSecrets(body));
  if (secrets) input.secrets = *std::move(secrets);
  return input;
}

}  // namespace

Result<ConnectorInput> ParseCreate(const json::object& body) {
  ASSIGN_OR_RETURN(const std::optional<bool> dry_run, BoolField(body, "dry_run"));
  if (dry_run.value_or(false)) {
    ConnectorInput nothing;
    nothing.dry_run = true;
    return nothing;
  }
  ASSIGN_OR_RETURN(ConnectorInput input, ReadBody(body));
  ASSIGN_OR_RETURN(input.id, ReadId(body));
  if (!input.connector.name) return Invalid("Connector name is null");
  if (!input.connector.version) return Invalid("Connector version is null");
  if (!IsGiven(body, "protocol")) return Invalid("Connector protocol is null");
  if (input.secrets.empty()) return Invalid("Connector credential is null or empty list");
  RETURN_IF_ERROR(CheckTemplates(input.connector));
  return input;
}

Result<ConnectorInput> ParseInline(const json::object& body) {
  ASSIGN_OR_RETURN(ConnectorInput input, ReadBody(body));
  if (!IsGiven(body, "protocol")) return Invalid("Connector protocol is null");
  RETURN_IF_ERROR(CheckTemplates(input.connector));
  return input;
}

Result<ConnectorUpdate> ParseUpdate(const json::object& body) {
  ConnectorUpdate update;
  ASSIGN_OR_RETURN(update.secrets, ReadSecrets(body));
  // Each field alone; what they make of the connector, Apply judges.
  const Result<Connector> alone = Apply({.fields = body, .secrets = {}}, Connector());
  if (!alone) return alone.error();
  update.fields = body;
  update.fields.erase("credential");
  return update;
}

Result<Connector> Apply(const ConnectorUpdate& update, Connector connector) {
  RETURN_IF_ERROR(ReadTexts(update.fields, connector));
  RETURN_IF_ERROR(ReadProtocol(update.fields, connector));
  RETURN_IF_ERROR(ReadParts(update.fields, connector));
  if (IsGiven(update.fields, "actions")) RETURN_IF_ERROR(CheckTemplates(connector));
  return connector;
}

}  // namespace mlnode::connectors
