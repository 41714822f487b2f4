#include "simulation/scale/virtual_time.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace mlnode::simulation {

// A thread that runs while it has the baton, which it gets from the driver and gives back when it sleeps, idles or
// ends.
class VirtualPool::Worker : public std::enable_shared_from_this<VirtualPool::Worker> {
 public:
  explicit Worker(std::shared_ptr<State> pool) : pool_(std::move(pool)), thread_([this] { Live(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { thread_.join(); }

  // Of the driver: lets it run until it gives the baton back.
  void Resume() {
    std::unique_lock lock(mutex_);
    if (over_) return;
    has_baton_ = true;
    turn_.notify_all();
    turn_.wait(lock, [this] { return !has_baton_; });
  }
  void GiveWay() {
    std::unique_lock lock(mutex_);
    has_baton_ = false;
    turn_.notify_all();
    AwaitBaton(lock);
  }
  bool ended() const { return pool_->ended; }

  static thread_local Worker* current;

 private:
  void AwaitBaton(std::unique_lock<std::mutex>& lock) {
    turn_.wait(lock, [this] { return has_baton_; });
  }

  void Live() {
    current = this;
    {
      std::unique_lock lock(mutex_);
      AwaitBaton(lock);
    }
    while (!pool_->ended) {
      if (pool_->waiting.empty()) {
        pool_->idle.push_back(this);
        GiveWay();
        continue;
      }
      Task task = std::move(pool_->waiting.front());
      pool_->waiting.pop_front();
      if (pool_->each > Duration::zero()) pool_->time.SleepUntil(pool_->time.Now() + pool_->each);
      if (!pool_->ended) task();
    }
    const std::lock_guard lock(mutex_);
    over_ = true;
    has_baton_ = false;
    turn_.notify_all();
  }

  const std::shared_ptr<State> pool_;
  std::mutex mutex_;
  std::condition_variable turn_;
  bool has_baton_ = false;
  bool over_ = false;
  std::thread thread_;  // last: it uses what is above
};

thread_local VirtualPool::Worker* VirtualPool::Worker::current = nullptr;

void VirtualTime::At(SteadyTime due, Task task) {
  events_.push({.due = due, .sequence = sequence_++, .task = std::make_shared<Task>(std::move(task))});
}

void VirtualTime::RunFor(Duration by) {
  const SteadyTime end = Now() + by;
  while (!events_.empty() && events_.top().due <= end) {
    const Event event = events_.top();
    events_.pop();
    if (event.due > Now()) clock_.Advance(event.due - Now());
    (*event.task)();
  }
  clock_.Advance(end - Now());
}

void VirtualTime::SleepUntil(SteadyTime due) {
  VirtualPool::Worker* const worker = VirtualPool::Worker::current;
  if (worker == nullptr || worker->ended()) return;
  At(due, [still = worker->shared_from_this()] { still->Resume(); });
  worker->GiveWay();
}

VirtualPool::VirtualPool(VirtualTime& time, int threads, Duration each)
    : state_(std::make_shared<State>(State{.time = time, .threads = threads, .each = each})) {}

bool VirtualPool::Post(Task task) {
  if (state_->ended) return false;
  state_->waiting.push_back(std::move(task));
  Feed(state_);
  return true;
}

// Something came to wait: somebody is to come for it.
void VirtualPool::Feed(const std::shared_ptr<State>& state) {
  VirtualTime& time = state->time;
  if (state->threads == 0) {
    if (!std::exchange(state->scheduled, true)) time.At(time.Now(), [state] { RunHere(state); });
    return;
  }
  std::shared_ptr<Worker> worker;
  if (!state->idle.empty()) {
    worker = state->idle.back()->shared_from_this();
    state->idle.pop_back();
  } else if (std::ssize(state->workers) < state->threads) {
    worker = state->workers.emplace_back(std::make_shared<Worker>(state));
  }
  if (worker) time.At(time.Now(), [worker] { worker->Resume(); });
}

void VirtualPool::RunHere(const std::shared_ptr<State>& state) {
  state->scheduled = false;
  for (std::size_t left = state->waiting.size(); left > 0 && !state->waiting.empty(); --left) {
    Task task = std::move(state->waiting.front());
    state->waiting.pop_front();
    task();
  }
}

namespace {

struct Alarm final : Timer::State {
  Task task;
  void Cancel() override { task = Task(); }
};

}  // namespace

Timer VirtualPool::PostAfter(Duration delay, Task task) {
  if (state_->ended) return Timer();
  auto alarm = std::make_shared<Alarm>();
  alarm->task = std::move(task);
  state_->time.At(state_->time.Now() + std::max(delay, Duration::zero()), [state = state_, alarm] {
    if (!alarm->task || state->ended) return alarm->Cancel();
    state->waiting.emplace_back([alarm] {
      Task due = std::move(alarm->task);
      if (due) due();
    });
    Feed(state);
  });
  return Timer(alarm);
}

void VirtualPool::End() {
  state_->ended = true;
  // What a task owns may post while it is destroyed, and is refused.
  const std::deque<Task> dropped = std::exchange(state_->waiting, {});
  state_->idle.clear();
  for (const auto& worker : state_->workers) worker->Resume();
  state_->workers.clear();
}

}  // namespace mlnode::simulation
