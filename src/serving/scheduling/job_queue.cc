#include "serving/scheduling/job_queue.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "serving/scheduling/patience.h"

namespace mlnode::serving {
namespace {

double Micros(Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

// A model runs for about as long at a time: short against what people notice, long against a batch's fixed cost.
constexpr double kQuantumMicros = 8'000;

}  // namespace

JobQueue::JobQueue(const Scheduler::Options& options)
    : options_(options),
      shares_{FairShare(kQuantumMicros), FairShare(kQuantumMicros)},
      policy_(options.lanes, Micros(options.bulk_batch_time)) {}

// One that lies where another lay before it is another model.
const std::shared_ptr<ModelQueue>& JobQueue::QueueOf(const BatchJob& job) {
  std::shared_ptr<ModelQueue>& queue = models_[job.model.get()];
  if (queue && !queue->model.expired()) return queue;
  if (queue) {
    for (FairShare& share : shares_) share.Forget(queue->id);
    by_id_.erase(queue->id);
    replaced_.push_back(std::move(queue));  // what it owns takes locks when it goes: not under the scheduler's
  }
  queue = std::make_shared<ModelQueue>(job, ++models_seen_);
  by_id_[queue->id] = queue;
  return queue;
}

void JobQueue::Update(const ModelQueue& queue, Urgency urgency, std::size_t tokens_before) {
  const BatchLoad& load = queue.load(urgency);
  waiting_tokens_ = waiting_tokens_ - tokens_before + load.tokens;
  if (load.sequences > 0) {
    Share(urgency).Activate(queue.id);
  } else {
    Share(urgency).Deactivate(queue.id);
  }
}

void JobQueue::Push(const JobPtr& job, SteadyTime now) {
  const Urgency urgency = job->work.urgency;
  if (urgency == Urgency::kInteractive) policy_.SawInteractive(now);
  job->queue = QueueOf(job->work);
  if (std::exchange(newest_model_, job->queue->id) != job->queue->id) models_changed_ = now;
  job->number = ++jobs_;
  const std::size_t before = job->queue->load(urgency).tokens;
  job->queue->Push(job);
  Update(*job->queue, urgency, before);
}

void JobQueue::Remove(QueuedJob& job) {
  if (!job.waits) return;
  const std::size_t before = job.queue->load(job.work.urgency).tokens;
  job.queue->Remove(job);
  Update(*job.queue, job.work.urgency, before);
}

// Only what waits for another model is helped by shorter batches.
double JobQueue::MostMicros(Urgency urgency, SteadyTime now) const {
  if (urgency == Urgency::kBulk && policy_.InteractiveSeen(now)) return Micros(options_.bulk_batch_time);
  if (models_.size() > 1 && now - models_changed_ < UrgencyPolicy::kMemory) return Micros(options_.max_batch_time);
  return std::numeric_limits<double>::infinity();
}

BatchLimits JobQueue::LimitsFor(const ModelQueue& queue, Urgency urgency, SteadyTime now) const {
  const auto all_lanes = static_cast<std::size_t>(options_.lanes);
  const std::size_t idle = all_lanes > running_.size() ? all_lanes - running_.size() : 1;
  const std::size_t models = shares_[static_cast<std::size_t>(urgency)].waiting();
  const std::size_t lanes = std::max<std::size_t>(1, idle / std::max<std::size_t>(1, models));
  return {.tokens = std::min(options_.max_batch_tokens, SpreadTokens(queue.load(urgency).tokens, lanes)),
          .micros = MostMicros(urgency, now),
          .cost = &queue.cost};
}

std::optional<FormedBatch> JobQueue::Take(SteadyTime now, std::vector<JobPtr>& dropped) {
  while (true) {
    const auto bulk =
        std::count_if(running_.begin(), running_.end(), [](const Running& r) { return r.urgency == Urgency::kBulk; });
    const auto urgency = policy_.Next(shares_[0].waiting() > 0, shares_[1].waiting() > 0, static_cast<int>(bulk));
    if (!urgency) return std::nullopt;
    FormedBatch batch;
    batch.queue = by_id_.at(*Share(*urgency).Next());
    batch.urgency = *urgency;
    const BatchLimits limits = LimitsFor(*batch.queue, *urgency, now);
    const std::size_t before = batch.queue->load(*urgency).tokens;
    batch.queue->Form(limits, now, batch, dropped);
    Update(*batch.queue, *urgency, before);
    if (batch.parts.empty()) continue;  // all were pointless
    if (batch.closed == BatchClosed::kBudget && limits.tokens < options_.max_batch_tokens) {
      batch.closed = BatchClosed::kSpread;
    }
    const bool bulk_cut = *urgency == Urgency::kBulk && policy_.InteractiveSeen(now);
    if (batch.closed == BatchClosed::kTime && bulk_cut) batch.closed = BatchClosed::kBulkCut;
    Begin(batch, now);
    return batch;
  }
}

void JobQueue::Begin(FormedBatch& batch, SteadyTime now) {
  ModelQueue& queue = *batch.queue;
  batch.begun = now;
  batch.number = ++begun_;
  batch.micros = queue.cost.Micros(batch.load);
  ++queue.running;
  running_.push_back({.number = batch.number,
                      .begun = now,
                      .micros = queue.cost.measured() ? batch.micros : 0,
                      .urgency = batch.urgency});
  Share(batch.urgency).Charge(queue.id, batch.micros);
  const bool bulk = batch.urgency == Urgency::kBulk;
  policy_.Begin(batch.urgency, batch.micros, Share(bulk ? Urgency::kInteractive : Urgency::kBulk).waiting() > 0);
}

void JobQueue::Finish(const FormedBatch& batch, Duration took, bool succeeded) {
  std::erase_if(running_, [&](const Running& running) { return running.number == batch.number; });
  ModelQueue& queue = *batch.queue;
  --queue.running;
  if (took > Duration::zero()) Share(batch.urgency).Charge(queue.id, Micros(took) - batch.micros);
  if (succeeded) queue.cost.Learn(batch.load, took);
}

void JobQueue::PutBack(const FormedBatch& batch) {
  ModelQueue& queue = *batch.queue;
  const std::size_t before = queue.load(batch.urgency).tokens;
  for (const auto& [job, sequences] : batch.parts) {
    if (!job->done) continue;
    job->apart = true;
    queue.PutBack(job, sequences);
  }
  Update(queue, batch.urgency, before);
}

std::vector<JobPtr> JobQueue::Waiting() const {
  std::vector<JobPtr> waiting;
  for (const auto& [model, queue] : models_) {
    for (const Urgency urgency : {Urgency::kInteractive, Urgency::kBulk}) {
      const auto& jobs = queue->jobs(urgency);
      waiting.insert(waiting.end(), jobs.begin(), jobs.end());
    }
  }
  return waiting;
}

std::vector<std::shared_ptr<ModelQueue>> JobQueue::ForgetModels(bool all) {
  std::vector<std::shared_ptr<ModelQueue>> gone = std::exchange(replaced_, {});
  for (auto at = models_.begin(); at != models_.end();) {
    const std::shared_ptr<ModelQueue>& queue = at->second;
    if (!all && !queue->model.expired()) {
      ++at;
      continue;
    }
    for (FairShare& share : shares_) share.Forget(queue->id);
    by_id_.erase(queue->id);
    gone.push_back(queue);
    at = models_.erase(at);
  }
  return gone;
}

// `ahead_micros` of work is done by all lanes, each from when it comes free.
Duration JobQueue::Wait(double ahead_micros, SteadyTime now) const {
  constexpr double kLongestMicros = 1e12;
  std::vector<double> busy;
  for (const Running& running : running_) busy.push_back(std::max(0.0, running.micros - Micros(now - running.begun)));
  const double micros = MicrosUntilDone(ahead_micros, static_cast<std::size_t>(options_.lanes), std::move(busy));
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::micro>(std::min(micros, kLongestMicros)));
}

Duration JobQueue::EstimatedWait(const engines::LoadedModel* model, Urgency urgency, SteadyTime now) const {
  const auto own = models_.find(model);
  const auto backlog = [&](const ModelQueue& queue, Urgency of) {
    return queue.BacklogMicros(of, options_.max_batch_tokens);
  };
  const double mine = own == models_.end() ? 0 : backlog(*own->second, urgency);
  double ahead = 0;
  for (const auto& [other, queue] : models_) {
    ahead += std::min(mine, backlog(*queue, urgency));
    if (urgency == Urgency::kBulk) ahead += backlog(*queue, Urgency::kInteractive);
  }
  return Wait(ahead, now);
}

Duration JobQueue::EstimatedDrain(SteadyTime now) const {
  double ahead = 0;
  for (const auto& [model, queue] : models_) {
    ahead += queue->BacklogMicros(Urgency::kInteractive, options_.max_batch_tokens);
    ahead += queue->BacklogMicros(Urgency::kBulk, options_.max_batch_tokens);
  }
  return Wait(ahead, now);
}

}  // namespace mlnode::serving
