// models/action_stats.h: what this node did with models since its process began, counted by function and by model
// (spec/tasks-profile-stats-settings §3). In memory only. Owner: NodeCore. Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "core/guarded.h"
#include "core/id.h"
#include "core/result.h"
#include "models/function_traits.h"

namespace mlnode::models {

enum class Action : std::uint8_t { kRegister, kDeploy, kUndeploy, kPredict };
inline constexpr std::size_t kActionCount = 4;
std::string_view ActionName(Action action);  // "register", ...

struct ActionCount {
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
};
using ActionCounts = std::array<ActionCount, kActionCount>;  // by Action

// Is this the node's failure. What the caller got wrong, asked too much of or took back is none, as with the peer.
bool IsNodeFailure(const Error& error);

// Counters that are written by many and read now and then.
class AtomicActionCounts {
 public:
  void AddRequest(Action action) { At(action).requests.fetch_add(1, std::memory_order_relaxed); }
  void AddFailure(Action action) { At(action).failures.fetch_add(1, std::memory_order_relaxed); }
  ActionCounts Read() const;

 private:
  struct Count {
    std::atomic<std::uint64_t> requests{0}, failures{0};
  };
  Count& At(Action action) { return counts_[static_cast<std::size_t>(action)]; }
  std::array<Count, kActionCount> counts_;
};

// The counters of one model together with those of its function. Cost of a call: two atomic additions.
class ModelActions {
 public:
  explicit ModelActions(AtomicActionCounts& function) : function_(function) {}
  void Request(Action action);
  // Nothing unless IsNodeFailure. The peer counts failed predictions by model, other failures by function only.
  void Failure(Action action, const Error& error);
  ActionCounts Read() const { return own_.Read(); }

 private:
  AtomicActionCounts& function_;
  AtomicActionCounts own_;
};

class ActionStats {
 public:
  // Models that are remembered, deleted ones too. Beyond it one that nobody holds is forgotten.
  static constexpr std::size_t kMaxModels = 10'000;

  // Takes a lock: keep the result where it is needed often. It must not outlive this object.
  std::shared_ptr<ModelActions> Of(const ModelId& model, FunctionName function);
  // Of actions that have no model yet (register).
  void Request(Action action, FunctionName function);
  void Failure(Action action, FunctionName function, const Error& error);  // nothing unless IsNodeFailure

  ActionCounts OfFunction(FunctionName function) const;
  ActionCounts Total() const;  // over all functions
  std::map<ModelId, ActionCounts> Models() const;

 private:
  std::array<AtomicActionCounts, kFunctionCount> functions_;
  Guarded<std::map<ModelId, std::shared_ptr<ModelActions>>> models_;
};

}  // namespace mlnode::models
