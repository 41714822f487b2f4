// Model groups: register, get, search, update, delete (spec/access §3; access control is a later issue).
#include <tuple>

#include "core/log.h"
#include "models/input/common_fields.h"
#include "rest/json_reply.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::string Path(std::string_view rest) { return fmt::format("{}/model_groups{}", kMlBase, rest); }

Error NoSuchGroup(const std::string& id) {
  return MakeError(Code::kNotFound, fmt::format("Failed to find model group with the provided model group id: {}", id));
}

struct GroupInput {
  std::optional<std::string> name, description;
};

Result<GroupInput> ReadGroup(const RequestContext& context, bool is_new) {
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true, "Model group request has empty body"));
  GroupInput input;
  ASSIGN_OR_RETURN(input.name, StringField(body, "name"));
  ASSIGN_OR_RETURN(input.description, StringField(body, "description"));
  if (is_new && !input.name) return MakeError(Code::kInvalidArgument, "model group name must not be null");
  ASSIGN_OR_RETURN(const bool wants_access_control, models::WantsAccessControl(body));
  models::TextCheck texts;
  if (is_new) {
    texts.Required("Model group name", *input.name);
  } else if (input.name) {
    texts.Allowed("Model group name", *input.name);
  }
  if (input.description) texts.Allowed("Model group description", *input.description);
  RETURN_IF_ERROR(texts.Outcome());
  if (wants_access_control) return models::AccessControlIsOff();
  return input;
}

Result<net::HttpReply> RegisterGroup(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const GroupInput input, ReadGroup(context, true));
  ASSIGN_OR_RETURN(const models::Group group, node.models().CreateGroup(input.name.value_or(""), input.description));
  return JsonReply(context, json::object{{"model_group_id", group.id.str()}, {"status", "CREATED"}});
}

Result<net::HttpReply> UpdateGroup(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_group_id");
  ASSIGN_OR_RETURN(GroupInput input, ReadGroup(context, false));
  for (std::optional<std::string>* text : {&input.name, &input.description}) {
    if (*text && models::IsBlank(**text)) text->reset();  // changes nothing, as with the peer
  }
  const auto updated = node.models().UpdateGroup(GroupId(id), input.name, input.description);
  if (!updated) return updated.error().code == Code::kNotFound ? NoSuchGroup(id) : updated.error();
  return JsonReply(context, json::object{{"status", "Updated"}});
}

Result<net::HttpReply> GetGroup(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_group_id");
  const auto group = node.models().GetGroup(GroupId(id));
  if (group) return JsonReply(context, models::GroupForm(*group));
  if (group.error().code != Code::kNotFound) return group.error();
  return IsFresh(node.store()) ? MakeError(Code::kNotFound, "Failed to find model group index") : NoSuchGroup(id);
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
  table.Add(
      {.method = "PUT", .pattern = Path("/{model_group_id}"), .handler = on_node(UpdateGroup), .body = BodyUse::kJson});
  table.Add({.method = "DELETE", .pattern = Path("/{model_group_id}"), .handler = on_node(DeleteGroup)});
}

}  // namespace mlnode::rest
