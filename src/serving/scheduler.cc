#include "serving/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "serving/batch_cutting.h"
#include "serving/exception_barrier.h"

namespace mlnode::serving {
namespace {

constexpr std::string_view kStopping = "This node is stopping.";

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// One job between Submit and its answer. `batch`, `cut` and the rest of `work` do not change; the fields below are the
// queue's.
struct Job {
  BatchJob work;
  std::vector<std::vector<std::size_t>> cut;
  SteadyTime submitted;

  // --- under the queue's lock
  BatchDone done;  // empty once answered
  Timer timer;
  std::size_t next = 0;            // first of `cut` that no lane has taken
  std::size_t unfinished = 0;      // of `cut`
  std::size_t waiting_tokens = 0;  // of the batches from `next` on
  SteadyTime began;                // when a lane took the first

  // Why nobody wants its answer any more, or none can be given.
  std::optional<Error> Dropped() const {
    if (work.withdrawn && work.withdrawn->load()) return MakeError(Code::kUnavailable, std::string(kModelWithdrawn));
    if (work.cancelled && work.cancelled->load()) return MakeError(Code::kCancelled, "The prediction was cancelled.");
    return std::nullopt;
  }
};
using JobPtr = std::shared_ptr<Job>;

struct Slice {
  JobPtr job;
  std::size_t index = 0;
  std::size_t tokens = 0;
};

struct Waiting {
  std::deque<JobPtr> jobs;  // with batches that no lane has taken, in order of arrival
  std::size_t waiting_tokens = 0;
  std::size_t waiting_batches = 0;
  std::size_t running_tokens = 0;
  LaneUse use;
  int busy_lanes = 0;            // tasks on the lanes, running or posted
  std::size_t posted_lanes = 0;  // of those, posted: each will take one batch
  double tokens_per_second = 0;  // of one lane; 0 = not measured
  bool stopping = false;
};

struct QueueMetrics {
  explicit QueueMetrics(Metrics& metrics)
      : tokens(metrics.GetGauge("mlnode_queue_tokens", "Tokens that wait for an inference lane.")),
        wait(metrics.GetHistogram("mlnode_queue_wait_seconds", "Time a request waited for an inference lane.",
                                  Metrics::LatencyBuckets())),
        engine(metrics.GetHistogram("mlnode_engine_seconds", "Time of one engine call.", Metrics::LatencyBuckets())),
        batch_tokens(metrics.GetHistogram("mlnode_batch_tokens", "Tokens of one engine call.",
                                          {8, 16, 32, 64, 128, 256, 512, 1'024, 2'048, 4'096, 8'192})),
        batch_sequences(metrics.GetHistogram("mlnode_batch_sequences", "Sequences of one engine call.",
                                             {1, 2, 4, 8, 16, 32, 64, 128, 256})),
        too_large(Refused(metrics, "too_large")),
        queue_full(Refused(metrics, "queue_full")),
        queue_wait(Refused(metrics, "queue_wait")) {}
  static Counter& Refused(Metrics& metrics, const char* reason) {
    return metrics.GetCounter("mlnode_refused_total", "Predictions refused instead of queued.", {{"reason", reason}});
  }
  Gauge& tokens;
  Histogram& wait;
  Histogram& engine;
  Histogram& batch_tokens;
  Histogram& batch_sequences;
  Counter& too_large;
  Counter& queue_full;
  Counter& queue_wait;
};

// Shared by the queue object and the tasks on the lanes.
struct Core : std::enable_shared_from_this<Core> {
  Core(const Scheduler::Options& o, Executor& l, Executor& t, const Clock& c, Metrics& m)
      : options(o), lanes(l), timers(t), clock(c), metrics(m) {}

  const Scheduler::Options options;
  Executor& lanes;
  Executor& timers;
  const Clock& clock;
  QueueMetrics metrics;
  Guarded<Waiting> waiting;

  void Submit(BatchJob work, BatchDone done);
  Status CheckFits(std::size_t tokens);
  void DropCancelled();
  void Stop();
  Duration EstimatedWait(const Waiting& now) const;

 private:
  std::optional<Error> Refusal(const Waiting& now, const Job& job);
  // Takes the job out of the queue; the function to call, or an empty one when it was answered before. Keep `job`
  // beyond the lock.
  BatchDone TakeAnswer(Waiting& now, const JobPtr& job);
  void AnswerMany(const std::function<std::optional<Error>(const Job&)>& why);
  void Answer(const JobPtr& job, Result<BatchOutcome> result);
  void SetTimer(const JobPtr& job);
  void StartLanes();
  void RunLane();
  std::optional<Slice> TakeSlice();
  void RunSlice(const Slice& slice);
  // `took`: in the engine.
  Status ComputeSlice(const Slice& slice, Duration& took);
  void Finish(const Slice& slice, Status status, Duration took);
};

Duration Core::EstimatedWait(const Waiting& now) const {
  if (now.tokens_per_second <= 0) return Duration::zero();
  const double tokens = static_cast<double>(now.waiting_tokens + now.running_tokens);
  const double seconds = tokens / (now.tokens_per_second * options.lanes);
  constexpr double kLongest = 1e6;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, kLongest)));
}

Error Busy(std::string message, Duration retry_after) {
  Error error = MakeError(Code::kResourceExhausted, std::move(message));
  error.retry_after = std::max(std::chrono::milliseconds(std::chrono::seconds(1)),
                               std::chrono::duration_cast<std::chrono::milliseconds>(retry_after));
  return error;
}

// Why a job is not worth computing any more.
std::optional<Error> Pointless(const Job& job, const Clock& clock) {
  if (auto dropped = job.Dropped()) return dropped;
  if (job.work.deadline.Expired(clock)) {
    return MakeError(Code::kDeadlineExceeded, "The prediction's time ran out before its turn.");
  }
  return std::nullopt;
}

Status Core::CheckFits(std::size_t tokens) {
  if (tokens <= options.max_queued_tokens) return {};
  metrics.too_large.Add();
  return MakeError(Code::kTooLarge,
                   fmt::format("The request has at least {} tokens; this node queues at most {}. Send fewer texts.",
                               tokens, options.max_queued_tokens));
}

std::optional<Error> Core::Refusal(const Waiting& now, const Job& job) {
  if (now.stopping) return MakeError(Code::kUnavailable, std::string(kStopping));
  if (auto pointless = Pointless(job, clock)) return pointless;
  const std::size_t tokens = job.work.batch.tokens();
  if (Status fits = CheckFits(tokens); !fits) return std::move(fits).error();
  const Duration wait = EstimatedWait(now);
  if (now.waiting_tokens + tokens > options.max_queued_tokens) {
    metrics.queue_full.Add();
    return Busy(fmt::format("The inference queue is full: {} tokens wait, the limit is {}.", now.waiting_tokens,
                            options.max_queued_tokens),
                wait / 2);
  }
  const Duration patience = std::min(options.max_wait, job.work.deadline.Remaining(clock));
  if (wait > patience) {
    metrics.queue_wait.Add();
    return Busy(fmt::format("The inference queue is too long: the wait would be about {:.1f} s, the limit is {:.1f} s.",
                            Seconds(wait), Seconds(patience)),
                wait - patience);
  }
  return std::nullopt;
}

void Core::Submit(BatchJob work, BatchDone done) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  job->submitted = clock.Now();
  job->waiting_tokens = job->work.batch.tokens();
  if (job->work.batch.sequences() == 0) return done(BatchOutcome{});
  job->cut = CutBatch(job->work.batch, {.lanes = static_cast<std::size_t>(options.lanes),
                                        .max_batch_tokens = options.max_batch_tokens,
                                        .one_by_one = job->work.one_by_one});
  job->unfinished = job->cut.size();
  std::optional<Error> refusal;
  {
    const auto now = waiting.Lock();
    job->done = std::move(done);
    refusal = Refusal(*now, *job);
    if (!refusal) {
      now->jobs.push_back(job);
      now->waiting_tokens += job->waiting_tokens;
      now->waiting_batches += job->cut.size();
      metrics.tokens.Set(static_cast<double>(now->waiting_tokens));
    }
  }
  if (refusal) return job->done(*std::move(refusal));
  SetTimer(job);
  StartLanes();
}

void Core::SetTimer(const JobPtr& job) {
  if (job->work.deadline.at() == SteadyTime::max()) return;
  Timer timer = timers.PostAfter(job->work.deadline.Remaining(clock), [weak = weak_from_this(),
                                                                       late = std::weak_ptr(job)] {
    const auto self = weak.lock();
    const auto job = late.lock();
    if (self && job)
      self->Answer(job, MakeError(Code::kDeadlineExceeded, "The prediction's time ran out before it was computed."));
  });
  const auto now = waiting.Lock();
  if (job->done) std::swap(job->timer, timer);
}

BatchDone Core::TakeAnswer(Waiting& now, const JobPtr& job) {
  if (!job->done) return {};
  if (job->next < job->cut.size()) std::erase(now.jobs, job);
  now.waiting_tokens -= std::exchange(job->waiting_tokens, 0);
  now.waiting_batches -= job->cut.size() - std::exchange(job->next, job->cut.size());
  metrics.tokens.Set(static_cast<double>(now.waiting_tokens));
  return std::exchange(job->done, {});
}

void Core::Answer(const JobPtr& job, Result<BatchOutcome> result) {
  BatchDone done;
  Timer timer;  // destroyed after the lock
  {
    const auto now = waiting.Lock();
    done = TakeAnswer(*now, job);
    std::swap(timer, job->timer);
  }
  if (done) done(std::move(result));
}

// Answers the jobs that no lane has wholly taken for which `why` gives a reason.
void Core::AnswerMany(const std::function<std::optional<Error>(const Job&)>& why) {
  struct Answered {
    JobPtr job;
    BatchDone done;
    Error error;
  };
  std::vector<Answered> answered;
  {
    const auto now = waiting.Lock();
    for (const JobPtr& job : now->jobs) {
      if (auto error = why(*job)) answered.push_back({job, {}, *std::move(error)});
    }
    for (Answered& one : answered) one.done = TakeAnswer(*now, one.job);
  }
  for (Answered& one : answered) one.done(std::move(one.error));
}

void Core::DropCancelled() {
  AnswerMany([](const Job& job) { return job.Dropped(); });
}

void Core::Stop() {
  waiting.Lock()->stopping = true;
  AnswerMany([](const Job&) { return MakeError(Code::kUnavailable, std::string(kStopping)); });
}

// One task on the lanes for each waiting batch, at most `lanes` in all.
void Core::StartLanes() {
  while (true) {
    {
      const auto now = waiting.Lock();
      if (now->busy_lanes >= options.lanes || now->posted_lanes >= now->waiting_batches) return;
      ++now->busy_lanes;
      ++now->posted_lanes;
    }
    if (lanes.Post([self = shared_from_this()] { self->RunLane(); })) continue;
    bool stuck = false;
    {
      const auto now = waiting.Lock();
      --now->posted_lanes;
      stuck = --now->busy_lanes == 0;
    }
    if (stuck)
      AnswerMany([](const Job&) { return MakeError(Code::kUnavailable, "The inference lanes take no work."); });
    return;
  }
}

void Core::RunLane() {
  --waiting.Lock()->posted_lanes;
  while (const std::optional<Slice> slice = TakeSlice()) {
    RunSlice(*slice);
    ++waiting.Lock()->posted_lanes;
    // Through the executor, so that what else it has to do gets its turn; a stopping one still drains the queue.
    if (lanes.Post([self = shared_from_this()] { self->RunLane(); })) return;
    --waiting.Lock()->posted_lanes;
  }
}

// The next batch, or none: this lane counts as idle from then on.
std::optional<Slice> Core::TakeSlice() {
  const auto now = waiting.Lock();
  if (now->jobs.empty()) {
    --now->busy_lanes;
    return std::nullopt;
  }
  const JobPtr job = now->jobs.front();
  if (job->next == 0) {
    job->began = clock.Now();
    metrics.wait.Observe(Seconds(job->began - job->submitted));
  }
  Slice slice{job, job->next++};
  if (job->next == job->cut.size()) now->jobs.pop_front();
  for (const std::size_t sequence : job->cut[slice.index]) slice.tokens += job->work.batch.Length(sequence);
  --now->waiting_batches;
  job->waiting_tokens -= slice.tokens;
  now->waiting_tokens -= slice.tokens;
  now->running_tokens += slice.tokens;
  ++now->use.begun;
  ++now->use.running;
  metrics.tokens.Set(static_cast<double>(now->waiting_tokens));
  return slice;
}

Status Consume(const BatchJob& work, const std::vector<std::size_t>& sequences, const engines::BatchResult& result) {
  if (result.per_sequence.size() != sequences.size()) {
    return MakeError(Code::kInternal, fmt::format("The engine answered {} of {} sequences.", result.per_sequence.size(),
                                                  sequences.size()));
  }
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (result.per_sequence[i].size() != work.wanted.size()) {
      return MakeError(Code::kInternal, fmt::format("The engine answered {} of {} outputs.",
                                                    result.per_sequence[i].size(), work.wanted.size()));
    }
    RETURN_IF_ERROR(work.consume(sequences[i], result.per_sequence[i]));
  }
  return {};
}

void Core::RunSlice(const Slice& slice) {
  Duration took{};
  Status status = StopExceptions("The prediction", [&] { return ComputeSlice(slice, took); });
  Finish(slice, std::move(status), took);
}

Status Core::ComputeSlice(const Slice& slice, Duration& took) {
  const BatchJob& work = slice.job->work;
  if (auto pointless = Pointless(*slice.job, clock)) return *std::move(pointless);
  const std::vector<std::size_t>& sequences = slice.job->cut[slice.index];
  const bool whole = work.batch.sequences() == 1;
  const TokenBatch gathered = whole ? TokenBatch{} : GatherSequences(work.batch, sequences);
  metrics.batch_tokens.Observe(static_cast<double>(slice.tokens));
  metrics.batch_sequences.Observe(static_cast<double>(sequences.size()));
  const SteadyTime begin = clock.Now();
  const Result<engines::BatchResult> result = work.model->Run(whole ? work.batch : gathered, work.wanted);
  took = clock.Now() - begin;
  metrics.engine.Observe(Seconds(took));
  return result ? Consume(work, sequences, *result) : Status(result.error());
}

void Core::Finish(const Slice& slice, Status status, Duration took) {
  constexpr double kNewest = 0.2;  // weight of the newest measurement: about the last ten batches count
  const JobPtr& job = slice.job;
  BatchDone done;
  Timer timer;  // destroyed after the lock
  BatchOutcome outcome;
  {
    const auto now = waiting.Lock();
    now->running_tokens -= slice.tokens;
    --now->use.running;
    if (status && took > Duration::zero()) {
      const double rate = static_cast<double>(slice.tokens) / Seconds(took);
      double& known = now->tokens_per_second;
      known = known <= 0 ? rate : (1 - kNewest) * known + kNewest * rate;
    }
    if (--job->unfinished > 0 && status) return;
    done = TakeAnswer(*now, job);
    std::swap(timer, job->timer);
    outcome = {.queue = job->began - job->submitted, .engine = clock.Now() - job->began};
  }
  if (!done) return;
  if (!status) return done(std::move(status).error());
  done(outcome);
}

class FifoScheduler final : public Scheduler {
 public:
  explicit FifoScheduler(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~FifoScheduler() override { core_->Stop(); }
  void Submit(BatchJob job, BatchDone done) override { core_->Submit(std::move(job), std::move(done)); }
  Status CheckFits(std::size_t tokens) override { return core_->CheckFits(tokens); }
  void DropCancelled() override { core_->DropCancelled(); }
  std::size_t QueuedTokens() const override { return core_->waiting.Lock()->waiting_tokens; }
  LaneUse Use() const override { return core_->waiting.Lock()->use; }
  Duration EstimatedWait() const override { return core_->EstimatedWait(*core_->waiting.Lock()); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Scheduler> Scheduler::Create(Options options, Executor& lanes, Executor& timers, const Clock& clock,
                                             Metrics& metrics) {
  return std::make_unique<FifoScheduler>(std::make_shared<Core>(options, lanes, timers, clock, metrics));
}

}  // namespace mlnode::serving
