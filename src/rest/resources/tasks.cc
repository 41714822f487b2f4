// Tasks: get, search, delete, cancel (spec/tasks-profile-stats-settings §1.3).
#include <tuple>

#include "core/log.h"
#include "rest/json_reply.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::string Path(std::string_view rest) { return fmt::format("{}/tasks{}", kMlBase, rest); }

Result<net::HttpReply> GetTask(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const tasks::TaskRecord task, node.tasks().Get(TaskId(context.PathParam("task_id"))));
  return JsonReply(context, tasks::PublicForm(task));
}

Result<net::HttpReply> DeleteTask(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("task_id");
  ASSIGN_OR_RETURN(const storage::Written written, node.tasks().Remove(TaskId(id)));
  return DeletedReply(context, kTaskIndex, id, written);
}

// What can be cancelled are batch jobs of remote services, and none is begun here.
Result<net::HttpReply> CancelTask(const RequestContext& context, deploy::NodeCore& node) {
  const auto task = node.tasks().Get(TaskId(context.PathParam("task_id")));
  if (task) {
    return MakeError(Code::kInvalidArgument, "The task ID you provided does not have any associated batch job");
  }
  if (task.error().code == Code::kNotFound) return MakeError(Code::kNotFound, "Fail to find task");
  return task.error();
}

Result<net::HttpReply> SearchTasks(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const query::SearchRequest request, ReadSearchRequest(context));
  std::vector<query::SearchDocument> documents;
  std::vector<tasks::TaskRecord> tasks = node.tasks().List();
  SortOldestFirst(tasks, [](const tasks::TaskRecord& task) { return std::tie(task.create_time, task.id); });
  for (const tasks::TaskRecord& task : tasks) {
    documents.push_back(
        {task.id.str(), std::make_shared<json::object>(tasks::PublicForm(task)), task.doc_version, task.revision});
  }
  const query::SearchTarget target{.index = std::string(kTaskIndex), .default_excludes = {}, .always_excludes = {}};
  return SearchReply(context, request, documents, target, node.clock());
}

}  // namespace

void AddTaskRoutes(RouteTable& table, deploy::NodeCore& node) {
  const auto on_node = [&node](auto handle) {
    return [&node, handle](const RequestContext& context) { return handle(context, node); };
  };
  for (const char* method : {"GET", "POST"}) {
    table.Add({.method = method,
               .pattern = Path("/_search"),
               .handler = on_node(SearchTasks),
               .body = BodyUse::kJson,
               .params = SearchParams()});
  }
  table.Add({.method = "GET", .pattern = Path("/{task_id}"), .handler = on_node(GetTask)});
  table.Add({.method = "DELETE", .pattern = Path("/{task_id}"), .handler = on_node(DeleteTask)});
  table.Add({.method = "POST", .pattern = Path("/{task_id}/_cancel"), .handler = on_node(CancelTask)});
}

}  // namespace mlnode::rest
