// serving/local_models.h: the models of this node: loading, serving, draining. The one door of this room.
// Threads: any. Find takes no lock (a snapshot table is swapped). Loads run one at a time on `loading`, at idle
// priority; those of remote models, which take milliseconds and no memory worth counting, on `cpu`, behind nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/cgroup.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "engines/engine.h"
#include "models/action_stats.h"
#include "serving/acceleration.h"
#include "serving/artifact_cache.h"
#include "serving/memory_budget.h"
#include "serving/remote/remote_environment.h"
#include "serving/scheduler.h"
#include "serving/servable.h"

namespace mlnode::serving {

enum class LocalState : std::uint8_t { kLoading, kReady, kFailed };

// What this node holds or tries to hold of a model.
struct LocalModel {
  ModelId model;
  models::FunctionName function = models::FunctionName::kTextEmbedding;
  std::uint64_t generation = 0;  // of the plan it was loaded for
  LocalState state = LocalState::kLoading;
  Phase phase = Phase::kQueued;
  std::uint64_t done_bytes = 0, total_bytes = 0;
  std::optional<Error> error;        // kFailed
  std::optional<ServableInfo> info;  // kReady
  SteadyTime last_used = {};         // kReady: its load, a deploy, the beginning or end of a prediction
  // kReady, and loaded anew beside what serves, because its plan asks for another precision now.
  struct Reload {
    std::uint64_t generation = 0;
    Phase phase = Phase::kQueued;
    std::uint64_t done_bytes = 0, total_bytes = 0;
  };
  std::optional<Reload> reload = {};
};

struct LocalEnvironment {
  storage::Store& store;
  ArtifactCache& cache;
  engines::EngineRegistry& engines;
  MemoryBudget& budget;
  Scheduler& queue;
  Executor& loading;  // one thread of low priority
  Executor& cpu;
  const Clock& clock;
  Metrics& metrics;
  models::ActionStats& actions;  // predictions are counted there
  int lanes = 1;
  AccelerationOptions acceleration = {};
  // How many of the newest predictions of each model are remembered.
  WindowLimit monitored_requests = std::make_shared<const std::atomic<std::int64_t>>(100);
  // What the process holds in memory that is not page cache, for measuring a load; a simulation passes its own.
  std::function<std::uint64_t()> memory_used = [] { return ProcessMemoryBytes(); };
  const RemoteEnvironment* remote = nullptr;  // null: no remote model can be loaded
};

class LocalModels {
 public:
  static std::unique_ptr<LocalModels> Create(LocalEnvironment environment);
  // Cancels loads, takes all models out of service, cancels what waits and frees what nobody uses; does not wait. A
  // load or an engine call that runs on another thread still uses the environment: stop the executors before it goes,
  // and the front door first. Tasks that have not begun do nothing any more.
  virtual ~LocalModels() = default;

  // Begins to load, or notes the new generation of what is already loaded or loading (no reload), unless
  // spec.reference_precision is another one and that makes a difference: then a load begins anew, and a ready model is
  // loaded beside itself and replaced at once when that is ready. If there is no memory for both, or the load fails, it
  // goes first. A failed one is tried again. `changed` is called at each phase change and at the end, on `loading`; on
  // the caller's thread, inside Load or Unload or where a model is freed, when `loading` takes no load now; not at all
  // after Unload. It is a notice: read List() then, and also from time to time, for the one of a load that was known
  // already may be lost when `loading` is full.
  virtual void Load(LoadSpec spec, std::uint64_t generation, std::function<void(const ModelId&)> changed) = 0;
  // Cancels a load (it stops at its next step) or takes a ready model out of service at once and frees it on `loading`
  // when the last prediction has ended; after `drain` those that still wait are cancelled. Gone from List() at once.
  // Absent is fine.
  virtual void Unload(const ModelId& model, Duration drain) = 0;
  // Ready models only. Lock-free; the pointer keeps the model alive.
  virtual std::shared_ptr<Servable> Find(const ModelId& model) const = 0;
  virtual std::vector<LocalModel> List() const = 0;  // by id
  // Removes what is unpacked on disk of other contents (lower-case SHA-256) than these and not in use. Blocks on files.
  virtual void KeepArtifacts(const std::set<std::string>& content_hashes) = 0;
};

}  // namespace mlnode::serving
