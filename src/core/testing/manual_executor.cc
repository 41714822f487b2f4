#include "core/testing/manual_executor.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace mlnode::testing {

struct ManualExecutor::Scheduled final : Timer::State {
  SteadyTime due;
  std::uint64_t sequence = 0;
  Task task;
  bool cancelled = false;
  void Cancel() override {
    cancelled = true;
    task = Task();
  }
};

EpochMillis ManualClock::WallMillis() const {
  constexpr EpochMillis kStart = 1'700'000'000'000;
  return kStart + std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count();
}

std::uint64_t SeededRandom::Next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

bool ManualExecutor::Post(Task task) {
  ready_.push_back(std::move(task));
  return true;
}

Timer ManualExecutor::PostAfter(Duration delay, Task task) {
  auto scheduled = std::make_shared<Scheduled>();
  scheduled->due = clock_.Now() + std::max(delay, Duration::zero());
  scheduled->sequence = sequence_++;
  scheduled->task = std::move(task);
  timers_.push_back(scheduled);
  return Timer(scheduled);
}

void ManualExecutor::PromoteDue() {
  std::vector<std::shared_ptr<Scheduled>> due;
  std::erase_if(timers_, [&](const std::shared_ptr<Scheduled>& timer) {
    if (timer->cancelled) return true;
    if (timer->due > clock_.Now()) return false;
    due.push_back(timer);
    return true;
  });
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) {
    return std::pair(a->due, a->sequence) < std::pair(b->due, b->sequence);
  });
  for (auto& timer : due) {
    ready_.push_back([timer] {
      if (timer->cancelled) return;
      Task task = std::move(timer->task);
      task();
    });
  }
}

bool ManualExecutor::RunOne() {
  PromoteDue();
  if (ready_.empty()) return false;
  const std::size_t index = random_ ? static_cast<std::size_t>(random_->Below(ready_.size())) : 0;
  Task task = std::move(ready_[index]);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
  task();
  return true;
}

std::size_t ManualExecutor::RunUntilIdle(std::size_t limit) {
  std::size_t ran = 0;
  while (RunOne()) {
    if (++ran > limit) {
      std::fprintf(stderr, "ManualExecutor: still busy after %zu tasks\n", limit);
      std::abort();
    }
  }
  return ran;
}

void ManualExecutor::RunFor(Duration by) {
  const SteadyTime end = clock_.Now() + by;
  RunUntilIdle();
  while (true) {
    std::erase_if(timers_, [](const auto& timer) { return timer->cancelled; });
    const auto next =
        std::min_element(timers_.begin(), timers_.end(), [](const auto& a, const auto& b) { return a->due < b->due; });
    if (next == timers_.end() || (*next)->due > end) break;
    clock_.Advance((*next)->due - clock_.Now());
    RunUntilIdle();
  }
  clock_.Advance(end - clock_.Now());
}

void ManualExecutor::DropAll() {
  // What a task owns may post again while it is destroyed.
  while (!ready_.empty() || !timers_.empty()) {
    auto ready = std::exchange(ready_, {});
    auto timers = std::exchange(timers_, {});
    for (auto& timer : timers) timer->Cancel();
  }
}

}  // namespace mlnode::testing
