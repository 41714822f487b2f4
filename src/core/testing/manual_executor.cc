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

// The heap's order: the earliest due in front.
struct ManualExecutor::Later {
  bool operator()(const std::shared_ptr<Scheduled>& a, const std::shared_ptr<Scheduled>& b) const {
    return std::pair(a->due, a->sequence) > std::pair(b->due, b->sequence);
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
  if (timers_.size() >= forget_at_) ForgetCancelled();
  timers_.push_back(scheduled);
  std::ranges::push_heap(timers_, Later());
  return Timer(scheduled);
}

void ManualExecutor::ForgetCancelled() {
  std::erase_if(timers_, [](const auto& timer) { return timer->cancelled; });
  std::ranges::make_heap(timers_, Later());
  forget_at_ = std::max<std::size_t>(64, 2 * timers_.size());
}

std::optional<SteadyTime> ManualExecutor::NextDue() {
  while (!timers_.empty() && timers_.front()->cancelled) {
    std::ranges::pop_heap(timers_, Later());
    timers_.pop_back();
  }
  if (timers_.empty()) return std::nullopt;
  return timers_.front()->due;
}

void ManualExecutor::PromoteDue() {
  for (auto due = NextDue(); due && *due <= clock_.Now(); due = NextDue()) {
    std::ranges::pop_heap(timers_, Later());
    ready_.push_back([timer = std::move(timers_.back())] {
      if (timer->cancelled) return;
      Task task = std::move(timer->task);
      task();
    });
    timers_.pop_back();
  }
}

bool ManualExecutor::RunOne() {
  PromoteDue();
  if (ready_.empty()) return false;
  if (random_) std::swap(ready_.front(), ready_[static_cast<std::size_t>(random_->Below(ready_.size()))]);
  Task task = std::move(ready_.front());
  ready_.pop_front();
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
  for (auto due = NextDue(); due && *due <= end; due = NextDue()) {
    clock_.Advance(std::max(*due - clock_.Now(), Duration::zero()));
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
