// serving/scheduler.h: what waits for the inference lanes, and which batch each computes next. Continuous batching: an
// idle lane starts at once with what is there; while all are busy, what arrives is packed, sequences of all requests
// for one model together, the longest-waiting first and like lengths together. Between models: deficit round robin in
// estimated engine time. Interactive before bulk. Bounded by tokens and by estimated wait. What an engine returns is
// consumed batch by batch on the lane and freed. Why so, and where the constants come from:
// docs/adr/0010-continuous-batching.md. Threads: any. No lock is held while an engine runs or a callback is called.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/executor.h"
#include "core/metrics.h"
#include "engines/engine.h"
#include "serving/predict.h"

namespace mlnode::serving {

// Requests of more documents are bulk unless they say otherwise: a search embeds one text and reranks tens, an ingest
// sends hundreds.
inline constexpr std::size_t kInteractiveDocuments = 32;
// For BatchJob::urgency: what the request asked for, or else by its documents (texts, not sequences cut from them).
constexpr Urgency UrgencyOf(std::optional<Urgency> asked, std::size_t documents) {
  return asked.value_or(documents <= kInteractiveDocuments ? Urgency::kInteractive : Urgency::kBulk);
}

// Takes the wanted outputs of sequence `i` of the job's batch. Called on lanes, for different sequences at the same
// time, at most once each; after an early answer (deadline) a lane may still be inside. An error fails the job, and
// only it.
using ConsumeSequence = std::function<Status(std::size_t i, const std::vector<TensorView>& outputs)>;

struct BatchJob {
  std::shared_ptr<engines::LoadedModel> model;
  std::string name = {};  // of the model, for metrics: the first job of a model decides; empty: counted for none
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
    // Refused at once when the estimated wait is longer; shorter while an overload lasts (scheduling/patience.h).
    Duration max_wait = std::chrono::seconds(10);
    std::size_t max_batch_tokens = 1'024;  // a single longer sequence is a batch of its own
    // Estimated engine time of a batch while several models are in use; a single sequence may take longer.
    Duration max_batch_time = std::chrono::milliseconds(100);
    Duration bulk_batch_time = std::chrono::milliseconds(8);  // of bulk, interactive work seen within a second
  };
  // `lanes` runs the engines; `timers` must have a thread free while all lanes are busy. Both outlive the queue.
  static std::unique_ptr<Scheduler> Create(Options options, Executor& lanes, Executor& timers, const Clock& clock,
                                           Metrics& metrics);
  // What waits is answered kUnavailable; what runs ends by itself.
  virtual ~Scheduler() = default;
  // `done` is called exactly once: on a lane, on `timers`, inside DropCancelled, or inside Submit when refused at once.
  // kResourceExhausted with retry_after (full, or the estimated wait is beyond max_wait or the deadline; the job's own
  // time does not count), kTooLarge (never fits), kDeadlineExceeded (by timer, also while all lanes are busy or the
  // job's last batch still runs), kCancelled (when its turn comes or at DropCancelled), kUnavailable (stopping, or the
  // model was withdrawn), errors of the engine and of `consume`; what either throws is kResourceExhausted (memory) or
  // kInternal. A batch that several jobs shared and the engine failed is computed again, each job apart.
  virtual void Submit(BatchJob job, BatchDone done) = 0;
  // kTooLarge for a job of at least so many tokens, whatever waits: so that whoever makes a job can stop early.
  virtual Status CheckFits(std::size_t tokens) = 0;
  // kResourceExhausted as Submit would answer now because of the wait: before anything is spent on the request.
  virtual Status CheckWait(const engines::LoadedModel& model, Urgency urgency, Deadline deadline) = 0;
  // Answers all waiting jobs that were cancelled or withdrawn now, instead of when their turn comes. Cost: O(jobs).
  virtual void DropCancelled() = 0;
  virtual std::size_t QueuedTokens() const = 0;  // accepted, not yet begun
  virtual LaneUse Use() const = 0;
  // Until what waits is done, from what was measured of each model: zero until something ran.
  virtual Duration EstimatedWait() const = 0;
};

}  // namespace mlnode::serving
