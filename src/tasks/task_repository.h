// tasks/task_repository.h: tasks in the store. Threads: any; may block: run on `background`.
#pragma once

#include <functional>
#include <vector>

#include "tasks/task.h"

namespace mlnode::tasks {

class TaskRepository {
 public:
  TaskRepository(storage::Store& store, RandomSource& random, const Clock& clock)
      : store_(store), random_(random), clock_(clock) {}

  // Stores a new task (state CREATED); id and times are filled in here.
  Result<TaskRecord> Create(TaskRecord task);
  Result<TaskRecord> Get(const TaskId& id) const;  // kNotFound "Failed to find task"
  std::vector<TaskRecord> List() const;
  // Tasks that are not terminal, found by their state, however many have ended. One that goes back and forth between
  // two of these states meanwhile, as jobs at a provider may, can be missed.
  std::vector<TaskRecord> InProgress() const;
  // Moves to `to`; `change` may fill in model, error, function, workers, deadline. A task that is already terminal
  // stays as it is and kFailedPrecondition is returned; kNotFound when it was deleted. `still`, when set, is asked with
  // the task as it stands, also as somebody else has just written it; its error is returned and nothing changes.
  Result<TaskRecord> Transition(const TaskId& id, TaskState to, const std::function<void(TaskRecord&)>& change = {},
                                const std::function<Status(const TaskRecord&)>& still = {});
  // kFailedPrecondition when RUNNING ("Task cannot be deleted in running state. Try after some time."), kNotFound.
  Result<storage::Written> Remove(const TaskId& id);

 private:
  storage::Store& store_;
  RandomSource& random_;
  const Clock& clock_;
};

}  // namespace mlnode::tasks
