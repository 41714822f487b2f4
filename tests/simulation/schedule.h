// simulation/schedule.h: what clients and fate do to a node, drawn at random.
#pragma once

#include "simulation/world.h"

namespace mlnode::simulation {

// Does one random thing: a request, a fault or a crash. What it begins goes on as the world runs.
void ActAtRandom(World& world);
// Predicts with the model; the answer is counted in the ledger. `must_work`: another answer is a violation.
void Predict(World& world, const ModelId& model, bool must_work);

}  // namespace mlnode::simulation
