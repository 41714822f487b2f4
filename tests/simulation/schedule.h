// simulation/schedule.h: what happens in a world, drawn at random: requests of clients, faults, crashes.
#pragma once

#include "simulation/world.h"

namespace mlnode::simulation {

// Does one random thing. What it begins goes on as the world runs. `inside`: of a pass inside of a task, where no node
// can leave.
void ActAtRandom(World& world, bool inside = false);

}  // namespace mlnode::simulation
