// serving/scheduler.h: what waits for the inference lanes: bounded, with deadlines, first come first served.
// One job is cut into ragged batches of at most `max_batch_tokens`, sequences of like length together, so that a large
// job uses all lanes, does not hold one for long, and engines that pad waste little. Batching across requests is to
// come behind this interface. What an engine returns is consumed batch by batch on the lane and freed: a job's raw
// outputs are never held whole. Threads: any. No lock is held while an engine runs or a callback is called.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/executor.h"
#include "core/metrics.h"
#include "engines/engine.h"
#include "serving/predict.h"

namespace mlnode::serving {

// Takes the wanted outputs of sequence `i` of the job's batch. Called on lanes, for different sequences at the same
// time, at most once each; after an early answer (deadline) a lane may still be inside. An error fails the job.
using ConsumeSequence = std::function<Status(std::size_t i, const std::vector<TensorView>& outputs)>;

struct BatchJob {
  std::shared_ptr<engines::LoadedModel> model;
  TokenBatch batch;
  std::vector<int> wanted;  // output indices
  ConsumeSequence consume;  // owns what it writes to
  Urgency urgency = Urgency::kInteractive;
  bool one_by_one = false;  // one sequence a batch: for graphs that answer differently in company
  Deadline deadline = Deadline::Never();
  CancelFlag cancelled;  // of the request; may be null
  CancelFlag withdrawn;  // of the model, set when it goes out of service; may be null
};
struct BatchOutcome {
  Duration queue{};   // until the first batch began
  Duration engine{};  // from then until the last one ended
};
using BatchDone = UniqueFunction<void(Result<BatchOutcome>)>;

// What the lanes have done so far: equal before and after, with none running, nothing was computed between.
struct LaneUse {
  std::uint64_t begun = 0;    // batches ever
  std::uint64_t running = 0;  // of them, now
  bool operator==(const LaneUse&) const = default;
};

class Scheduler {
 public:
  struct Options {
    int lanes = 1;
    std::size_t max_queued_tokens = 2'000'000;
    Duration max_wait = std::chrono::seconds(10);  // refused at once when the estimated wait is longer
    std::size_t max_batch_tokens = 4'096;          // a single longer sequence is a batch of its own
  };
  // `lanes` runs the engines; `timers` must have a thread free while all lanes are busy. Both outlive the queue.
  static std::unique_ptr<Scheduler> Create(Options options, Executor& lanes, Executor& timers, const Clock& clock,
                                           Metrics& metrics);
  // What waits is answered kUnavailable; what runs ends by itself.
  virtual ~Scheduler() = default;
  // `done` is called exactly once: on a lane, on `timers`, or inside Submit when refused at once. kResourceExhausted
  // with retry_after (full, or the estimated wait is beyond max_wait or the deadline), kTooLarge (never fits),
  // kDeadlineExceeded (by timer, also while all lanes are busy or the job's last batch still runs), kCancelled (when
  // its turn comes or at DropCancelled), kUnavailable (stopping, or the model was withdrawn), errors of the engine and
  // of `consume`; what either throws is kResourceExhausted (memory) or kInternal.
  virtual void Submit(BatchJob job, BatchDone done) = 0;
  // kTooLarge for a job of at least so many tokens, whatever waits: so that whoever makes a job can stop early.
  virtual Status CheckFits(std::size_t tokens) = 0;
  // Answers all waiting jobs that were cancelled or withdrawn now, instead of when their turn comes.
  virtual void DropCancelled() = 0;
  virtual std::size_t QueuedTokens() const = 0;  // accepted, not yet begun
  virtual LaneUse Use() const = 0;
  // From the measured token rate, one for all models: zero until something ran.
  virtual Duration EstimatedWait() const = 0;
};

}  // namespace mlnode::serving
