// serving/loader.h: from a spec to a model in memory: fetch, unpack, reserve, load, warm up, measure.
// Blocks for seconds; runs on the loading executor. What it took is given back on every failure.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/clock.h"
#include "engines/engine.h"
#include "serving/acceleration.h"
#include "serving/artifact_cache.h"
#include "serving/memory_budget.h"
#include "serving/remote/remote_environment.h"
#include "serving/scheduler.h"
#include "serving/served_model.h"
#include "serving/sharing/shared_engines.h"

namespace mlnode::serving {

// What earlier loads of this process were measured to take, by content. Bounded. Of the loading thread alone.
using MeasuredSizes = std::map<std::string, std::uint64_t>;

struct LoaderEnvironment {
  ArtifactCache& cache;
  engines::EngineRegistry& engines;
  MemoryBudget& budget;
  const Scheduler& queue;
  const Clock& clock;
  int lanes = 1;
  const AccelerationOptions& acceleration;
  const std::function<std::uint64_t()>& memory_used;
  MeasuredSizes& measured;
  SharedEngines& shared;
};

// Bytes to reserve for the load of a model file of this size.
std::uint64_t PeakBytes(std::uint64_t model_bytes);
// More than a model of this size takes once it is loaded, for one that could not be measured.
std::uint64_t SteadyBytes(std::uint64_t model_bytes);

// A REMOTE one: compiles its connector, milliseconds. `remote` null: kUnimplemented. Errors: RemoteTermsSource::Now.
Result<std::unique_ptr<ServedModel>> LoadRemoteModel(const RemoteEnvironment* remote, const LoadSpec& spec);

// Calls `progress` before each step; its error ends the load. Errors: serving/local_models.h, Load.
Result<std::unique_ptr<ServedModel>> LoadModel(const LoaderEnvironment& environment, const LoadSpec& spec,
                                               const Progress& progress);

}  // namespace mlnode::serving
