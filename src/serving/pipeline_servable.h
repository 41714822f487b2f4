// serving/pipeline_servable.h: the flow of a prediction, the same for every function: limits, tokenizing (inline or on
// `cpu`, large requests in parallel), the lanes, the answer. What differs is the model's Pipeline (serving/pipeline.h).
#pragma once

#include <memory>

#include "core/executor.h"
#include "serving/scheduler.h"
#include "serving/served_model.h"

namespace mlnode::serving {

// Texts of one request; beyond it kTooLarge. The largest request the default token limit of the queue (2,000,000)
// lets through with 20 tokens a text, and a bound on what is kept for each text before any token is counted.
inline constexpr std::size_t kMaxTexts = 100'000;

struct PredictEnvironment {
  Scheduler& queue;
  Executor& cpu;
  const Clock& clock;
  int tokenizers = 1;  // threads of `cpu` that one request may use
};
std::shared_ptr<Servable> MakePipelineServable(std::shared_ptr<ServedModel> model, LoadSpec spec,
                                               PredictEnvironment environment);

}  // namespace mlnode::serving
