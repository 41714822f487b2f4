// serving/scheduling/model_queue.h: what waits for one loaded model, and what is known of its speed. Threads: under the
// scheduler's lock, but for `model`, `name`, `id` and `series`.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "serving/scheduling/batch_former.h"
#include "serving/scheduling/cost_model.h"
#include "serving/scheduling/formed_batch.h"
#include "serving/scheduling/queue_metrics.h"

namespace mlnode::serving {

class ModelQueue {
 public:
  ModelQueue(const BatchJob& first, std::uint64_t number) : model(first.model), name(first.name), id(number) {}

  const std::weak_ptr<engines::LoadedModel> model;  // expired: the model has gone, and so may this
  const std::string name;                           // for metrics; may be empty
  const std::uint64_t id;
  std::once_flag series_made;
  std::unique_ptr<ModelSeries> series;  // through series_made
  CostModel cost;
  std::size_t running = 0;  // batches

  // By age, which is at the end unless it comes back. The job has something that waits. Cost: O(jobs before it).
  void Push(const JobPtr& job);
  // Takes all that waits of the job out. Nothing happens when nothing does. Keep the job beyond the lock.
  void Remove(QueuedJob& job);
  // Sequences that a lane took wait again, and are the next of the job.
  void PutBack(const JobPtr& job, const std::vector<std::uint32_t>& sequences);
  std::list<JobPtr>& jobs(Urgency urgency) { return Of(urgency).jobs; }
  const BatchLoad& load(Urgency urgency) const { return Of(urgency).load; }
  bool waits() const { return load(Urgency::kInteractive).sequences + load(Urgency::kBulk).sequences > 0; }
  // Of what waits; zero until the first measurement: nobody is refused on a guess.
  double BacklogMicros(Urgency urgency, std::size_t max_batch_tokens) const;

  // Fills in parts, load and `closed` of a batch that begins with the oldest job; what it takes waits no more. Jobs on
  // the way that are pointless leave the queue and are added to `dropped`; without parts when no other is left.
  // Looks at kWindowJobs jobs and about kWindow times limits.tokens at most. Cost: linear in what it looks at.
  void Form(const BatchLimits& limits, SteadyTime now, FormedBatch& batch, std::vector<JobPtr>& dropped);

 private:
  struct Kind {
    std::list<JobPtr> jobs;
    BatchLoad load;
    std::size_t alone = 0;  // sequences of one_by_one jobs
  };
  struct Window;
  Kind& Of(Urgency urgency) { return kinds_[static_cast<std::size_t>(urgency)]; }
  const Kind& Of(Urgency urgency) const { return kinds_[static_cast<std::size_t>(urgency)]; }
  Window Look(Urgency urgency, std::size_t tokens, SteadyTime now, std::vector<JobPtr>& dropped);
  void Take(const Window& window, const BatchChoice& choice, FormedBatch& batch);
  void Subtract(QueuedJob& job, BatchLoad load);

  std::array<Kind, 2> kinds_;
};

}  // namespace mlnode::serving
