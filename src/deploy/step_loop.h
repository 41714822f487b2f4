// deploy/step_loop.h: a step that runs again and again, never beside itself: soon after each Kick, and one interval
// after it last ended. What reconcilers are made of: many notices before a step make one step. Threads: any, but Stop
// not from the step itself.
#pragma once

#include <functional>
#include <memory>

#include "core/executor.h"

namespace mlnode::deploy {

class StepLoop {
 public:
  // `executor` is borrowed. A full queue there only delays a step until the interval has passed.
  StepLoop(Executor& executor, Duration interval, std::function<void()> step);
  StepLoop(const StepLoop&) = delete;
  StepLoop& operator=(const StepLoop&) = delete;
  ~StepLoop();  // Stop()

  void Start();  // the first step is queued at once
  void Kick();   // a step that begins after this call; no-op before Start and after Stop
  // A Kick that may outlive the loop: then it does nothing. For callbacks and notices.
  std::function<void()> Kicker() const;
  void Stop();  // no step begins after this returns; waits for one under way

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mlnode::deploy
