#include "deploy/loads/load_watch.h"

#include <algorithm>

#include "deploy/reconcile.h"

namespace mlnode::deploy {

void LoadWatch::Observe(const std::vector<serving::LocalModel>& local, Instant now) {
  std::set<ModelId> loading;
  for (const serving::LocalModel& model : local) {
    switch (model.state) {
      case serving::LocalState::kReady:
        backoffs_.erase(model.model);
        if (!model.reload) break;
        loading.insert(model.model);
        ObserveLoading(model.model,
                       {.generation = model.reload->generation,
                        .phase = model.reload->phase,
                        .done_bytes = model.reload->done_bytes},
                       now);
        break;
      case serving::LocalState::kFailed:
        ObserveFailed(model, now);
        break;
      case serving::LocalState::kLoading:
        loading.insert(model.model);
        ObserveLoading(model.model,
                       {.generation = model.generation, .phase = model.phase, .done_bytes = model.done_bytes}, now);
        break;
    }
  }
  const std::size_t before = loading_.size();
  std::erase_if(loading_, [&](const auto& entry) { return !loading.contains(entry.first); });
  if (loading_.size() != before) newest_ = now;  // one ended: the next begins
  if (backoffs_.empty()) return;
  std::set<ModelId> there;
  for (const serving::LocalModel& model : local) there.insert(model.model);
  std::erase_if(backoffs_, [&](const auto& entry) { return !there.contains(entry.first); });
}

void LoadWatch::ObserveFailed(const serving::LocalModel& local, Instant now) {
  if (!local.error || !IsRetryable(*local.error)) {
    backoffs_.erase(local.model);
    return;
  }
  Backoff& backoff = backoffs_[local.model];
  if (backoff.generation != local.generation) backoff = Backoff{.generation = local.generation};
  if (backoff.waiting) return;
  Duration delay = kFirstRetry;
  for (int i = 0; i < backoff.attempts && delay < kLastRetry; ++i) delay *= 2;
  delay = std::min(delay, Duration(kLastRetry));
  ++backoff.attempts;
  backoff.waiting = true;
  backoff.next = now.steady + delay;
  backoff.next_wall = now.wall + std::chrono::duration_cast<std::chrono::milliseconds>(delay).count();
}

void LoadWatch::ObserveLoading(const ModelId& model, Progress seen, Instant now) {
  const auto [entry, is_new] = loading_.try_emplace(model);
  Progress& progress = entry->second;
  const bool same =
      progress.generation == seen.generation && progress.phase == seen.phase && progress.done_bytes == seen.done_bytes;
  if (!is_new && same) return;
  progress = seen;
  progress.since = now.steady;
  newest_ = now;
}

void LoadWatch::Retried(const ModelId& model) {
  if (const auto backoff = backoffs_.find(model); backoff != backoffs_.end()) backoff->second.waiting = false;
}

std::vector<ModelId> LoadWatch::Stalled(SteadyTime now, Duration limit) const {
  std::vector<ModelId> stalled;
  for (const auto& [model, progress] : loading_) {
    const SteadyTime since = progress.phase == serving::Phase::kQueued ? newest_.steady : progress.since;
    if (now - since >= limit) stalled.push_back(model);
  }
  return stalled;
}

std::set<ModelId> LoadWatch::RetryDue(SteadyTime now) const {
  std::set<ModelId> due;
  for (const auto& [model, backoff] : backoffs_) {
    if (backoff.waiting && now >= backoff.next) due.insert(model);
  }
  return due;
}

std::optional<LoadWatch::Backoff> LoadWatch::BackoffOf(const ModelId& model) const {
  const auto found = backoffs_.find(model);
  if (found == backoffs_.end()) return std::nullopt;
  return found->second;
}

}  // namespace mlnode::deploy
