#include "serving/scheduling/queued_job.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace mlnode::serving {

QueuedJob::QueuedJob(BatchJob job, SteadyTime now) : work(std::move(job)), submitted(now) {
  const TokenBatch& batch = work.batch;
  waiting.resize(batch.sequences());
  std::iota(waiting.begin(), waiting.end(), 0U);
  std::sort(waiting.begin(), waiting.end(), [&batch](std::uint32_t a, std::uint32_t b) {
    return batch.Length(a) != batch.Length(b) ? batch.Length(a) < batch.Length(b) : a > b;
  });
  for (std::size_t i = 0; i < batch.sequences(); ++i) load += BatchLoad::Of(batch.Length(i));
  unfinished = batch.sequences();
}

std::optional<Error> QueuedJob::Dropped() const {
  if (work.withdrawn && work.withdrawn->load()) return MakeError(Code::kUnavailable, std::string(kModelWithdrawn));
  if (work.cancelled && work.cancelled->load()) return MakeError(Code::kCancelled, "The prediction was cancelled.");
  return std::nullopt;
}

std::optional<Error> QueuedJob::Pointless(SteadyTime now) const {
  if (auto dropped = Dropped()) return dropped;
  if (now < work.deadline.at()) return std::nullopt;
  return MakeError(Code::kDeadlineExceeded, "The prediction's time ran out before its turn.");
}

}  // namespace mlnode::serving
