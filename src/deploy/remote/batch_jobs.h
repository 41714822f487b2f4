// deploy/remote/batch_jobs.h: batch predictions: jobs that a provider works on for hours, and the tasks that stand for
// them (spec/remote §11). Each minute every task in progress is looked at, by the node that began it, or once that is
// gone by the one that leads (cluster/due_actions.h); whoever reads one has it looked at then, where he reads it.
// The task's document is all there is of it here, so that a restart loses nothing. Threads: functions that block on the
// store say so; no thread waits for a provider.
#pragma once

#include <memory>

#include "core/executor.h"
#include "deploy/membership.h"
#include "deploy/step_loop.h"
#include "serving/remote/remote_environment.h"
#include "tasks/task_repository.h"

namespace mlnode::deploy {

// All borrowed; they outlive it. `remote` null: no job can be looked at (kUnimplemented).
struct BatchJobsEnvironment {
  tasks::TaskRepository& tasks;
  config::Settings& settings;
  const serving::RemoteEnvironment* remote;
  Executor& background;
  const Clock& clock;
  NodeId self;
  const Membership* membership = nullptr;  // null: this node is alone, and every job is its own
};

class BatchJobs {
 public:
  static constexpr Duration kPace = std::chrono::minutes(1);
  static constexpr int kFailures = 10;  // looks that fail in a row; then the job is UNREACHABLE
  // Jobs looked at beside each other. A look that ends begins the next, until all in progress have had theirs.
  static constexpr std::size_t kAtOnce = 16;
  // For one look at a job, or its cancellation.
  static constexpr Duration kPatience = std::chrono::seconds(60);

  explicit BatchJobs(const BatchJobsEnvironment& environment);
  ~BatchJobs();
  void Start();
  void Stop();

  // kResourceExhausted: plugins.ml_commons.max_batch_inference_tasks jobs are in progress. Reads tasks: `background`.
  Status CheckRoom() const;
  // The task of a job that has begun; `answer` is the provider's. kNotFound "Unable to create batch transform job": it
  // names no job; NotRecorded. Blocks on the store.
  Result<tasks::TaskRecord> Record(const ModelId& model, const serving::PredictResult& answer,
                                   const std::optional<json::object>& dlq);
  using Done = UniqueFunction<void(Result<tasks::TaskRecord>)>;
  // Asks the provider, writes what it says into the task and gives the task. A task that has ended, or is no job, as it
  // is. kNotFound; kInvalidArgument "Please configure the action type to get the batch job details in the connector";
  // what a prediction may answer. Called on `background`; `done` there or at once.
  void Refresh(const TaskId& task, Done done);
  // kInvalidArgument "The task ID you provided does not have any associated batch job", kNotFound "Fail to find task".
  void Cancel(const TaskId& task, UniqueFunction<void(Status)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
  StepLoop loop_;  // last: it goes first
};

// The job has begun, and no task is known to stand for it: kInternal, for who asks again begins and pays for another.
// Its message holds what the provider answered (its first kMaxJobText bytes), by which the job can be found and
// cancelled there, and so does the log.
inline constexpr std::size_t kMaxJobText = 4'096;
Error NotRecorded(const ModelId& model, const serving::PredictResult& answer, const Error& why);

// The state that the provider's words mean, by the settings plugins.ml_commons.remote_job.*: the first status field
// that is there, compared as a whole, in any case. RUNNING: none of them. Pure.
tasks::TaskState JobState(const json::object& remote_job, const config::Snapshot& settings);

}  // namespace mlnode::deploy
