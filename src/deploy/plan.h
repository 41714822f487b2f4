// deploy/plan.h: the three documents of deployment (docs/formats/deployment.md).
//   plan/<model>              what is wanted; written by requests and closed by the reconciler
//   placement/<node>/<model>  what a node made of it; written by that node only; counts while that incarnation lives
//   lease/<node>              that the node lives; rewritten each second
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/result.h"
#include "storage/store.h"

namespace mlnode::deploy {

inline constexpr Duration kLeaseBeat = std::chrono::seconds(1);
inline constexpr Duration kLeaseDeath = std::chrono::seconds(5);  // silence after which a node counts as dead

enum class PlanMode : std::uint8_t { kNone, kAll, kNodes };  // kNone: undeployed

// How the deploy of this generation ended; absent while it has not.
struct Outcome {
  enum class Kind : std::uint8_t { kDeployed, kPartial, kFailed, kCancelled } kind;
  EpochMillis at = 0;
  std::string reason = {};  // the task's error text; empty when all went well
};

// Processes of one node that began to load the model, one after the other, and did not live to see the load end.
struct LoadAttempts {
  std::uint64_t incarnation = 0;  // the last of them
  std::uint64_t count = 0;
};

struct Plan {
  ModelId model;
  PlanMode mode = PlanMode::kNone;
  std::vector<NodeId> nodes =
      {};                        // kNodes: as asked for; kAll: eligible when asked, for the task and the document only
  bool to_all = false;           // mode is kAll, or was when all was undeployed: what deploy_to_all_nodes shows
  std::uint64_t generation = 0;  // grows with every request; never back
  // The tasks that end with this plan: the one of this generation, those of open deploys it joined, and after an
  // undeploy those it cancelled. A task leaves this list only after it is terminal, so no task is forgotten.
  std::vector<TaskId> tasks = {};
  EpochMillis requested_at = 0;
  EpochMillis deadline = 0;  // no progress until then: the deploy has failed. Renewed by the reconciler on progress.
  std::optional<Outcome> outcome = {};
  std::optional<EpochMillis> last_deployed_time = {};
  bool early = false;      // asked for before the model was complete: a failure says nothing of what it is now
  bool remote = false;     // of a remote model, for which other nodes are eligible (membership.h)
  bool succeeded = false;  // a deploy has ended well enough (model_auto_redeploy_success_ratio) since it was registered
  // Written by the node before it loads, taken out when the load ended; a new generation has none.
  std::map<NodeId, LoadAttempts> attempts = {};
  std::uint64_t revision = 0;
};

enum class PlacementState : std::uint8_t { kLoading, kLoaded, kFailed };

struct Placement {
  NodeId node;
  ModelId model;
  std::uint64_t generation = 0;
  std::uint64_t incarnation = 0;
  PlacementState state = PlacementState::kLoading;
  std::string phase = {};  // kLoading: serving::PhaseName
  std::uint64_t done_bytes = 0, total_bytes = 0;
  std::string reason = {};        // kFailed: message for the client
  bool retryable = false;         // kFailed: the same may work later (memory, disk, store), not a broken model
  bool expired = false;           // kLoaded: nobody used it for as long as deploy_setting.model_ttl_minutes says
  EpochMillis since = 0;          // of this state
  EpochMillis progressed_at = 0;  // kLoading: when phase or bytes last changed
  std::uint64_t revision = 0;
};

struct Lease {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::uint64_t beat = 0;
  std::string name;
  std::vector<std::string> roles;  // sorted
  std::string address;             // host:port of its HTTP
  std::string version;
  EpochMillis started_at = 0;
  std::uint64_t revision = 0;
};

// The plan after everything was undeployed: the next generation, mode kNone, no outcome. Keeps the tasks.
Plan Undeployed(Plan plan, EpochMillis now);

storage::Key PlanKey(const ModelId& model);
storage::Key PlacementKey(const NodeId& node, const ModelId& model);
storage::Key LeaseKey(const NodeId& node);

// Is the model wanted nowhere: its plan, as the replica has it, says so. For whoever may not read a whole plan; about a
// microsecond. False without a plan.
bool IsUndeployed(const storage::Store& store, const ModelId& model);

Result<Plan> ReadPlan(const storage::Document& document);
Result<Placement> ReadPlacement(const storage::Document& document);
Result<Lease> ReadLease(const storage::Document& document);
json::object StoredForm(const Plan& plan);
json::object StoredForm(const Placement& placement);
json::object StoredForm(const Lease& lease);

}  // namespace mlnode::deploy
