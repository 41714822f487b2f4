// simulation/scale/virtual_time.h: threads that wait in virtual time. One of them runs at a time; the next is whoever
// is due first, and who is due at the same time runs in the order in which that was asked for: the same run each time.
//
// Where tests/simulation runs other work inside of a call that takes its time, hundreds of nodes cannot nest: here such
// a call sleeps, and the others go on. Computing takes no virtual time.
// Threads: the one that made the VirtualTime drives it, and makes, ends and destroys the pools.
#pragma once

#include <deque>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "core/executor.h"
#include "core/testing/manual_executor.h"

namespace mlnode::simulation {

class VirtualTime {
 public:
  const mlnode::testing::ManualClock& clock() const { return clock_; }
  SteadyTime Now() const { return clock_.Now(); }
  // Runs what becomes due until `by` has passed.
  void RunFor(Duration by);
  void At(SteadyTime due, Task task);
  // Of a thread of a VirtualPool: gives way until then, or until its pool ends. Of the driver: returns at once.
  void SleepUntil(SteadyTime due);

 private:
  struct Event {
    SteadyTime due;
    std::uint64_t sequence = 0;
    std::shared_ptr<Task> task;
    bool operator<(const Event& other) const {  // the first due is the greatest
      return std::pair(due, sequence) > std::pair(other.due, other.sequence);
    }
  };

  mlnode::testing::ManualClock clock_;
  std::priority_queue<Event> events_;
  std::uint64_t sequence_ = 0;
};

// An executor of up to `threads` threads; 0: its tasks run on the driver, where nothing sleeps. A task takes `each`
// before it begins.
class VirtualPool final : public Executor {
 public:
  VirtualPool(VirtualTime& time, int threads, Duration each = {});
  ~VirtualPool() override { End(); }
  bool Post(Task task) override;
  Timer PostAfter(Duration delay, Task task) override;
  // The process stopped: drops what waits, refuses more, and returns once no thread is left. Nobody sleeps any more:
  // what runs is to come to its end by itself.
  void End();

 private:
  friend class VirtualTime;
  class Worker;
  struct State {
    VirtualTime& time;
    const int threads;
    const Duration each;
    bool ended = false;
    bool scheduled = false;  // without threads: an event is to run what waits
    std::deque<Task> waiting = {};
    std::vector<std::shared_ptr<Worker>> workers = {};
    std::vector<Worker*> idle = {};
  };
  static void Feed(const std::shared_ptr<State>& state);
  static void RunHere(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace mlnode::simulation
