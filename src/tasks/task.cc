#include "tasks/task.h"

#include <array>
#include <utility>

#include "storage/document_format.h"

namespace mlnode::tasks {
namespace {

constexpr std::array<std::string_view, 3> kTypeNames = {"REGISTER_MODEL", "DEPLOY_MODEL", "BATCH_PREDICTION"};
constexpr std::array<std::string_view, 9> kStateNames = {"CREATED",    "RUNNING",   "COMPLETED",
                                                         "FAILED",     "CANCELLED", "COMPLETED_WITH_ERROR",
                                                         "CANCELLING", "EXPIRED",   "UNREACHABLE"};
constexpr std::string_view kOwn = "_mlnode";

Error Damaged(const storage::Document& document, std::string_view field) {
  return MakeError(Code::kDataLoss,
                   "task " + document.key.id + ": stored field [" + std::string(field) + "] is missing or malformed");
}

template <class Enum, std::size_t N>
std::optional<Enum> FromName(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// A field that must be there: the error of a read, of an absence and of another type is the same kDataLoss.
template <class T>
Result<T> Required(Result<std::optional<T>> field, const storage::Document& document, std::string_view name) {
  if (!field || !field->has_value()) return Damaged(document, name);
  return std::move(**field);
}

Status ReadOwn(const storage::Document& document, TaskRecord& task) {
  const Result<const json::object*> own = ObjectField(document.body, kOwn);
  if (!own || *own == nullptr) return Damaged(document, kOwn);
  ASSIGN_OR_RETURN(std::string node, Required(StringField(**own, "owner_node"), document, "_mlnode.owner_node"));
  ASSIGN_OR_RETURN(task.deadline, Required(IntField(**own, "deadline"), document, "_mlnode.deadline"));
  const json::value* incarnation = (*own)->if_contains("owner_incarnation");
  if (incarnation == nullptr || !incarnation->is_number()) return Damaged(document, "_mlnode.owner_incarnation");
  boost::system::error_code failed;
  task.owner = {NodeId(std::move(node)), incarnation->to_number<std::uint64_t>(failed)};
  if (failed) return Damaged(document, "_mlnode.owner_incarnation");
  return {};
}

}  // namespace

std::string_view TaskTypeName(TaskType type) { return kTypeNames[static_cast<std::size_t>(type)]; }
std::string_view TaskStateName(TaskState state) { return kStateNames[static_cast<std::size_t>(state)]; }

bool IsTerminal(TaskState state) {
  return state != TaskState::kCreated && state != TaskState::kRunning && state != TaskState::kCancelling;
}

Status CheckTransition(TaskState from, TaskState to) {
  if (from == to) return {};
  if (!IsTerminal(from) && to != TaskState::kCreated) return {};
  return MakeError(Code::kFailedPrecondition, "a task that is " + std::string(TaskStateName(from)) + " cannot become " +
                                                  std::string(TaskStateName(to)));
}

Result<TaskRecord> ReadTask(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  const json::object& body = document.body;
  TaskRecord task;
  task.id = TaskId(document.key.id);
  ASSIGN_OR_RETURN(const std::string type, Required(StringField(body, "task_type"), document, "task_type"));
  ASSIGN_OR_RETURN(const std::string state, Required(StringField(body, "state"), document, "state"));
  const auto known_type = FromName<TaskType>(kTypeNames, type);
  const auto known_state = FromName<TaskState>(kStateNames, state);
  if (!known_type) return Damaged(document, "task_type");
  if (!known_state) return Damaged(document, "state");
  task.type = *known_type;
  task.state = *known_state;
  ASSIGN_OR_RETURN(task.function_name, Required(StringField(body, "function_name"), document, "function_name"));
  ASSIGN_OR_RETURN(task.create_time, Required(IntField(body, "create_time"), document, "create_time"));
  ASSIGN_OR_RETURN(task.last_update_time, Required(IntField(body, "last_update_time"), document, "last_update_time"));
  ASSIGN_OR_RETURN(task.is_async, Required(BoolField(body, "is_async"), document, "is_async"));
  ASSIGN_OR_RETURN(const std::vector<std::string> workers,
                   Required(StringsField(body, "worker_node"), document, "worker_node"));
  for (const std::string& worker : workers) task.worker_nodes.emplace_back(worker);
  const Result<std::optional<std::string>> model = StringField(body, "model_id");
  const Result<std::optional<std::string>> error = StringField(body, "error");
  if (!model) return Damaged(document, "model_id");
  if (!error) return Damaged(document, "error");
  if (model->has_value()) task.model = ModelId(**model);
  task.error = *error;
  const Result<const json::object*> job = ObjectField(body, "remote_job");
  if (!job) return Damaged(document, "remote_job");
  if (*job != nullptr) task.remote_job = **job;
  RETURN_IF_ERROR(ReadOwn(document, task));
  task.revision = document.revision;
  task.doc_version = document.version;
  return task;
}

json::object PublicForm(const TaskRecord& task) {
  json::object out;
  if (task.model) out["model_id"] = task.model->str();
  out["task_type"] = TaskTypeName(task.type);
  out["function_name"] = task.function_name;
  out["state"] = TaskStateName(task.state);
  json::array workers;
  for (const NodeId& node : task.worker_nodes) workers.emplace_back(node.str());
  out["worker_node"] = std::move(workers);
  out["create_time"] = task.create_time;
  out["last_update_time"] = task.last_update_time;
  if (task.error) out["error"] = *task.error;
  out["is_async"] = task.is_async;
  if (task.remote_job) out["remote_job"] = *task.remote_job;
  return out;
}

json::object StoredForm(const TaskRecord& task) {
  json::object out = PublicForm(task);
  out[kOwn] = json::object{{"owner_node", task.owner.node.str()},
                           {"owner_incarnation", task.owner.incarnation},
                           {"deadline", task.deadline}};
  return out;
}

}  // namespace mlnode::tasks
