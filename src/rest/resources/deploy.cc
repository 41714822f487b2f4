// Deploy and undeploy (spec/deploy §2, 3; the documentation page's answer: status DEPLOYING).
#include "core/log.h"
#include "rest/json_reply.h"
#include "rest/remote/from_background.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::string Path(std::string_view rest) { return fmt::format("{}/models{}", kMlBase, rest); }

// A list of ids; absent: empty.
template <class IdType>
Result<std::vector<IdType>> Ids(const json::object& body, std::string_view key) {
  std::vector<IdType> ids;
  ASSIGN_OR_RETURN(auto texts, StringsField(body, key));
  if (!texts) return ids;
  for (std::string& text : *texts) ids.emplace_back(std::move(text));
  return ids;
}

net::HttpReply DeployReply(const RequestContext& context, const TaskId& task, std::string_view status) {
  return JsonReply(context, json::object{{"task_id", task.str()}, {"task_type", "DEPLOY_MODEL"}, {"status", status}});
}

// The deploy of a remote model takes milliseconds, and the peer answers when it has ended.
constexpr Duration kRemoteDeploy = std::chrono::seconds(5);

Status Deploy(deploy::NodeCore& node, const std::shared_ptr<RequestContext>& context, const OnceAnswer& answer) {
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(*context, false));
  ASSIGN_OR_RETURN(const auto nodes, Ids<NodeId>(body, "node_ids"));
  ASSIGN_OR_RETURN(const TaskId task, node.deploys().Deploy(ModelId(context->PathParam("model_id")), nodes));
  const auto begun = node.tasks().Get(task);
  if (!begun || begun->function_name != models::TraitsOf(models::FunctionName::kRemote).name) {
    answer(DeployReply(*context, task, "DEPLOYING"));
    return {};
  }
  node.task_watch().WhenEnded(task, Deadline::After(node.clock(), kRemoteDeploy), [&node, context, answer, task] {
    const auto ended = node.tasks().Get(task);
    const bool over = ended && tasks::IsTerminal(ended->state);
    answer(DeployReply(*context, task, over ? tasks::TaskStateName(ended->state) : "DEPLOYING"));
  });
  return {};
}

json::object Report(const deploy::UndeployReport& report) {
  json::object body;
  for (const auto& [node, models] : report.nodes) {
    json::object stats;
    for (const auto& [model, result] : models) {
      stats[model.str()] = result == deploy::UndeployResult::kUndeployed ? "undeployed" : "not_found";
    }
    body[node.str()] = json::object{{"stats", std::move(stats)}};
  }
  return body;
}

Result<net::HttpReply> Undeploy(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, false));
  ASSIGN_OR_RETURN(auto models, Ids<ModelId>(body, "model_ids"));
  ASSIGN_OR_RETURN(const auto nodes, Ids<NodeId>(body, "node_ids"));
  const std::string& named = context.PathParam("model_id");  // empty on the route without one
  if (models.empty() && !named.empty()) models.emplace_back(named);
  if (models.empty()) return MakeError(Code::kInvalidArgument, "Must set specific model ids to undeploy");
  ASSIGN_OR_RETURN(const deploy::UndeployReport report, node.deploys().Undeploy(models, nodes));
  // Who undeploys a model that is still being downloaded wants it nowhere.
  for (const ModelId& id : models) {
    if (nodes.empty()) RETURN_IF_ERROR(node.registration().Cancel(id));
  }
  return JsonReply(context, Report(report));
}

}  // namespace

void AddDeployRoutes(RouteTable& table, deploy::NodeCore& node) {
  struct Verb {
    const char* pattern;
    const char* old_pattern;
    Result<net::HttpReply> (*handle)(const RequestContext&, deploy::NodeCore&);
  };
  const Route deploy{
      .method = "POST",
      .pattern = Path("/{model_id}/_deploy"),
      .async = FromBackground(node, [&node](const std::shared_ptr<RequestContext>& context,
                                            const OnceAnswer& answer) { return Deploy(node, context, answer); }),
      .body = BodyUse::kJson};
  table.Add(deploy);
  table.AddAlias(Path("/{model_id}/_load"), deploy);
  constexpr Verb kVerbs[] = {{"/{model_id}/_undeploy", "/{model_id}/_unload", Undeploy},
                             {"/_undeploy", "/_unload", Undeploy}};
  for (const Verb& verb : kVerbs) {
    const Route route{
        .method = "POST",
        .pattern = Path(verb.pattern),
        .handler = [&node, handle = verb.handle](const RequestContext& context) { return handle(context, node); },
        .body = BodyUse::kJson};
    table.Add(route);
    table.AddAlias(Path(verb.old_pattern), route);
  }
}

}  // namespace mlnode::rest
