// core/testing/manual_executor.h: virtual time and a single-threaded executor whose order a seed decides.
// With one of these for all pools a whole node runs on one thread; the same seed gives the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/id.h"

namespace mlnode::testing {

class ManualClock final : public Clock {
 public:
  SteadyTime Now() const override { return now_; }
  EpochMillis WallMillis() const override;
  void Advance(Duration by) { now_ += by; }

 private:
  SteadyTime now_{std::chrono::hours(1)};
};

// splitmix64: small, seedable, good enough to shuffle.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() override;
  std::uint64_t Below(std::uint64_t n) { return Next() % n; }

 private:
  std::uint64_t state_;
};

class ManualExecutor final : public Executor {
 public:
  // `random` null: first in, first out; else the next task is drawn. Borrows both.
  explicit ManualExecutor(ManualClock& clock, SeededRandom* random = nullptr) : clock_(clock), random_(random) {}
  bool Post(Task task) override;
  Timer PostAfter(Duration delay, Task task) override;

  // Runs one ready task; false when none is ready. May be called from inside a task: that is how a simulation lets
  // other work run in the middle of a store call (storage/testing/interleaving_store.h).
  bool RunOne();
  // Runs until nothing is ready; time stands still. Returns how many ran; ends the test process after `limit`.
  std::size_t RunUntilIdle(std::size_t limit = 1'000'000);
  // Moves time from timer to timer until `by` has passed, running what becomes ready.
  void RunFor(Duration by);
  // Drops everything: the process died.
  void DropAll();
  std::size_t ReadyCount() const { return ready_.size(); }  // without timers that are due
  // When the next timer is due, which may be past; nullopt: none is set. For whoever moves the clock of several.
  std::optional<SteadyTime> NextDue();

 private:
  struct Scheduled;
  struct Later;
  void PromoteDue();
  void ForgetCancelled();

  ManualClock& clock_;
  SeededRandom* random_;
  std::deque<Task> ready_;
  std::vector<std::shared_ptr<Scheduled>> timers_;  // a heap, the next one in front; cancelled ones among them
  std::size_t forget_at_ = 64;                      // timers, before cancelled ones are looked for
  std::uint64_t sequence_ = 0;
};

}  // namespace mlnode::testing
