#include "connectors/connector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "connectors/connector_fields.h"
#include "storage/document_format.h"

namespace mlnode::connectors {
namespace {

// Shown between actions and created_time; what follows the times is "tenant_id".
constexpr std::array<std::string_view, 3> kAccess = {"backend_roles", "owner", "access"};

class Reader {
 public:
  Reader(const json::object& stored, std::string what) : stored_(stored), what_(std::move(what)) {}
  Result<Connector> Read() const;

 private:
  Error Damaged(std::string_view field) const {
    return MakeError(Code::kDataLoss, fmt::format("{}: stored field [{}] is missing or malformed", what_, field));
  }
  Status ReadTexts(Connector& connector) const;
  Status ReadMaps(Connector& connector) const;
  Status ReadParts(Connector& connector) const;
  Status ReadTimes(Connector& connector) const;

  const json::object& stored_;
  const std::string what_;
};

Status Reader::ReadTexts(Connector& connector) const {
  const auto fields = {std::pair{"name", &connector.name}, std::pair{"version", &connector.version},
                       std::pair{"description", &connector.description},
                       std::pair{"provisioned_by", &connector.provisioned_by}};
  for (const auto& [field, target] : fields) {
    Result<std::optional<std::string>> text = StringField(stored_, field);
    if (!text) return Damaged(field);
    *target = *std::move(text);
  }
  const Result<std::optional<std::string>> protocol = StringField(stored_, "protocol");
  if (!protocol || !*protocol) return Damaged("protocol");
  const Result<Protocol> known = ParseProtocol(**protocol);
  if (!known) return Damaged("protocol");
  connector.protocol = *known;
  return {};
}

Status Reader::ReadMaps(Connector& connector) const {
  const auto fields = {std::pair{"parameters", &connector.parameters}, std::pair{"credential", &connector.credential}};
  for (const auto& [field, target] : fields) {
    const Result<const json::object*> stored = ObjectField(stored_, field);
    if (!stored) return Damaged(field);
    if (*stored == nullptr) continue;
    auto texts = ParseTexts(**stored, field);
    if (!texts) return Damaged(field);
    *target = *std::move(texts);
  }
  return {};
}

Status Reader::ReadParts(Connector& connector) const {
  if (const json::value* actions = stored_.if_contains("actions"); actions != nullptr) {
    if (!actions->is_array()) return Damaged("actions");
    auto read = ParseActions(actions->get_array());
    if (!read) return Damaged("actions");
    connector.actions = *std::move(read);
  }
  const Result<const json::object*> config = ObjectField(stored_, "client_config");
  if (!config) return Damaged("client_config");
  if (*config != nullptr) {
    const Result<ClientConfig> read = ParseClientConfig(**config);
    if (!read) return Damaged("client_config");
    connector.client_config = *read;
  }
  for (const std::string_view field : {kAccess[0], kAccess[1], kAccess[2], std::string_view("tenant_id")}) {
    if (const json::value* value = stored_.if_contains(field)) connector.passthrough[field] = *value;
  }
  return {};
}

Status Reader::ReadTimes(Connector& connector) const {
  const auto fields = {std::pair{"created_time", &connector.created_time},
                       std::pair{"last_updated_time", &connector.last_updated_time}};
  for (const auto& [field, target] : fields) {
    const Result<std::optional<std::int64_t>> time = IntField(stored_, field);
    if (!time) return Damaged(field);
    *target = time->value_or(0);
  }
  return {};
}

Result<Connector> Reader::Read() const {
  Connector connector;
  RETURN_IF_ERROR(ReadTexts(connector));
  RETURN_IF_ERROR(ReadMaps(connector));
  RETURN_IF_ERROR(ReadParts(connector));
  RETURN_IF_ERROR(ReadTimes(connector));
  return connector;
}

template <class T>
void Put(json::object& out, std::string_view key, const std::optional<T>& value) {
  if (value) out[key] = *value;
}

json::object TextsForm(const std::map<std::string, std::string, std::less<>>& texts) {
  json::object out;
  for (const auto& [name, value] : texts) out[name] = value;
  return out;
}

}  // namespace

const Action* Connector::Find(ActionType type) const {
  const auto found = std::ranges::find(actions, type, &Action::type);
  return found == actions.end() ? nullptr : &*found;
}

Result<Connector> ReadConnector(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  ASSIGN_OR_RETURN(Connector connector, Reader(document.body, "connector " + document.key.id).Read());
  connector.id = ConnectorId(document.key.id);
  connector.revision = document.revision;
  connector.doc_version = document.version;
  return connector;
}

Result<Connector> ReadInlineConnector(const json::object& stored) {
  return Reader(stored, "the connector within a model").Read();
}

json::object PublicForm(const Connector& connector) {
  json::object out;
  Put(out, "name", connector.name);
  Put(out, "version", connector.version);
  Put(out, "description", connector.description);
  out["protocol"] = ProtocolName(connector.protocol);
  if (!connector.parameters.empty()) out["parameters"] = TextsForm(connector.parameters);
  if (!connector.actions.empty()) out["actions"] = ActionsForm(connector.actions);
  for (const std::string_view field : kAccess) {
    if (const json::value* value = connector.passthrough.if_contains(field)) out[field] = *value;
  }
  if (connector.created_time != 0) out["created_time"] = connector.created_time;
  if (connector.last_updated_time != 0) out["last_updated_time"] = connector.last_updated_time;
  if (connector.client_config) out["client_config"] = ClientConfigForm(*connector.client_config);
  if (const json::value* tenant = connector.passthrough.if_contains("tenant_id")) out["tenant_id"] = *tenant;
  Put(out, "provisioned_by", connector.provisioned_by);
  return out;
}

json::object StoredForm(const Connector& connector) {
  json::object out = PublicForm(connector);
  if (!connector.credential.empty()) out["credential"] = TextsForm(connector.credential);
  return out;
}

}  // namespace mlnode::connectors
