#include "deploy/remote/batch_jobs.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "core/log.h"
#include "core/utf8.h"
#include "deploy/cluster/due_actions.h"
#include "deploy/remote/batch_actions.h"
#include "serving/remote/remote_servable.h"

namespace mlnode::deploy {
namespace {

using connectors::ActionType;
using tasks::TaskRecord;
using tasks::TaskState;

bool IsJob(const TaskRecord& task) {
  return task.type == tasks::TaskType::kBatchPrediction && task.model && task.remote_job;
}

// What the provider said of its job, an object.
Result<json::object> JobOf(const serving::PredictResult& answer) {
  Error none = MakeError(Code::kNotFound, "Unable to create batch transform job");
  if (answer.documents.empty() || answer.documents.front().empty()) return none;
  const auto map = ParseJson(answer.documents.front().front().data_as_map);
  const json::object* object = map ? map->if_object() : nullptr;
  if (object == nullptr || object->empty()) return none;
  return *object;
}

std::string_view Missing(ActionType type) {
  return type == ActionType::kBatchPredictStatus
             ? "Please configure the action type to get the batch job details in the connector"
             : "Please configure the action type to cancel the batch job in the connector";
}

}  // namespace

Error NotRecorded(const ModelId& model, const serving::PredictResult& answer, const Error& why) {
  const auto job = JobOf(answer);
  const std::string text = job ? std::string(TruncateUtf8(ToJson(*job), kMaxJobText)) : std::string("{}");
  LOG_ERROR("deploy", "a batch job of model {} has begun and is not recorded: {} {}; the provider's answer: {}",
            model.str(), why.message, why.detail, text);
  return MakeError(
      Code::kInternal,
      fmt::format("The batch job has begun at the provider, but no task could be recorded for it: {}. Asking "
                  "again begins another job. The provider's answer: {}",
                  why.message, text));
}

TaskState JobState(const json::object& remote_job, const config::Snapshot& settings) {
  constexpr std::array<std::pair<std::string_view, TaskState>, 5> kStates = {{
      {"plugins.ml_commons.remote_job.status_regex.completed", TaskState::kCompleted},
      {"plugins.ml_commons.remote_job.status_regex.cancelled", TaskState::kCancelled},
      {"plugins.ml_commons.remote_job.status_regex.cancelling", TaskState::kCancelling},
      {"plugins.ml_commons.remote_job.status_regex.expired", TaskState::kExpired},
      {"plugins.ml_commons.remote_job.status_regex.failed", TaskState::kFailed},
  }};
  for (const std::string& field : settings.List("plugins.ml_commons.remote_job.status_field")) {
    const json::value* value = remote_job.if_contains(field);
    if (value == nullptr || !value->is_string()) continue;
    RE2::Options options;
    options.set_case_sensitive(false);
    options.set_log_errors(false);
    for (const auto& [setting, state] : kStates) {
      if (RE2::FullMatch(std::string(value->as_string()), RE2(settings.String(setting), options))) return state;
    }
    return TaskState::kRunning;
  }
  return TaskState::kRunning;
}

struct BatchJobs::State : std::enable_shared_from_this<BatchJobs::State> {
  explicit State(const BatchJobsEnvironment& e) : env(e) {}

  using Asked = UniqueFunction<void(Result<json::object>)>;
  void Ask(const TaskRecord& task, ActionType type, Asked asked);
  void Refresh(const TaskId& task, Done done);
  Result<TaskRecord> Write(const TaskId& task, const json::object& news);
  void Cancel(const TaskId& task, UniqueFunction<void(Status)> done);
  bool IsOurs(const TaskRecord& task, const std::vector<Lease>& live) const;
  void Step();
  void LookAtNext();
  std::optional<TaskId> BeginLook();
  void Looked(const TaskId& task, const Result<TaskRecord>& record);

  const BatchJobsEnvironment env;
  struct Looks {
    std::map<TaskId, int> failures;  // in a row
    std::set<TaskId> under_way;      // at most kAtOnce
    std::deque<TaskId> round;        // still to be looked at: at most the jobs in progress
    TaskId last;                     // the next round goes on behind it
  };
  Guarded<Looks> looks;
};

// `asked` on `background`, or at once; where `background` is full, with kResourceExhausted on the provider's thread.
void BatchJobs::State::Ask(const TaskRecord& task, ActionType type, Asked asked) {
  if (env.remote == nullptr) return asked(MakeError(Code::kUnimplemented, "This node serves no remote models."));
  serving::RemoteTermsSource source(env.remote->store, env.remote->compile, *task.model);
  const auto terms = source.Now();
  if (!terms) return asked(terms.error());
  if (!(*terms)->connector->Has(type)) return asked(MakeError(Code::kInvalidArgument, std::string(Missing(type))));
  auto input = std::make_shared<connectors::RemoteInput>();
  input->action = type;
  input->parameters = JobParameters(*task.remote_job);
  serving::PredictRequest request;
  request.deadline = Deadline::After(env.clock, kPatience);
  request.remote = std::move(input);
  const auto servable = serving::MakeUndeployedRemote(*task.model, *env.remote);
  const auto once = std::make_shared<Asked>(std::move(asked));  // outlives a task that is refused
  servable->Predict(
      std::move(request), servable, [self = shared_from_this(), once](Result<serving::PredictResult> result) {
        const bool posted = self->env.background.Post([once, result = std::move(result)]() mutable {
          if (!result) return (*once)(std::move(result).error());
          auto job = JobOf(*result);
          (*once)(job ? *std::move(job) : json::object());  // some services answer a cancellation with nothing
        });
        if (posted) return;
        LOG_WARN("deploy", "a batch job's news is dropped: too much waits on this node");
        (*once)(MakeError(Code::kResourceExhausted, "too much waits on this node for a batch job's news to be read"));
      });
}

Result<TaskRecord> BatchJobs::State::Write(const TaskId& id, const json::object& news) {
  ASSIGN_OR_RETURN(const TaskRecord task, env.tasks.Get(id));
  if (tasks::IsTerminal(task.state)) return task;
  json::object job = task.remote_job.value_or(json::object());
  for (const auto& [key, value] : news) job[key] = value;
  const TaskState state = JobState(job, *env.settings.Current());
  // A cancellation that the provider has not seen yet goes on.
  const TaskState next = task.state == TaskState::kCancelling && state == TaskState::kRunning ? task.state : state;
  auto written = env.tasks.Transition(id, next, [&](TaskRecord& record) { record.remote_job = job; });
  if (!written && written.error().code == Code::kFailedPrecondition) return env.tasks.Get(id);  // ended meanwhile
  return written;
}

void BatchJobs::State::Refresh(const TaskId& id, Done done) {
  const auto task = env.tasks.Get(id);
  if (!task || !IsJob(*task) || tasks::IsTerminal(task->state)) return done(task);
  Ask(*task, ActionType::kBatchPredictStatus,
      [self = shared_from_this(), id, done = std::move(done)](const Result<json::object>& news) mutable {
        if (!news) return done(news.error());
        done(self->Write(id, *news));
      });
}

void BatchJobs::State::Cancel(const TaskId& id, UniqueFunction<void(Status)> done) {
  const auto task = env.tasks.Get(id);
  if (!task)
    return done(task.error().code == Code::kNotFound ? MakeError(Code::kNotFound, "Fail to find task") : task.error());
  if (!IsJob(*task)) {
    return done(MakeError(Code::kInvalidArgument, "The task ID you provided does not have any associated batch job"));
  }
  Ask(*task, ActionType::kCancelBatchPredict,
      [self = shared_from_this(), id, done = std::move(done)](const Result<json::object>& news) mutable {
        if (!news) return done(news.error());
        const auto cancelling = self->env.tasks.Transition(id, TaskState::kCancelling);
        const bool over = cancelling || cancelling.error().code == Code::kFailedPrecondition;
        done(over ? Status() : Status(cancelling.error()));
      });
}

// Of many nodes one asks the provider: who began the job, for as long as he stays.
bool BatchJobs::State::IsOurs(const TaskRecord& task, const std::vector<Lease>& live) const {
  if (env.membership == nullptr) return true;
  const NodeId began = task.worker_nodes.empty() ? NodeId() : task.worker_nodes.front();
  const auto lease = std::ranges::find(live, began, &Lease::node);
  const bool stays = lease != live.end() && !lease->leaving;
  return stays ? began == env.self : Leads(env.self, live);
}

// Begins a round through all jobs in progress that are this node's to look at.
void BatchJobs::State::Step() {
  std::vector<TaskId> jobs;
  const LivePtr live = env.membership ? env.membership->LiveNow() : std::make_shared<std::vector<Lease>>();
  for (const TaskRecord& task : env.tasks.InProgress()) {
    if (IsJob(task) && IsOurs(task, *live)) jobs.push_back(task.id);
  }
  std::ranges::sort(jobs);
  {
    const auto state = looks.Lock();
    std::erase_if(state->failures, [&](const auto& one) { return !std::ranges::binary_search(jobs, one.first); });
    std::ranges::rotate(jobs, std::ranges::upper_bound(jobs, state->last));
    std::erase_if(jobs, [&](const TaskId& job) { return state->under_way.contains(job); });
    state->round.assign(jobs.begin(), jobs.end());
  }
  LookAtNext();
}

// On `background`.
void BatchJobs::State::LookAtNext() {
  while (const auto job = BeginLook()) {
    Refresh(*job, [self = shared_from_this(), job = *job](const Result<TaskRecord>& record) {
      self->Looked(job, record);
      // Not here: this may be inside Refresh or on the provider's thread. Refused: the next round goes on.
      (void)self->env.background.Post([self] { self->LookAtNext(); });
    });
  }
}

std::optional<TaskId> BatchJobs::State::BeginLook() {
  const auto state = looks.Lock();
  if (state->round.empty() || state->under_way.size() >= kAtOnce) return std::nullopt;
  TaskId job = std::move(state->round.front());
  state->round.pop_front();
  state->under_way.insert(job);
  state->last = job;
  return job;
}

void BatchJobs::State::Looked(const TaskId& task, const Result<TaskRecord>& record) {
  int failures = 0;
  {
    const auto state = looks.Lock();
    state->under_way.erase(task);
    if (record) {
      state->failures.erase(task);
    } else if (record.error().code != Code::kResourceExhausted) {  // a full node says nothing of the job
      failures = ++state->failures[task];
    }
  }
  if (failures < kFailures) return;
  const auto ended =
      env.tasks.Transition(task, TaskState::kUnreachable, [&](TaskRecord& job) { job.error = record.error().message; });
  LOG_WARN("deploy", "batch job of task {} is given up: {}{}", task.str(), record.error().message,
           ended ? "" : " (not written: " + ended.error().message + ")");
}

BatchJobs::BatchJobs(const BatchJobsEnvironment& environment)
    : state_(std::make_shared<State>(environment)),
      loop_(environment.background, kPace, [state = state_] { state->Step(); }) {}

BatchJobs::~BatchJobs() = default;

void BatchJobs::Start() { loop_.Start(); }

void BatchJobs::Stop() {
  loop_.Stop();
  state_->looks.Lock()->round.clear();
}

Status BatchJobs::CheckRoom() const {
  const std::int64_t limit = state_->env.settings.Current()->Int("plugins.ml_commons.max_batch_inference_tasks");
  const auto running = state_->env.tasks.InProgress();
  const auto jobs = std::ranges::count(running, tasks::TaskType::kBatchPrediction, &TaskRecord::type);
  if (jobs < limit) return {};
  return Error{.code = Code::kResourceExhausted,
               .message =
                   "Exceeded maximum limit for BATCH_PREDICTION tasks. To increase the limit, update the "
                   "plugins.ml_commons.max_batch_inference_tasks setting.",
               .reason = "status_exception"};
}

Result<TaskRecord> BatchJobs::Record(const ModelId& model, const serving::PredictResult& answer,
                                     const std::optional<json::object>& dlq) {
  ASSIGN_OR_RETURN(json::object job, JobOf(answer));
  if (dlq) job["dlq"] = *dlq;
  TaskRecord task;
  task.type = tasks::TaskType::kBatchPrediction;
  task.model = model;
  task.function_name = "REMOTE";
  task.worker_nodes = {state_->env.self};
  task.deadline = std::numeric_limits<EpochMillis>::max();
  task.remote_job = std::move(job);
  Result<TaskRecord> created = state_->env.tasks.Create(std::move(task));
  if (!created) return NotRecorded(model, answer, created.error());
  return created;
}

void BatchJobs::Refresh(const TaskId& task, Done done) { state_->Refresh(task, std::move(done)); }
void BatchJobs::Cancel(const TaskId& task, UniqueFunction<void(Status)> done) { state_->Cancel(task, std::move(done)); }

}  // namespace mlnode::deploy
