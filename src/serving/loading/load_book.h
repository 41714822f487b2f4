// serving/loading/load_book.h: what LocalModels knows of each model: what it holds, what it is about to hold, and which
// load comes next. Threads: none of its own; used with the lock of its owner (local_models.cc), and calls nobody.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "serving/load_spec.h"
#include "serving/local_models.h"
#include "serving/served_model.h"

namespace mlnode::serving {

using LoadNotice = std::function<void(const ModelId&)>;

// One load, from its beginning to its end or its cancellation.
struct LoadAttempt {
  explicit LoadAttempt(LoadSpec s) : spec(std::move(s)) {}
  const LoadSpec spec;
  const bool remote = !models::TraitsOf(spec.function).local;
  std::atomic<bool> cancelled{false};
};

struct LoadEntry {
  LocalModel shown;
  LoadSpec spec;  // kReady: what it was loaded by
  LoadNotice changed;
  std::shared_ptr<LoadAttempt> attempt;  // kLoading, or kReady and loaded anew (shown.reload)
  bool waits_for_memory = false;         // kLoading: until a drain ends
  std::shared_ptr<ServedModel> model;    // kReady
  std::shared_ptr<Servable> servable;    // kReady
};

struct LoadBook {
  using Dying = std::vector<std::pair<ModelId, std::unique_ptr<ServedModel>>>;
  std::map<ModelId, LoadEntry> entries;
  std::deque<ModelId> pending;  // loads that have not begun
  std::set<ModelId> draining;   // out of service, still in memory
  Dying dying;                  // nobody uses them; FreeDying is posted
  std::uint64_t freed = 0;      // models ever freed
  bool loading = false;         // a load is posted or runs
  bool stopped = false;
};

// The model is wanted in this generation by this spec: `entry` gets an attempt, in the order of what is pending, unless
// it holds such a model or is about to. `has_choice`: spec.reference_precision makes a difference (acceleration.h).
void BeginLoad(LoadBook& book, LoadEntry& entry, LoadSpec spec, std::uint64_t generation, bool has_choice);
// Ends the attempt of an entry, if it has one; what it holds stays.
void CancelLoad(LoadBook& book, LoadEntry& entry);

}  // namespace mlnode::serving
