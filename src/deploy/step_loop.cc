#include "deploy/step_loop.h"

#include <condition_variable>
#include <utility>

namespace mlnode::deploy {

struct StepLoop::State : std::enable_shared_from_this<StepLoop::State> {
  struct Flags {
    bool started = false;
    bool stopped = false;
    bool queued = false;  // a step is waiting in the executor
    bool running = false;
    bool again = false;  // kicked while running
    Timer interval;
  };

  State(Executor& e, Duration i, std::function<void()> s) : executor(e), interval(i), step(std::move(s)) {}

  void Queue() {
    {
      const auto flags = guarded.Lock();
      if (!flags->started || flags->stopped || flags->queued) return;
      flags->queued = true;
    }
    if (executor.Post([self = shared_from_this()] { self->Run(); })) return;
    guarded.Lock()->queued = false;
    Arm();
  }

  void Arm() {
    Timer timer = executor.PostAfter(interval, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Queue();
    });
    const auto flags = guarded.Lock();
    if (!flags->stopped) std::swap(flags->interval, timer);  // the old one is cancelled once the lock is gone
  }

  void Run() {
    {
      const auto flags = guarded.Lock();
      flags->queued = false;
      if (flags->stopped) return;
      if (flags->running) {
        flags->again = true;
        return;
      }
      flags->running = true;
    }
    step();
    bool again = false;
    {
      const auto flags = guarded.Lock();
      flags->running = false;
      again = std::exchange(flags->again, false);
      if (flags->stopped) return idle.notify_all();
    }
    Arm();
    if (again) Queue();
  }

  void Stop() {
    Timer timer;
    auto flags = guarded.Lock();
    flags->stopped = true;
    std::swap(flags->interval, timer);
    idle.wait(flags.lock(), [&] { return !flags->running; });
  }

  Executor& executor;
  const Duration interval;
  const std::function<void()> step;
  Guarded<Flags> guarded;
  std::condition_variable idle;
};

StepLoop::StepLoop(Executor& executor, Duration interval, std::function<void()> step)
    : state_(std::make_shared<State>(executor, interval, std::move(step))) {}

StepLoop::~StepLoop() { Stop(); }

void StepLoop::Start() {
  state_->guarded.Lock()->started = true;
  state_->Queue();
}

void StepLoop::Kick() { state_->Queue(); }

std::function<void()> StepLoop::Kicker() const {
  return [weak = std::weak_ptr(state_)] {
    if (const auto state = weak.lock()) state->Queue();
  };
}

void StepLoop::Stop() { state_->Stop(); }

}  // namespace mlnode::deploy
