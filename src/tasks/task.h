// tasks/task.h: the task document and its state machine (spec/tasks-profile-stats-settings §1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/result.h"
#include "storage/store.h"

namespace mlnode::tasks {

enum class TaskType : std::uint8_t { kRegisterModel, kDeployModel, kBatchPrediction };
// kCancelling, kExpired and kUnreachable are of batch jobs at a provider only.
enum class TaskState : std::uint8_t {
  kCreated,
  kRunning,
  kCompleted,
  kFailed,
  kCancelled,
  kCompletedWithError,
  kCancelling,
  kExpired,
  kUnreachable
};
std::string_view TaskTypeName(TaskType type);
std::string_view TaskStateName(TaskState state);
bool IsTerminal(TaskState state);
// The only edges: among CREATED, RUNNING and CANCELLING any but back to CREATED, and from each of them to any terminal.
// The same state again is allowed. kFailedPrecondition names both states.
Status CheckTransition(TaskState from, TaskState to);

// Who will finish the task. A task in progress always has one; the reconciler fails tasks whose owner is gone or whose
// deadline has passed (deploy/reconciler.h). For a deploy the owner is the plan of that generation, whatever node
// serves it; a batch job belongs to its provider, and has no deadline here.
struct Owner {
  NodeId node;
  std::uint64_t incarnation = 0;  // of the node's process; 0 with an empty node: owned by the plan
};

struct TaskRecord {
  TaskId id;
  TaskType type = TaskType::kDeployModel;
  TaskState state = TaskState::kCreated;
  std::optional<ModelId> model;
  std::string function_name;  // upper case
  std::vector<NodeId> worker_nodes;
  EpochMillis create_time = 0, last_update_time = 0;
  std::optional<std::string> error;  // text, or for deploys a JSON text {node id: message}
  bool is_async = true;
  std::optional<json::object> remote_job = {};  // kBatchPrediction: what the provider last said of it
  // --- under "_mlnode"
  Owner owner;
  EpochMillis deadline = 0;  // wall clock; renewed on progress
  std::uint64_t revision = 0, doc_version = 0;
};

Result<TaskRecord> ReadTask(const storage::Document& document);
json::object StoredForm(const TaskRecord& task);
json::object PublicForm(const TaskRecord& task);  // what GET and _search show: no task_id, no "_mlnode"

}  // namespace mlnode::tasks
