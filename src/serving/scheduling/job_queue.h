// serving/scheduling/job_queue.h: all that waits for the lanes and what runs on them: which batch is next, and how long
// who comes now would wait. No locks, no callbacks, no clock of its own: the scheduler holds it under its lock.
// Cost per call: O(models), and what ModelQueue::Form looks at.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "serving/scheduling/batch_former.h"
#include "serving/scheduling/fair_share.h"
#include "serving/scheduling/model_queue.h"
#include "serving/scheduling/urgency_policy.h"

namespace mlnode::serving {

class JobQueue {
 public:
  explicit JobQueue(const Scheduler::Options& options);

  // The job is new; something of it waits.
  void Push(const JobPtr& job, SteadyTime now);
  // Takes what waits of the job out; nothing when nothing does. Keep the job beyond the lock.
  void Remove(QueuedJob& job);
  // The next batch for a lane that is free, or none when nothing waits. Jobs it found pointless leave the queue and are
  // added to `dropped`: answer them.
  std::optional<FormedBatch> Take(SteadyTime now, std::vector<JobPtr>& dropped);
  // The lane is free again. `took`: in the engine; of a failed batch nothing is learned.
  void Finish(const FormedBatch& batch, Duration took, bool succeeded);
  // The sequences of jobs that are not answered wait again, each job apart from all others.
  void PutBack(const FormedBatch& batch);
  // All jobs something of which waits.
  std::vector<JobPtr> Waiting() const;
  // Forgets models that have gone, or all; what is handed back is destroyed outside the lock. With `all`, nothing
  // waits.
  std::vector<std::shared_ptr<ModelQueue>> ForgetModels(bool all);
  bool knows_models() const { return !models_.empty(); }

  // Until work for `model` of that urgency that comes now would begin, as far as measured: what waits of the same
  // model, and of others as much as their share meanwhile; its own time does not count.
  Duration EstimatedWait(const engines::LoadedModel* model, Urgency urgency, SteadyTime now) const;
  // Until all that waits were done.
  Duration EstimatedDrain(SteadyTime now) const;
  std::size_t waiting_tokens() const { return waiting_tokens_; }
  bool waits() const { return shares_[0].waiting() + shares_[1].waiting() > 0; }
  LaneUse use() const { return {.begun = begun_, .running = running_.size()}; }

 private:
  struct Running {
    std::uint64_t number = 0;
    SteadyTime begun;
    double micros = 0;  // estimated; zero before the first measurement
    Urgency urgency = Urgency::kInteractive;
  };
  using Models = std::unordered_map<const engines::LoadedModel*, std::shared_ptr<ModelQueue>>;

  const std::shared_ptr<ModelQueue>& QueueOf(const BatchJob& job);
  FairShare& Share(Urgency urgency) { return shares_[static_cast<std::size_t>(urgency)]; }
  // Tells the shares whether the model still waits, and counts the tokens anew.
  void Update(const ModelQueue& queue, Urgency urgency, std::size_t tokens_before);
  double MostMicros(Urgency urgency, SteadyTime now) const;
  BatchLimits LimitsFor(const ModelQueue& queue, Urgency urgency, SteadyTime now) const;
  void Begin(FormedBatch& batch, SteadyTime now);
  Duration Wait(double ahead_micros, SteadyTime now) const;

  const Scheduler::Options options_;
  Models models_;
  std::unordered_map<FairShare::Id, std::shared_ptr<ModelQueue>> by_id_;
  std::vector<std::shared_ptr<ModelQueue>> replaced_;  // for the next ForgetModels
  std::array<FairShare, 2> shares_;                    // by Urgency
  UrgencyPolicy policy_;
  std::vector<Running> running_;
  std::uint64_t begun_ = 0;
  std::uint64_t jobs_ = 0;
  std::uint64_t models_seen_ = 0;
  FairShare::Id newest_model_ = 0;  // whose job came last
  SteadyTime models_changed_;       // when that was another's before
  std::size_t waiting_tokens_ = 0;
};

}  // namespace mlnode::serving
