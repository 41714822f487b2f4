// deploy/deployment.h: what clients are told about a model, derived on read from registration, plan, placements and live nodes.
// Nothing here is stored, so nothing can be stale or stuck. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deploy/plan.h"
#include "models/model.h"

namespace mlnode::deploy {

enum class ModelState : std::uint8_t {
  kRegistering, kRegistered, kDeploying, kDeployed, kPartiallyDeployed, kDeployFailed, kUndeployed
};
std::string_view ModelStateName(ModelState state);  // "REGISTERING", ...

struct Deployment {
  ModelState state = ModelState::kRegistered;
  std::vector<NodeId> planned;  // kAll: the eligible nodes now; kNodes: as asked
  std::vector<NodeId> workers;  // live nodes that hold it in the plan's generation (or an earlier one: still serving), sorted
  std::vector<NodeId> loading;
  std::string reason;           // why it is not (fully) deployed; empty when it is
};

// `placements`: of this model, any node; those of dead nodes or old incarnations are ignored (live: the nodes that count).
// Rules, first match:  not REGISTERED → kRegistering | no plan → kRegistered | mode none → kUndeployed (never deployed: kRegistered)
//   | outcome failed or cancelled and no worker → kDeployFailed | all planned loaded → kDeployed
//   | some planned still loading or not yet begun, outcome absent or deployed → kDeploying
//   | some loaded → kPartiallyDeployed | none → kDeployFailed.
Deployment Derive(const models::Model& model, const std::optional<Plan>& plan, const std::vector<Placement>& placements,
                  const std::vector<Lease>& live, const std::vector<NodeId>& eligible);

// The model as GET shows it: PublicForm plus model_state, planning_worker_node_count, current_worker_node_count,
// planning_worker_nodes, deploy_to_all_nodes, last_deployed_time (spec/lifecycle §6.2: absent unless set; order as golden).
json::object RenderModel(const models::Model& model, const std::optional<Plan>& plan, const Deployment& deployment);

}  // namespace mlnode::deploy
