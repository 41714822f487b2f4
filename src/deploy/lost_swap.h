// deploy/lost_swap.h: what a loop does after a kConflict.
#pragma once

#include "deploy/step_loop.h"
#include "storage/store.h"

namespace mlnode::deploy {

// Another write came between, which the replica may not have heard of yet: a look at the same would lose again, as fast
// as the store answers. So hears it first, which takes about as long as a write; then kicks. A replica that does not
// follow hears nothing for a while: the loop's pace must do, and many lost swaps of one step do not wait one by one.
inline void LookAgain(const storage::Store& store, StepLoop& loop) {
  constexpr Duration kLimit = std::chrono::milliseconds(500);
  if (store.Following() && store.CatchUp(kLimit)) loop.Kick();
}

}  // namespace mlnode::deploy
