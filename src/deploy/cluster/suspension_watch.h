// deploy/cluster/suspension_watch.h: was this process stopped (SIGSTOP, a frozen machine) long enough that the others
// took it for dead? Then it believes in plans that may be old: it answers no prediction until it has read them again.
// A store that does not answer is no suspension: a node that runs on without its store goes on predicting.
//
// A timer notes each kTick that the process runs. Who finds that longer than kLeaseDeath - kMargin passed since then
// (by the steady clock, or by the wall's, which goes on where a sleeping machine stops the other; one that is set
// forward costs a catching up) was suspended; from there until CatchUp of the store succeeded after it, Current() is
// false. Before Start and after Stop it is true. A catching up that fails is tried again each second.
// Threads: Current from any thread, lock-free but for what begins a catching up; Start/Stop from the composition root.
#pragma once

#include <memory>

#include "core/executor.h"
#include "deploy/plan.h"
#include "storage/store.h"

namespace mlnode::deploy {

class SuspensionWatch {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(250);
  static constexpr Duration kMargin = std::chrono::seconds(1);

  // All borrowed. `background` waits for the store, seconds at most; what keeps it busy keeps predictions out.
  SuspensionWatch(storage::Store& store, const Clock& clock, Executor& timers, Executor& background);
  ~SuspensionWatch();  // Stop()
  void Start();
  void Stop();
  // May what this node knows of plans be acted on. False begins a catching up.
  bool Current();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mlnode::deploy
