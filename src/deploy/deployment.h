// deploy/deployment.h: what clients are told about a model, derived on read from registration, plan, placements and
// live nodes. Nothing here is stored, so nothing can be stale or stuck. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/plan.h"
#include "models/model.h"

namespace mlnode::deploy {

enum class ModelState : std::uint8_t {
  kRegistering,
  kRegistered,
  kDeploying,
  kDeployed,
  kPartiallyDeployed,
  kDeployFailed,
  kUndeployed
};
std::string_view ModelStateName(ModelState state);  // "REGISTERING", ...

struct Deployment {
  ModelState state = ModelState::kRegistered;
  std::vector<NodeId> planned;  // kAll: the eligible nodes now; kNodes: as asked
  std::vector<NodeId>
      workers;  // planned live nodes that hold it, in the plan's generation or an earlier one (still serving); sorted
  std::vector<NodeId> loading;
  std::string reason;  // why it is not (fully) deployed; empty when it is
  // Set by who reads the documents for them, not by Derive.
  bool has_controller = false;
  std::uint64_t redeploys = 0;  // how often in a row a node began to load it again and did not live to see the end
};

// Does its node live in the incarnation that wrote it.
bool Lives(const Placement& placement, const std::vector<Lease>& live);
// Does the placement count: its node lives in that incarnation and does not leave.
bool Counts(const Placement& placement, const std::vector<Lease>& live);
// Nodes that should hold the model, sorted. kAll: `eligible`; kNodes: as asked for, dead ones too; kNone: none.
std::vector<NodeId> PlannedNodes(const Plan& plan, const std::vector<NodeId>& eligible);
// Do those of these nodes that live differ in what they can run faster than f32 at (Lease::fast_precision).
bool KindsDiffer(const std::vector<NodeId>& nodes, const std::vector<Lease>& live);
// Why each of these nodes does not hold the model, as clients read it: the JSON text {"<node id>":"<message>"}.
std::string FailureText(const std::map<NodeId, std::string>& failures);
inline constexpr std::string_view kNodeGone = "The node is not part of the cluster";
inline constexpr std::string_view kNodeLeaves = "The node is stopping";
inline constexpr std::string_view kNodeNotEligible = "The node is not eligible for this kind of model";
inline constexpr std::string_view kNoEligibleNode = "no eligible node found";

// `placements`: of this model, any node; those that do not count are ignored, as are failures of an earlier generation.
// Rules, first match:  not REGISTERED → kRegistering | no plan → kRegistered | mode none → kUndeployed
//   | outcome failed or cancelled and no worker → kDeployFailed
//   | the deploy ended, and settings keep all planned nodes from it → kUndeployed | all planned loaded → kDeployed
//   | some planned live eligible node still loading or not yet begun, and no outcome yet or no worker → kDeploying
//   | some loaded → kPartiallyDeployed | none → kDeployFailed.
// So a closed deployment that a node still serves is never shown as DEPLOYING while another node of it (re)loads.
Deployment Derive(const models::Model& model, const std::optional<Plan>& plan, const std::vector<Placement>& placements,
                  const std::vector<Lease>& live, const std::vector<NodeId>& eligible);

// The model as GET shows it: PublicForm plus model_state, planning_worker_node_count, current_worker_node_count,
// planning_worker_nodes, deploy_to_all_nodes, last_deployed_time, last_updated_time (the deployment's too),
// auto_redeploy_retry_times (after a first success: restarts that ended while loading it), is_controller_enabled
// (spec/lifecycle §6.2: absent unless set; each at its place in the peer's order).
json::object RenderModel(const models::Model& model, const std::optional<Plan>& plan, const Deployment& deployment);

}  // namespace mlnode::deploy
