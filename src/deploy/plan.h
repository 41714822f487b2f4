// deploy/plan.h: the four documents of deployment (docs/formats/deployment.md).
//   plan/<model>              what is wanted; written by requests and closed by the reconciler
//   placement/<node>/<model>  what a node made of it; written by that node only; counts while that incarnation lives
//   lease/<node>              that the node lives; rewritten each second
//   begun/<node>              loads that its processes have begun and not seen end; written by that node only
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
  // Planned nodes differ in what they can run faster than f32 at, so that all run at f32 and give the same answers
  // (mlnode.cluster.mixed_precision is off). Set with each generation.
  bool reference_precision = false;
  std::uint64_t revision = 0;
};

// Processes of one node that began to load a model, one after the other, and did not live to see the load end.
struct BegunLoad {
  std::uint64_t generation = 0;   // of the plan; for another one it says nothing
  std::uint64_t incarnation = 0;  // of the last of them
  std::uint64_t count = 0;
  bool operator==(const BegunLoad&) const = default;
};
using BegunLoads = std::map<ModelId, BegunLoad>;

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
  // What follows came with clusters; a lease without them reads as these defaults.
  std::map<std::string, std::string> attributes = {};  // mlnode.node.attributes
  std::uint64_t memory_bytes = 0;                      // limit of its memory budget
  std::uint64_t lanes = 0;
  std::string fast_precision = {};  // engines::Bf16Kind, empty: f32 only
  bool leaving = false;             // it stops: nothing new is sent there, what it holds is no longer counted
  std::uint64_t revision = 0;
};

// The plan after everything was undeployed: the next generation, mode kNone, no outcome. Keeps the tasks.
Plan Undeployed(Plan plan, EpochMillis now);

storage::Key PlanKey(const ModelId& model);
storage::Key PlacementKey(const NodeId& node, const ModelId& model);
storage::Key LeaseKey(const NodeId& node);
storage::Key BegunKey(const NodeId& node);

// Is the model wanted nowhere: its plan, as the replica has it, says so. For whoever may not read a whole plan; about a
// microsecond. False without a plan.
bool IsUndeployed(const storage::Store& store, const ModelId& model);
// As cheap, for whoever has the documents. Does the plan want the model on the node, as far as it names nodes.
bool PlansFor(const storage::Document& plan, const NodeId& node);
// Does the placement say that this incarnation holds the model.
bool SaysLoaded(const storage::Document& placement, std::uint64_t incarnation);
// Did this incarnation write the placement, and not that nobody uses the model.
bool SaysInUse(const storage::Document& placement, std::uint64_t incarnation);

Result<Plan> ReadPlan(const storage::Document& document);
Result<Placement> ReadPlacement(const storage::Document& document);
Result<Lease> ReadLease(const storage::Document& document);
Result<BegunLoads> ReadBegun(const storage::Document& document);
json::object StoredForm(const Plan& plan);
json::object StoredForm(const Placement& placement);
json::object StoredForm(const Lease& lease);
json::object StoredForm(const BegunLoads& begun);

}  // namespace mlnode::deploy
