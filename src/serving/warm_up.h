// serving/warm_up.h: the first runs of a loaded model: does it answer requests of every length, what do its answers
// look like, and does a text get the same answer in company as alone? Runs on the calling thread.
#pragma once

#include <functional>

#include "engines/engine.h"
#include "serving/pipeline.h"

namespace mlnode::serving {

// Whether the load is still wanted: asked before each run; its error ends the work.
using StillWanted = std::function<Status()>;

// The documents of all probes, each sequence run alone. Shows each answer to Pipeline::Inspect first. Errors: those of
// engine, tokenizer and Inspect.
Result<Documents> RunProbesAlone(engines::LoadedModel& engine, Pipeline& pipeline, const StillWanted& wanted);
// The same in one batch. After RunProbesAlone, with the same engine or with another one for the same graph.
Result<Documents> RunProbesTogether(engines::LoadedModel& engine, const Pipeline& pipeline, const StillWanted& wanted);

// Both, compared. `same` false: texts of this model must run one by one; an engine that fails at the batch only cannot
// batch this graph. Without an engine the probes are only encoded. Errors as RunProbesAlone.
Result<Agreement> WarmUp(engines::LoadedModel* engine, Pipeline& pipeline, const StillWanted& wanted);

}  // namespace mlnode::serving
