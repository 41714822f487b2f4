// connectors/transport/embedding_batcher.h: many small embedding predicts of one connector become one call of the
// provider. It stands between whoever has a RemoteInput and whoever runs one (prepare, send, interpret), and delays an
// input by max_delay at most.
//
// Inputs are merged when they are text documents for PREDICT with equal algorithm and parameters. The answer is cut up
// by position: as many tensors as documents, or it is not cut at all, and each input is asked for alone. So is each
// when the provider refuses the merged input (HTTP 400, 413 or 422): one bad document fails its own caller only.
// Threads: any; `done` is called on the thread of what it answers to, or of a timer. One batcher, one connector.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "connectors/compiled_connector.h"
#include "core/clock.h"
#include "core/executor.h"

namespace mlnode::connectors {

class EmbeddingBatcher {
 public:
  using Outputs = std::vector<RemoteOutput>;  // one for each call of the provider, in order
  using Done = UniqueFunction<void(Result<Outputs>)>;
  // Runs one input. Calls `done` once. Not called with a lock held. `cancelled`: of the one caller of an input that
  // runs alone; null when several wait for it, or it has none.
  using Run = std::function<void(RemoteInput input, Deadline deadline, std::shared_ptr<std::atomic<bool>> cancelled,
                                 Done done)>;
  struct Options {
    std::size_t max_documents = 0;           // ClientConfig::batch_max_documents; below 2 nothing is merged
    std::chrono::milliseconds max_delay{5};  // ClientConfig::batch_max_delay
  };
  // Documents that wait, over all groups; beyond, inputs run at once and alone.
  static constexpr std::size_t kMaxWaitingDocuments = 10'000;

  static std::unique_ptr<EmbeddingBatcher> Create(Options options, Run run, Executor& timers, const Clock& clock);
  virtual ~EmbeddingBatcher() = default;  // fails what waits with kCancelled; what is under way still answers

  // Answers with the outputs of `input`: of a merged one a single RemoteOutput with its tensors, and its share of the
  // call's tokens by number of documents, so that the shares add up to what the provider counted. A merged call has the
  // latest deadline of its inputs; one whose own passes before gets kDeadlineExceeded then. `cancelled` is looked at
  // when the merged call is made; an input that runs alone can be cancelled at any time.
  virtual void Submit(RemoteInput input, Deadline deadline, std::shared_ptr<std::atomic<bool>> cancelled,
                      Done done) = 0;
  virtual std::size_t WaitingDocuments() const = 0;
};

}  // namespace mlnode::connectors
