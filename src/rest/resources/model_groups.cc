// Model groups: register, get, search, delete (spec/access §3; access control is a later issue).
#include <tuple>

#include "core/log.h"
#include "rest/json_reply.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::string Path(std::string_view rest) { return fmt::format("{}/model_groups{}", kMlBase, rest); }

Error ValidationFailed(std::string_view what) {
  return Error{.code = Code::kInvalidArgument,
               .message = fmt::format("Validation Failed: 1: {};", what),
               .reason = "action_request_validation_exception"};
}

// Access fields mean something only where access control exists; a mode that is no mode is ignored, as the peer does.
Status RefuseAccessFields(const json::object& body) {
  ASSIGN_OR_RETURN(const auto mode, StringField(body, "access_mode"));
  ASSIGN_OR_RETURN(const auto roles, StringsField(body, "backend_roles"));
  ASSIGN_OR_RETURN(const auto all_roles, BoolField(body, "add_all_backend_roles"));
  const bool known_mode = mode == "public" || mode == "private" || mode == "restricted";
  if (!known_mode && (!roles || roles->empty()) && !all_roles) return {};
  return MakeError(Code::kInvalidArgument,
                   "You cannot specify model access control parameters because the Security plugin or model access "
                   "control is disabled on your cluster.");
}

Result<net::HttpReply> RegisterGroup(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true, "Model group request has empty body"));
  ASSIGN_OR_RETURN(const auto name, StringField(body, "name"));
  ASSIGN_OR_RETURN(const auto description, StringField(body, "description"));
  if (!name) return MakeError(Code::kInvalidArgument, "model group name must not be null");
  if (name->find_first_not_of(" \t\n\r") == std::string::npos) {
    return ValidationFailed("Model group name is required and cannot be null or blank");
  }
  RETURN_IF_ERROR(RefuseAccessFields(body));
  ASSIGN_OR_RETURN(const models::Group group, node.models().CreateGroup(*name, description));
  return JsonReply(context, json::object{{"model_group_id", group.id.str()}, {"status", "CREATED"}});
}

Result<net::HttpReply> GetGroup(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_group_id");
  const auto group = node.models().GetGroup(GroupId(id));
  if (group) return JsonReply(context, models::GroupForm(*group));
  if (group.error().code != Code::kNotFound) return group.error();
  return MakeError(Code::kNotFound, fmt::format("Failed to find model group with the provided model group id: {}", id));
}

Result<net::HttpReply> DeleteGroup(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_group_id");
  const auto written = node.models().RemoveGroup(GroupId(id));
  if (written) return DeletedReply(context, kModelGroupIndex, id, *written);
  if (written.error().code != Code::kNotFound) return written.error();
  return DeletedReply(context, kModelGroupIndex, id, {.revision = 0, .version = 1}, "not_found");
}

Result<net::HttpReply> SearchGroups(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const query::SearchRequest request, ReadSearchRequest(context));
  std::vector<query::SearchDocument> documents;
  std::vector<models::Group> groups = node.models().ListGroups();
  SortOldestFirst(groups, [](const models::Group& group) { return std::tie(group.created_time, group.id); });
  for (const models::Group& group : groups) {
    const auto stored = node.store().Get({storage::Collection::kModelGroups, group.id.str()});
    if (!stored) continue;  // deleted since
    documents.push_back({group.id.str(), std::make_shared<json::object>(models::GroupForm(group)), (*stored)->version,
                         (*stored)->revision});
  }
  const query::SearchTarget target{
      .index = std::string(kModelGroupIndex), .default_excludes = {}, .always_excludes = {}};
  return SearchReply(context, request, documents, target, node.clock());
}

}  // namespace

void AddModelGroupRoutes(RouteTable& table, deploy::NodeCore& node) {
  const auto on_node = [&node](auto handle) {
    return [&node, handle](const RequestContext& context) { return handle(context, node); };
  };
  table.Add(
      {.method = "POST", .pattern = Path("/_register"), .handler = on_node(RegisterGroup), .body = BodyUse::kJson});
  for (const char* method : {"GET", "POST"}) {
    table.Add({.method = method,
               .pattern = Path("/_search"),
               .handler = on_node(SearchGroups),
               .body = BodyUse::kJson,
               .params = SearchParams()});
  }
  table.Add({.method = "GET", .pattern = Path("/{model_group_id}"), .handler = on_node(GetGroup)});
  table.Add({.method = "DELETE", .pattern = Path("/{model_group_id}"), .handler = on_node(DeleteGroup)});
}

}  // namespace mlnode::rest
