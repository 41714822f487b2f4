// Tasks: get, search, delete, cancel (spec/tasks-profile-stats-settings §1.3).
#include <tuple>

#include "core/log.h"
#include "rest/json_reply.h"
#include "rest/remote/from_background.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::string Path(std::string_view rest) { return fmt::format("{}/tasks{}", kMlBase, rest); }

// A batch job's provider is asked first.
Status GetTask(deploy::NodeCore& node, const std::shared_ptr<RequestContext>& context, const OnceAnswer& answer) {
  node.batch_jobs().Refresh(TaskId(context->PathParam("task_id")),
                            [context, answer](const Result<tasks::TaskRecord>& task) {
                              if (!task) return answer(task.error());
                              answer(JsonReply(*context, tasks::PublicForm(*task)));
                            });
  return {};
}

Result<net::HttpReply> DeleteTask(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("task_id");
  ASSIGN_OR_RETURN(const storage::Written written, node.tasks().Remove(TaskId(id)));
  return DeletedReply(context, kTaskIndex, id, written);
}

// What can be cancelled are batch jobs of remote services.
Status CancelTask(deploy::NodeCore& node, const std::shared_ptr<RequestContext>& context, const OnceAnswer& answer) {
  node.batch_jobs().Cancel(TaskId(context->PathParam("task_id")), [context, answer](Status cancelled) {
    if (!cancelled) return answer(std::move(cancelled).error());
    answer(JsonReply(*context, json::object{{"status", "OK"}}));
  });
  return {};
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
  const auto later = [&node](auto begin) {
    return FromBackground(node, [&node, begin](const std::shared_ptr<RequestContext>& context,
                                               const OnceAnswer& answer) { return begin(node, context, answer); });
  };
  table.Add({.method = "GET", .pattern = Path("/{task_id}"), .async = later(GetTask)});
  table.Add({.method = "DELETE", .pattern = Path("/{task_id}"), .handler = on_node(DeleteTask)});
  // The peer's code has the first, its documentation the second.
  for (const char* verb : {"/{task_id}/_cancel", "/{task_id}/_cancel_batch"}) {
    table.Add({.method = "POST", .pattern = Path(verb), .async = later(CancelTask)});
  }
}

}  // namespace mlnode::rest
