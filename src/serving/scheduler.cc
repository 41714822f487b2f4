#include "serving/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "serving/scheduling/batch_run.h"
#include "serving/scheduling/job_queue.h"
#include "serving/scheduling/patience.h"

namespace mlnode::serving {
namespace {

constexpr std::string_view kStopping = "This node is stopping.";
// Models that have gone are looked for so often while any is known.
constexpr Duration kForgetEvery = std::chrono::seconds(10);

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Error Busy(std::string message, Duration retry_after) {
  Error error = MakeError(Code::kResourceExhausted, std::move(message));
  error.retry_after = std::max(std::chrono::milliseconds(std::chrono::seconds(1)),
                               std::chrono::duration_cast<std::chrono::milliseconds>(retry_after));
  return error;
}

struct State {
  explicit State(const Scheduler::Options& options)
      : queue(options), patience{Patience(options.max_wait), Patience(options.max_wait)} {}
  JobQueue queue;
  std::array<Patience, 2> patience;  // by Urgency
  int busy_lanes = 0;                // tasks on the lanes, running or posted
  Timer forgetting;
  bool forgets = false;  // that timer is set
  bool stopping = false;
};

// An answer on its way out of the lock.
struct Answer {
  JobPtr job;
  BatchDone done;
  Result<BatchOutcome> result;
  Timer timer = {};
};
void Call(std::vector<Answer>& answers) {
  for (Answer& answer : answers) answer.done(std::move(answer.result));
}

// Shared by the scheduler and the tasks on the lanes.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(const Scheduler::Options& options, Executor& lanes, Executor& timers, const Clock& clock, Metrics& metrics)
      : options_(options),
        lanes_(lanes),
        timers_(timers),
        clock_(clock),
        metrics_(metrics, options.max_batch_tokens),
        state_(std::in_place, options) {}

  void Submit(BatchJob work, BatchDone done);
  Status CheckFits(std::size_t tokens);
  Status CheckWait(const engines::LoadedModel& model, Urgency urgency, Deadline deadline);
  void DropCancelled();
  void Stop();
  std::size_t QueuedTokens() const { return state_.Lock()->queue.waiting_tokens(); }
  LaneUse Use() const { return state_.Lock()->queue.use(); }
  Duration EstimatedWait() const { return state_.Lock()->queue.EstimatedDrain(clock_.Now()); }

 private:
  std::optional<Error> Refusal(State& state, const QueuedJob& job);
  std::optional<Error> TooLong(State& state, const engines::LoadedModel& model, Urgency urgency, Deadline deadline);
  // Takes the job out of the queue and adds its answer, unless it was answered before.
  void TakeAnswer(State& state, const JobPtr& job, Result<BatchOutcome> result, std::vector<Answer>& answers);
  template <class Why>
  void AnswerWaiting(Why why);
  void AnswerOne(const JobPtr& job, Error error);
  void SetTimer(const JobPtr& job);
  // Makes sure that a lane comes by, unless all are at work and will.
  void WakeLane();
  void RunLane();
  std::optional<FormedBatch> TakeBatch();
  void NoteBegin(State& state, const FormedBatch& batch);
  void Finish(FormedBatch& batch, BatchRun run);
  void ForgetModels();

  const Scheduler::Options options_;
  Executor& lanes_;
  Executor& timers_;
  const Clock& clock_;
  QueueMetrics metrics_;
  Guarded<State> state_;
};

Status Core::CheckFits(std::size_t tokens) {
  if (tokens <= options_.max_queued_tokens) return {};
  metrics_.too_large.Add();
  return MakeError(Code::kTooLarge,
                   fmt::format("The request has at least {} tokens; this node queues at most {}. Send fewer texts.",
                               tokens, options_.max_queued_tokens));
}

Status Core::CheckWait(const engines::LoadedModel& model, Urgency urgency, Deadline deadline) {
  const auto state = state_.Lock();
  if (auto refusal = TooLong(*state, model, urgency, deadline)) return *std::move(refusal);
  return {};
}

std::optional<Error> Core::TooLong(State& state, const engines::LoadedModel& model, Urgency urgency,
                                   Deadline deadline) {
  const SteadyTime now = clock_.Now();
  const Duration wait = state.queue.EstimatedWait(&model, urgency, now);
  Patience& patience = state.patience[static_cast<std::size_t>(urgency)];
  const Duration limit = std::min(patience.Limit(now), deadline.Remaining(clock_));
  if (wait <= limit) return std::nullopt;
  if (wait > patience.Limit(now)) patience.Refused(now);
  metrics_.queue_wait.Add();
  return Busy(fmt::format("The inference queue is too long: the wait would be about {:.1f} s, the limit is {:.1f} s.",
                          Seconds(wait), Seconds(limit)),
              wait - limit);
}

std::optional<Error> Core::Refusal(State& state, const QueuedJob& job) {
  if (state.stopping) return MakeError(Code::kUnavailable, std::string(kStopping));
  if (auto pointless = job.Pointless(clock_.Now())) return pointless;
  if (Status fits = CheckFits(job.load.tokens); !fits) return std::move(fits).error();
  const std::size_t waiting = state.queue.waiting_tokens();
  if (waiting + job.load.tokens > options_.max_queued_tokens) {
    metrics_.queue_full.Add();
    return Busy(fmt::format("The inference queue is full: {} tokens wait, the limit is {}.", waiting,
                            options_.max_queued_tokens),
                state.queue.EstimatedDrain(clock_.Now()) / 2);
  }
  return TooLong(state, *job.work.model, job.work.urgency, job.work.deadline);
}

void Core::Submit(BatchJob work, BatchDone done) {
  if (work.batch.sequences() == 0) return done(BatchOutcome{});
  const auto job = std::make_shared<QueuedJob>(std::move(work), clock_.Now());
  job->done = std::move(done);
  std::optional<Error> refusal;
  bool forget = false;
  {
    const auto state = state_.Lock();
    refusal = Refusal(*state, *job);
    if (!refusal) {
      state->queue.Push(job, job->submitted);
      metrics_.tokens.Set(static_cast<double>(state->queue.waiting_tokens()));
      forget = !std::exchange(state->forgets, true);
    }
  }
  if (refusal) return job->done(*std::move(refusal));
  SetTimer(job);
  if (forget) ForgetModels();
  WakeLane();
}

void Core::SetTimer(const JobPtr& job) {
  if (job->work.deadline.at() == SteadyTime::max()) return;
  Timer timer = timers_.PostAfter(job->work.deadline.Remaining(clock_), [weak = weak_from_this(),
                                                                         late = std::weak_ptr(job)] {
    const auto self = weak.lock();
    const auto job = late.lock();
    if (!self || !job) return;
    self->AnswerOne(job, MakeError(Code::kDeadlineExceeded, "The prediction's time ran out before it was computed."));
  });
  const auto state = state_.Lock();
  if (job->done) std::swap(job->timer, timer);
}

void Core::TakeAnswer(State& state, const JobPtr& job, Result<BatchOutcome> result, std::vector<Answer>& answers) {
  if (!job->done) return;
  state.queue.Remove(*job);
  metrics_.tokens.Set(static_cast<double>(state.queue.waiting_tokens()));
  job->answered = true;
  answers.push_back({job, std::exchange(job->done, {}), std::move(result), std::move(job->timer)});
}

void Core::AnswerOne(const JobPtr& job, Error error) {
  std::vector<Answer> answers;
  TakeAnswer(*state_.Lock(), job, std::move(error), answers);
  Call(answers);
}

// Answers the jobs something of which waits for which `why` gives a reason.
template <class Why>
void Core::AnswerWaiting(Why why) {
  std::vector<Answer> answers;
  std::vector<JobPtr> waiting;
  {
    const auto state = state_.Lock();
    waiting = state->queue.Waiting();
    for (const JobPtr& job : waiting) {
      if (std::optional<Error> error = why(*job)) TakeAnswer(*state, job, *std::move(error), answers);
    }
  }
  Call(answers);
}

void Core::DropCancelled() {
  AnswerWaiting([](const QueuedJob& job) { return job.Dropped(); });
}

void Core::Stop() {
  state_.Lock()->stopping = true;
  AnswerWaiting([](const QueuedJob&) { return MakeError(Code::kUnavailable, std::string(kStopping)); });
  ForgetModels();  // their series, for a task on a lane may outlive the metrics
}

void Core::ForgetModels() {
  std::vector<std::shared_ptr<ModelQueue>> gone;
  {
    const auto state = state_.Lock();
    gone = state->queue.ForgetModels(state->stopping);
    state->forgets = state->queue.knows_models();
    if (!state->forgets) return;
  }
  Timer timer = timers_.PostAfter(kForgetEvery, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->ForgetModels();
  });
  const auto state = state_.Lock();
  std::swap(state->forgetting, timer);
}

void Core::WakeLane() {
  {
    const auto state = state_.Lock();
    if (!state->queue.waits() || state->busy_lanes >= options_.lanes) return;
    ++state->busy_lanes;
  }
  if (lanes_.Post([self = shared_from_this()] { self->RunLane(); })) return;
  if (--state_.Lock()->busy_lanes > 0) return;
  AnswerWaiting([](const QueuedJob&) { return MakeError(Code::kUnavailable, "The inference lanes take no work."); });
}

void Core::RunLane() {
  while (std::optional<FormedBatch> batch = TakeBatch()) {
    WakeLane();  // for what is left
    Finish(*batch, RunBatch(*batch, clock_));
    batch.reset();
    // Through the executor, so that what else it has to do gets its turn; a stopping one still drains the queue.
    if (lanes_.Post([self = shared_from_this()] { self->RunLane(); })) return;
  }
}

// The next batch, or none: this lane counts as idle from then on.
std::optional<FormedBatch> Core::TakeBatch() {
  std::vector<JobPtr> dropped;
  std::optional<FormedBatch> batch;
  {
    const auto state = state_.Lock();
    batch = state->queue.Take(clock_.Now(), dropped);
    if (batch) {
      NoteBegin(*state, *batch);
    } else {
      --state->busy_lanes;
    }
  }
  if (batch) metrics_.Begin(*batch);
  for (const JobPtr& job : dropped) AnswerOne(job, job->Pointless(clock_.Now()).value_or(Error()));
  return batch;
}

void Core::NoteBegin(State& state, const FormedBatch& batch) {
  for (const BatchPart& part : batch.parts) {
    if (part.job->began) continue;
    part.job->began = batch.begun;
    metrics_.wait.Observe(Seconds(batch.begun - part.job->submitted));
  }
  metrics_.tokens.Set(static_cast<double>(state.queue.waiting_tokens()));
}

void Core::Finish(FormedBatch& batch, BatchRun run) {
  metrics_.End(batch, Seconds(run.took));
  std::vector<Answer> answers;
  {
    const auto state = state_.Lock();
    state->queue.Finish(batch, run.took, run.engine.has_value());
    const bool shared = batch.parts.size() > 1;
    if (!run.engine && shared && state->stopping) run.engine = MakeError(Code::kUnavailable, std::string(kStopping));
    if (!run.engine && shared && !state->stopping) {
      state->queue.PutBack(batch);
      metrics_.retried.Add();
      metrics_.tokens.Set(static_cast<double>(state->queue.waiting_tokens()));
      return;
    }
    for (std::size_t i = 0; i < batch.parts.size(); ++i) {
      const JobPtr& job = batch.parts[i].job;
      job->unfinished -= batch.parts[i].sequences.size();
      Status& status = run.engine ? run.consumed[i] : run.engine;
      if (!status) {
        TakeAnswer(*state, job, status.error(), answers);
      } else if (job->unfinished == 0) {
        TakeAnswer(*state, job,
                   BatchOutcome{.queue = *job->began - job->submitted, .engine = clock_.Now() - *job->began}, answers);
      }
    }
  }
  Call(answers);
}

class BatchingScheduler final : public Scheduler {
 public:
  explicit BatchingScheduler(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~BatchingScheduler() override { core_->Stop(); }
  void Submit(BatchJob job, BatchDone done) override { core_->Submit(std::move(job), std::move(done)); }
  Status CheckFits(std::size_t tokens) override { return core_->CheckFits(tokens); }
  Status CheckWait(const engines::LoadedModel& model, Urgency urgency, Deadline deadline) override {
    return core_->CheckWait(model, urgency, deadline);
  }
  void DropCancelled() override { core_->DropCancelled(); }
  std::size_t QueuedTokens() const override { return core_->QueuedTokens(); }
  LaneUse Use() const override { return core_->Use(); }
  Duration EstimatedWait() const override { return core_->EstimatedWait(); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Scheduler> Scheduler::Create(Options options, Executor& lanes, Executor& timers, const Clock& clock,
                                             Metrics& metrics) {
  return std::make_unique<BatchingScheduler>(std::make_shared<Core>(options, lanes, timers, clock, metrics));
}

}  // namespace mlnode::serving
