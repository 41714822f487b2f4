// serving/scheduling/batch_run.h: computes one batch on the calling thread and hands each job its outputs.
#pragma once

#include <vector>

#include "serving/scheduling/formed_batch.h"

namespace mlnode::serving {

struct BatchRun {
  Duration took{};               // in the engine
  Status engine;                 // what it said: when an error, nothing was consumed
  std::vector<Status> consumed;  // of each part, what its job's `consume` said; empty when the engine failed
};
// Never throws: what engine or `consume` throws is kResourceExhausted (memory) or kInternal; an engine that answers
// another number of sequences or outputs is kInternal. An error of one job's `consume` leaves the others alone. Raw
// outputs are freed part by part. What was answered meanwhile is not consumed. Blocks for the computation.
BatchRun RunBatch(const FormedBatch& batch, const Clock& clock);

}  // namespace mlnode::serving
