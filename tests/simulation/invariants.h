// simulation/invariants.h: what must hold, at any moment and at rest (docs/invariants.md, by these names).
#pragma once

#include "simulation/world.h"

namespace mlnode::simulation {

// Between any two tasks of the node.
void CheckAlways(World& world);
// Once nothing went wrong for 30 s and what hung had its deadline.
void CheckAtRest(World& world);
// After a restart that follows the grace of uploads.
void CheckNoOrphans(World& world);

}  // namespace mlnode::simulation
