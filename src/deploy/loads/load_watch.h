// deploy/loads/load_watch.h: what the agent remembers of its loads between two passes: which get on, which failed and
// when they are tried again. Pure but for the time given to it. Threads: none of its own; the owner guards it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "serving/local_models.h"

namespace mlnode::deploy {

inline constexpr Duration kFirstRetry = std::chrono::seconds(10);
inline constexpr Duration kLastRetry = std::chrono::minutes(10);

class LoadWatch {
 public:
  struct Instant {
    SteadyTime steady = {};
    EpochMillis wall = 0;
  };
  struct Backoff {
    std::uint64_t generation = 0;
    int attempts = 0;  // that failed
    bool waiting = false;
    SteadyTime next = {};
    EpochMillis next_wall = 0;
  };

  // Takes in what is loaded, loading and failed now. Models no longer there are forgotten.
  void Observe(const std::vector<serving::LocalModel>& local, Instant now);
  // It is tried again now: the next failure is another attempt, even if it is seen before any progress.
  void Retried(const ModelId& model);
  // Loading, and neither it nor, while it is queued, any other got on for `limit`.
  std::vector<ModelId> Stalled(SteadyTime now, Duration limit) const;
  // Failed in a way that may pass, and the back-off has passed: 10 s, doubling to 10 min.
  std::set<ModelId> RetryDue(SteadyTime now) const;
  std::optional<Backoff> BackoffOf(const ModelId& model) const;
  EpochMillis newest_progress() const { return newest_.wall; }

 private:
  struct Progress {
    std::uint64_t generation = 0;
    serving::Phase phase = serving::Phase::kQueued;
    std::uint64_t done_bytes = 0;
    SteadyTime since = {};
  };
  void ObserveFailed(const serving::LocalModel& local, Instant now);
  void ObserveLoading(const ModelId& model, Progress seen, Instant now);

  std::map<ModelId, Progress> loading_;
  std::map<ModelId, Backoff> backoffs_;
  Instant newest_;
};

}  // namespace mlnode::deploy
