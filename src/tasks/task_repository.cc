#include "tasks/task_repository.h"

#include <map>
#include <utility>

#include "core/log.h"
#include "storage/listing.h"

namespace mlnode::tasks {
namespace {

storage::Key KeyOf(const TaskId& id) { return {storage::Collection::kTasks, id.str()}; }

Error NotFound() { return MakeError(Code::kNotFound, "Failed to find task"); }

Error TranslateMiss(Error error) { return error.code == Code::kNotFound ? NotFound() : std::move(error); }

}  // namespace

Result<TaskRecord> TaskRepository::Create(TaskRecord task) {
  task.id = TaskId(NewDocumentId(random_));
  task.state = TaskState::kCreated;
  task.create_time = task.last_update_time = clock_.WallMillis();
  ASSIGN_OR_RETURN(const storage::Written written, storage::Commit(store_, {.key = KeyOf(task.id),
                                                                            .expect = storage::Expect::Absent(),
                                                                            .body = StoredForm(task),
                                                                            .nonce = NewNonce(random_)}));
  task.revision = written.revision;
  task.doc_version = written.version;
  return task;
}

Result<TaskRecord> TaskRepository::Get(const TaskId& id) const {
  Result<storage::DocumentPtr> found = storage::GetOrAsk(store_, KeyOf(id));
  if (!found) return TranslateMiss(std::move(found).error());
  return ReadTask(**found);
}

std::vector<TaskRecord> TaskRepository::List() const {
  return storage::ReadListing(store_, storage::Collection::kTasks, "tasks", ReadTask);
}

std::vector<TaskRecord> TaskRepository::InProgress() const {
  // From the first on: one that moves on meanwhile is found twice rather than never.
  std::map<TaskId, TaskRecord> tasks;
  for (const TaskState state : {TaskState::kCreated, TaskState::kRunning, TaskState::kCancelling}) {
    for (const storage::DocumentPtr& document :
         store_.Find(storage::Collection::kTasks, "state", TaskStateName(state))) {
      Result<TaskRecord> task = ReadTask(*document);
      if (task) {
        const TaskId id = task->id;
        tasks.insert_or_assign(id, *std::move(task));
      } else {
        LOG_ERROR("tasks", "left out of a listing: {}", task.error().message);
      }
    }
  }
  std::vector<TaskRecord> listed;
  for (auto& [id, task] : tasks) listed.push_back(std::move(task));
  return listed;
}

Result<TaskRecord> TaskRepository::Transition(const TaskId& id, TaskState to,
                                              const std::function<void(TaskRecord&)>& change,
                                              const std::function<Status(const TaskRecord&)>& still) {
  TaskRecord task;
  auto step = [&](json::object& body) -> Result<bool> {
    ASSIGN_OR_RETURN(task, ReadTask({.key = KeyOf(id), .body = body}));
    if (IsTerminal(task.state))
      return MakeError(Code::kFailedPrecondition, "the task is already " + std::string(TaskStateName(task.state)));
    if (still) RETURN_IF_ERROR(still(task));
    RETURN_IF_ERROR(CheckTransition(task.state, to));
    task.state = to;
    task.last_update_time = clock_.WallMillis();
    if (change) change(task);
    body = StoredForm(task);
    return true;
  };
  Result<storage::Updated> updated = storage::Update(store_, random_, KeyOf(id), step);
  if (!updated) return TranslateMiss(std::move(updated).error());
  task.revision = updated->written.revision;
  task.doc_version = updated->written.version;
  return task;
}

Result<storage::Written> TaskRepository::Remove(const TaskId& id) {
  const auto ended = [](const storage::Document& document) -> Status {
    ASSIGN_OR_RETURN(const TaskRecord task, ReadTask(document));
    if (task.state != TaskState::kRunning) return {};
    return MakeError(Code::kFailedPrecondition, "Task cannot be deleted in running state. Try after some time.");
  };
  Result<storage::Written> removed = storage::Remove(store_, random_, KeyOf(id), "task " + id.str(), ended);
  if (!removed) return TranslateMiss(std::move(removed).error());
  return removed;
}

}  // namespace mlnode::tasks
