// deploy/remote/task_watch.h: tells when a task has ended, without a thread that waits. Threads: any.
#pragma once

#include <map>
#include <memory>

#include "core/executor.h"
#include "core/guarded.h"
#include "tasks/task_repository.h"

namespace mlnode::deploy {

class TaskWatch {
 public:
  static constexpr std::size_t kMaxWaiting = 1'000;  // beyond: `done` at once

  // All borrowed; they outlive it. Notices come on `background`.
  TaskWatch(tasks::TaskRepository& tasks, storage::Store& store, Executor& background, Executor& timers,
            const Clock& clock);
  ~TaskWatch();  // Stop()
  void Start();
  void Stop();  // who waits is told now

  // Once: when the task has ended, at the deadline, or when nothing tells its end. Here, on `background` or `timers`.
  // Whoever is called reads the task.
  void WhenEnded(const TaskId& task, Deadline deadline, UniqueFunction<void()> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::unique_ptr<storage::Subscription> subscription_;
};

}  // namespace mlnode::deploy
