// serving/lane_queue.h: what waits for the inference lanes: bounded, with deadlines, first come first served.
// Batching across requests is to come behind this interface; today one request is cut into ragged batches of at most
// `max_batch_tokens`, so that a large one uses all lanes and does not hold one for long.
// Threads: any. No lock is held while an engine runs or a callback is called.
#pragma once

#include <memory>

#include "core/executor.h"
#include "core/metrics.h"
#include "engines/engine.h"
#include "serving/predict.h"

namespace mlnode::serving {

struct BatchJob {
  std::shared_ptr<engines::LoadedModel> model;
  TokenBatch batch;
  std::vector<int> wanted;  // output indices
  Deadline deadline = Deadline::Never();
  CancelFlag cancelled;
};
struct BatchOutcome {
  engines::BatchResult result;
  Duration queue{}, engine{};
};
using BatchDone = UniqueFunction<void(Result<BatchOutcome>)>;

class LaneQueue {
 public:
  struct Options {
    int lanes = 1;
    std::size_t max_queued_tokens = 2'000'000;
    Duration max_wait = std::chrono::seconds(10);  // refused at once when the estimated wait is longer
    std::size_t max_batch_tokens = 4'096;
  };
  static std::unique_ptr<LaneQueue> Create(Options options, Executor& lanes, const Clock& clock, Metrics& metrics);
  virtual ~LaneQueue() = default;
  // Results come in the order of the batch's sequences. kResourceExhausted with retry_after when full, or `done` gets
  // kDeadlineExceeded / kCancelled for work that no longer makes sense when its turn comes.
  virtual void Submit(BatchJob job, BatchDone done) = 0;
  virtual std::size_t QueuedTokens() const = 0;
  virtual Duration EstimatedWait() const = 0;  // from the measured token rate
};

}  // namespace mlnode::serving
