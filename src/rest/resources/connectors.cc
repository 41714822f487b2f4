// Connectors: create, get, search, update, delete (spec/remote §1). No answer holds a credential, sealed or in clear:
// what is searched is what GET shows, so that no query can ask about one either.
#include <fmt/format.h>

#include <tuple>

#include "connectors/connector_input.h"
#include "models/input/common_fields.h"
#include "rest/json_reply.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

using connectors::Connector;
using connectors::ConnectorId;

Error StatusError(Code code, std::string message) {
  Error error = MakeError(code, std::move(message));
  error.reason = "status_exception";
  return error;
}

Status CheckEnabled(deploy::NodeCore& node) {
  if (node.settings().Current()->Bool("plugins.ml_commons.remote_inference.enabled")) return {};
  return StatusError(Code::kInvalidArgument,
                     "Remote Inference is currently disabled. To enable it, update the setting "
                     "\"plugins.ml_commons.remote_inference_enabled\" to true.");
}

Status CheckTexts(const json::object& body, bool is_new) {
  const std::pair<const char*, const char*> fields[] = {{"name", "Model connector name"},
                                                        {"description", "Model connector description"},
                                                        {"provisioned_by", "Model connector provisioned_by field"}};
  models::TextCheck texts;
  for (const auto& [field, label] : fields) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, StringField(body, field));
    if (!text) continue;
    if (is_new && std::string_view(field) == "name") {
      texts.Required(label, *text);
    } else {
      texts.Allowed(label, *text);
    }
  }
  return texts.Outcome();
}

Status CheckAccess(const json::object& body) {
  ASSIGN_OR_RETURN(const bool wanted, models::WantsAccessControl(body));
  if (!wanted) return {};
  return MakeError(Code::kInvalidArgument,
                   "You cannot specify connector access control parameters because the Security plugin or connector "
                   "access control is disabled on your cluster.");
}

std::vector<std::string> NamesOf(const std::map<std::string, std::string, std::less<>>& credential) {
  std::vector<std::string> names;
  for (const auto& [name, value] : credential) names.push_back(name);
  return names;
}

Error NotFound(deploy::NodeCore& node, Error error) {
  if (error.code != Code::kNotFound || !IsFresh(node.store())) return error;
  return MakeError(Code::kNotFound, "Failed to find connector");
}

Result<net::HttpReply> CreateConnector(const RequestContext& context, deploy::NodeCore& node) {
  RETURN_IF_ERROR(CheckEnabled(node));
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true, "Create Connector request has empty body"));
  ASSIGN_OR_RETURN(connectors::ConnectorInput input, connectors::ParseCreate(body));
  if (input.dry_run) return JsonReply(context, json::object{{"connector_id", "dryRunConnector"}});
  RETURN_IF_ERROR(CheckTexts(body, true));
  RETURN_IF_ERROR(CheckAccess(body));
  RETURN_IF_ERROR(connectors::CheckConnector(input.connector, NamesOf(input.secrets),
                                             *connectors::EndpointRules::Make(*node.settings().Current())));
  if (input.id) input.connector.id = ConnectorId(*input.id);
  ASSIGN_OR_RETURN(const Connector made, node.connectors().Create(std::move(input.connector), input.secrets));
  return JsonReply(context, json::object{{"connector_id", made.id.str()}});
}

Result<net::HttpReply> GetConnector(const RequestContext& context, deploy::NodeCore& node) {
  const auto connector = node.connectors().Get(ConnectorId(context.PathParam("connector_id")));
  if (!connector) return NotFound(node, connector.error());
  return JsonReply(context, connectors::PublicForm(*connector));
}

// Ids of the models that name the connector, as the peer lists them; with `deployed` those that serve or are about to.
Result<std::vector<std::string>> Users(deploy::NodeCore& node, const std::string& connector, bool deployed) {
  std::vector<std::string> users;
  for (const auto& document : node.store().Find(storage::Collection::kModels, "connector_id", connector)) {
    const std::string& id = document->key.id;
    if (deployed) {
      const auto view = node.deploys().Get(ModelId(id));
      if (!view && view.error().code == Code::kNotFound) continue;  // deleted since
      if (!view) return view.error();
      using deploy::ModelState;
      const ModelState state = view->deployment.state;
      if (state != ModelState::kDeployed && state != ModelState::kPartiallyDeployed && state != ModelState::kDeploying)
        continue;
    }
    users.push_back(id);
  }
  return users;
}

Error InUse(Code code, const std::vector<std::string>& users, std::string_view what_to_do) {
  return StatusError(code, fmt::format("{} models are still using this connector, please {} the models first: [{}]",
                                       users.size(), what_to_do, fmt::join(users, ", ")));
}

Result<net::HttpReply> UpdateConnector(const RequestContext& context, deploy::NodeCore& node) {
  RETURN_IF_ERROR(CheckEnabled(node));
  const std::string& id = context.PathParam("connector_id");
  auto body = ObjectBody(context, true, "Failed to update connector: Request body is empty");
  if (!body) return body.error();
  ASSIGN_OR_RETURN(const connectors::ConnectorUpdate update, connectors::ParseUpdate(*body));
  RETURN_IF_ERROR(CheckTexts(*body, false));
  RETURN_IF_ERROR(CheckAccess(*body));
  if (const auto found = node.connectors().Get(ConnectorId(id)); !found) return NotFound(node, found.error());
  ASSIGN_OR_RETURN(const std::vector<std::string> users, Users(node, id, true));
  if (!users.empty()) return InUse(Code::kInvalidArgument, users, "undeploy");
  const auto rules = connectors::EndpointRules::Make(*node.settings().Current());
  const auto change = [&](const Connector& connector) -> Result<Connector> {
    return connectors::Change(update, connector, *rules);
  };
  const auto updated = node.connectors().Update(ConnectorId(id), change, update.secrets);
  if (!updated) return NotFound(node, updated.error());
  return UpdatedReply(context, kConnectorIndex, id, {.revision = updated->revision, .version = updated->doc_version});
}

Result<net::HttpReply> DeleteConnector(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("connector_id");
  ASSIGN_OR_RETURN(const std::vector<std::string> users, Users(node, id, false));
  if (!users.empty()) return InUse(Code::kConflict, users, "delete or update");
  const auto removed = node.connectors().Remove(ConnectorId(id));
  if (removed) return DeletedReply(context, kConnectorIndex, id, *removed);
  if (removed.error().code != Code::kNotFound) return removed.error();
  if (IsFresh(node.store())) return NotFound(node, removed.error());
  return DeletedReply(context, kConnectorIndex, id, {.revision = 0, .version = 1}, "not_found");
}

Result<net::HttpReply> SearchConnectors(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const query::SearchRequest request, ReadSearchRequest(context));
  const query::SearchTarget target{
      .index = std::string(kConnectorIndex), .default_excludes = {}, .always_excludes = {"credential"}};
  std::vector<Connector> found = node.connectors().List();
  SortOldestFirst(found, [](const Connector& connector) { return std::tie(connector.created_time, connector.id); });
  std::vector<query::SearchDocument> documents;
  for (const Connector& connector : found) {
    documents.push_back({connector.id.str(), std::make_shared<json::object>(connectors::PublicForm(connector)),
                         connector.doc_version, connector.revision});
  }
  return SearchReply(context, request, documents, target, node.clock());
}

}  // namespace

void AddConnectorRoutes(RouteTable& table, deploy::NodeCore& node) {
  const auto on_node = [&node](auto handle) {
    return [&node, handle](const RequestContext& context) { return handle(context, node); };
  };
  const std::string base = fmt::format("{}/connectors", kMlBase);
  const std::string one = base + "/{connector_id}";
  table.Add(
      {.method = "POST", .pattern = base + "/_create", .handler = on_node(CreateConnector), .body = BodyUse::kJson});
  for (const char* method : {"GET", "POST"}) {
    table.Add({.method = method,
               .pattern = base + "/_search",
               .handler = on_node(SearchConnectors),
               .body = BodyUse::kJson,
               .params = SearchParams()});
  }
  table.Add({.method = "GET", .pattern = one, .handler = on_node(GetConnector)});
  table.Add({.method = "PUT", .pattern = one, .handler = on_node(UpdateConnector), .body = BodyUse::kJson});
  table.Add({.method = "DELETE", .pattern = one, .handler = on_node(DeleteConnector)});
}

}  // namespace mlnode::rest
