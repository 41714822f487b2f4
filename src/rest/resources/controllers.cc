// Controllers: what each user may ask of a model (spec/controllers §1).
#include <fmt/format.h>

#include "rest/json_reply.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

Result<models::UserRateLimiters> ReadUsers(const RequestContext& context, deploy::NodeCore& node,
                                           std::string_view missing) {
  RETURN_IF_ERROR(node.controllers().CheckEnabled());
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true, missing));
  return models::ParseUserRateLimiters(body);
}

Result<net::HttpReply> CreateController(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_id");
  ASSIGN_OR_RETURN(models::UserRateLimiters users,
                   ReadUsers(context, node, "Create model controller request has empty body"));
  ASSIGN_OR_RETURN(const auto saved, node.controllers().Create(ModelId(id), std::move(users)));
  return JsonReply(context, json::object{{"model_id", id}, {"status", saved.created ? "CREATED" : "UPDATED"}});
}

Result<net::HttpReply> UpdateController(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_id");
  ASSIGN_OR_RETURN(const models::UserRateLimiters users,
                   ReadUsers(context, node, "Update model controller request has empty body"));
  ASSIGN_OR_RETURN(const auto merged, node.controllers().Update(ModelId(id), users));
  return UpdatedReply(context, kControllerIndex, id, merged.written, merged.changed);
}

Result<net::HttpReply> GetController(const RequestContext& context, deploy::NodeCore& node) {
  const auto controller = node.controllers().Get(ModelId(context.PathParam("model_id")));
  if (controller) return JsonReply(context, models::ControllerForm(*controller));
  if (controller.error().code != Code::kNotFound) return controller.error();
  return IsFresh(node.store()) ? MakeError(Code::kNotFound, "Failed to find model controller") : controller.error();
}

Result<net::HttpReply> DeleteController(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_id");
  ASSIGN_OR_RETURN(const storage::Written written, node.controllers().Delete(ModelId(id)));
  return DeletedReply(context, kControllerIndex, id, written);
}

}  // namespace

void AddControllerRoutes(RouteTable& table, deploy::NodeCore& node) {
  const auto add = [&](const char* method, auto handle, BodyUse body) {
    table.Add({.method = method,
               .pattern = fmt::format("{}/controllers/{{model_id}}", kMlBase),
               .handler = [&node, handle](const RequestContext& context) { return handle(context, node); },
               .body = body});
  };
  add("POST", CreateController, BodyUse::kJson);
  add("PUT", UpdateController, BodyUse::kJson);
  add("GET", GetController, BodyUse::kNone);
  add("DELETE", DeleteController, BodyUse::kNone);
}

}  // namespace mlnode::rest
