// core/executor.h: where work runs. Threads exist only behind this interface; the four pools of a node are injected
// everywhere, and a test or a simulation passes one ManualExecutor (core/testing) for all of them.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/guarded.h"
#include "core/unique_function.h"

namespace mlnode {

using Task = UniqueFunction<void()>;

// A timer that was set. Cancels when destroyed or reassigned; a task that already began is not waited for.
class Timer {
 public:
  struct State {
    virtual ~State() = default;
    virtual void Cancel() = 0;
  };
  Timer() = default;
  explicit Timer(std::shared_ptr<State> state) : state_(std::move(state)) {}
  Timer(Timer&&) = default;
  Timer& operator=(Timer&& other) noexcept {
    Cancel();
    state_ = std::move(other.state_);
    return *this;
  }
  ~Timer() { Cancel(); }
  void Cancel() {
    if (state_) state_->Cancel();
    state_.reset();
  }
  // Lets the timer fire although the handle goes.
  void Detach() { state_.reset(); }

 private:
  std::shared_ptr<State> state_;
};

class Executor {
 public:
  virtual ~Executor() = default;
  // Queues `task`; never runs it inside this call. False, and the task is destroyed, when the queue is full or the
  // executor is stopping: the caller answers kResourceExhausted or gives up. Any thread.
  [[nodiscard]] virtual bool Post(Task task) = 0;
  // Queues `task` once `delay` has passed. Timers are not counted against the queue bound.
  [[nodiscard]] virtual Timer PostAfter(Duration delay, Task task) = 0;
};

// A fixed number of threads over one bounded queue. A task that throws ends the process: tasks are noexcept by
// contract.
class ThreadPool final : public Executor {
 public:
  struct Options {
    std::string name;  // thread name, at most 11 characters
    int threads = 1;
    std::size_t queue = 10'000;  // waiting tasks, not counting running ones
    int nice = 0;                // added to each thread's niceness; 19 = idle work
  };
  explicit ThreadPool(Options options);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() override;  // Stop()
  bool Post(Task task) override;
  Timer PostAfter(Duration delay, Task task) override;
  // Refuses new work, runs what is queued, drops timers, joins. Not from one of its own threads.
  void Stop();
  std::size_t QueueDepth() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

// Runs tasks of one entity one after the other, in order, on another executor. Holds no thread. Tasks queued when the
// last reference goes still run.
class Strand final : public Executor {
 public:
  explicit Strand(Executor& executor);
  bool Post(Task task) override;
  Timer PostAfter(Duration delay, Task task) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The four pools of a node (ARCHITECTURE.md, Threads). References: the owner is the composition root.
struct Executors {
  Executor& io;          // sockets and timers; a step stays under 100 microseconds
  Executor& cpu;         // parsing of large bodies, tokenizing, serializing
  Executor& lanes;       // inference, one thread per physical core
  Executor& background;  // storage, files, loading
};

}  // namespace mlnode
