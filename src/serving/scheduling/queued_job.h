// serving/scheduling/queued_job.h: one BatchJob between Submit and its answer. `work` and `submitted` do not change;
// `answered` is read without a lock; all else belongs to the scheduler's lock. Never the last owner of a job under that
// lock: the job may be the last owner of its model.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "core/executor.h"
#include "serving/scheduler.h"
#include "serving/scheduling/batch_load.h"

namespace mlnode::serving {

class ModelQueue;
struct QueuedJob;
using JobPtr = std::shared_ptr<QueuedJob>;

struct QueuedJob {
  // Work for nobody is not begun; done is empty for now.
  QueuedJob(BatchJob job, SteadyTime now);
  QueuedJob(const QueuedJob&) = delete;
  QueuedJob& operator=(const QueuedJob&) = delete;

  const BatchJob work;
  const SteadyTime submitted;
  std::atomic<bool> answered{false};  // what lanes still compute of it is not consumed

  BatchDone done;  // empty once answered
  Timer timer;
  std::uint64_t number = 0;             // order of arrival
  std::vector<std::uint32_t> waiting;   // sequences that no lane has taken, shortest first: lanes take from the end
  BatchLoad load;                       // of `waiting`
  std::size_t unfinished = 0;           // sequences
  bool apart = false;                   // its batches hold nothing else: a shared one failed
  std::optional<SteadyTime> began;      // when a lane took the first
  std::shared_ptr<ModelQueue> queue;    // since it was admitted
  std::list<JobPtr>::iterator place{};  // in `queue`, while `waits`
  bool waits = false;

  // Why nobody wants its answer any more, or none can be given.
  std::optional<Error> Dropped() const;
  // The same, or that its time is up.
  std::optional<Error> Pointless(SteadyTime now) const;
};

}  // namespace mlnode::serving
