#include "deploy/deployment.h"

#include <algorithm>
#include <array>

namespace mlnode::deploy {
namespace {

const Lease* LeaseOf(const Placement& placement, const std::vector<Lease>& live) {
  const auto found = std::ranges::find_if(live, [&](const Lease& lease) {
    return lease.node == placement.node && lease.incarnation == placement.incarnation;
  });
  return found == live.end() ? nullptr : &*found;
}

constexpr std::string_view kNotYet = "The node has not loaded the model yet";

// What the planned nodes made of the plan.
struct Tally {
  std::map<NodeId, std::string> failures;  // of those that do not hold it, why
  bool pending = false;                    // a live node is loading or has not begun
  std::size_t shut_out = 0;                // live ones that the settings keep it from
};

Tally Count(const Plan& plan, const std::vector<Placement>& placements, const std::vector<Lease>& live,
            const std::vector<NodeId>& eligible, Deployment& deployment) {
  Tally tally;
  std::map<NodeId, const Lease*> leases;
  for (const Lease& lease : live) leases.emplace(lease.node, &lease);
  std::map<NodeId, const Placement*> counting;
  for (const Placement& placement : placements) {
    const auto lease = leases.find(placement.node);
    if (lease != leases.end() && lease->second->incarnation == placement.incarnation && !lease->second->leaving)
      counting.emplace(placement.node, &placement);
  }
  for (const NodeId& node : deployment.planned) {
    const auto counts = counting.find(node);
    const Placement* const placement = counts == counting.end() ? nullptr : counts->second;
    const auto lease = leases.find(node);
    if (lease == leases.end()) {
      tally.failures.emplace(node, kNodeGone);
    } else if (lease->second->leaving) {
      tally.failures.emplace(node, kNodeLeaves);
    } else if (placement && placement->state == PlacementState::kLoaded) {
      deployment.workers.push_back(node);
    } else if (placement && placement->state == PlacementState::kFailed && placement->generation == plan.generation) {
      tally.failures.emplace(node, placement->reason);
    } else if (std::ranges::find(eligible, node) == eligible.end()) {
      tally.failures.emplace(node, kNodeNotEligible);
      ++tally.shut_out;
    } else {
      tally.pending = true;
      tally.failures.emplace(node, kNotYet);
      if (placement && placement->state == PlacementState::kLoading) deployment.loading.push_back(node);
    }
  }
  return tally;
}

ModelState StateOf(const Plan& plan, const Tally& tally, const Deployment& deployment) {
  const bool serving = !deployment.workers.empty();
  const bool given_up =
      plan.outcome && (plan.outcome->kind == Outcome::Kind::kFailed || plan.outcome->kind == Outcome::Kind::kCancelled);
  if (given_up && !serving) return ModelState::kDeployFailed;
  const bool nobody_may = tally.shut_out == deployment.planned.size();
  if (plan.outcome && nobody_may && !serving) return ModelState::kUndeployed;
  if (serving && deployment.workers.size() == deployment.planned.size()) return ModelState::kDeployed;
  if (tally.pending && (!plan.outcome || !serving)) return ModelState::kDeploying;
  return serving ? ModelState::kPartiallyDeployed : ModelState::kDeployFailed;
}

// A change of what is deployed is one of the model's, as clients see it.
EpochMillis LastUpdated(const models::Model& model, const Plan& plan) {
  const EpochMillis ended = plan.outcome ? plan.outcome->at : 0;
  return std::max({model.last_updated_time.value_or(0), plan.requested_at, ended});
}

// The peer's order of a model's fields, as far as ours must find their places between the others.
int Rank(std::string_view key) {
  constexpr std::array<std::string_view, 6> kHead{"name",        "model_group_id", "algorithm",
                                                  "description", "model_version",  "model_format"};
  if (std::ranges::find(kHead, key) != kHead.end()) return 0;
  if (key == "model_state") return 1;
  if (key == "is_controller_enabled" || key == "last_deployed_time") return 3;
  if (key == "auto_redeploy_retry_times") return 4;
  if (key == "total_chunks") return 5;
  if (key.starts_with("planning_worker_node") || key == "current_worker_node_count" || key == "deploy_to_all_nodes")
    return 6;
  if (key == "is_hidden") return 7;
  return 2;
}

}  // namespace

std::string_view ModelStateName(ModelState state) {
  switch (state) {
    case ModelState::kRegistering:
      return "REGISTERING";
    case ModelState::kRegistered:
      return "REGISTERED";
    case ModelState::kDeploying:
      return "DEPLOYING";
    case ModelState::kDeployed:
      return "DEPLOYED";
    case ModelState::kPartiallyDeployed:
      return "PARTIALLY_DEPLOYED";
    case ModelState::kDeployFailed:
      return "DEPLOY_FAILED";
    case ModelState::kUndeployed:
      return "UNDEPLOYED";
  }
  return "";
}

bool Lives(const Placement& placement, const std::vector<Lease>& live) { return LeaseOf(placement, live) != nullptr; }

bool Counts(const Placement& placement, const std::vector<Lease>& live) {
  const Lease* lease = LeaseOf(placement, live);
  return lease != nullptr && !lease->leaving;
}

std::vector<NodeId> PlannedNodes(const Plan& plan, const std::vector<NodeId>& eligible) {
  std::vector<NodeId> nodes;
  if (plan.mode == PlanMode::kAll) nodes = eligible;
  if (plan.mode == PlanMode::kNodes) nodes = plan.nodes;
  std::ranges::sort(nodes);
  return nodes;
}

bool KindsDiffer(const std::vector<NodeId>& nodes, const std::vector<Lease>& live) {
  std::optional<std::string> kind;
  for (const Lease& lease : live) {
    if (std::ranges::find(nodes, lease.node) == nodes.end()) continue;
    if (kind && *kind != lease.fast_precision) return true;
    kind = lease.fast_precision;
  }
  return false;
}

std::string FailureText(const std::map<NodeId, std::string>& failures) {
  json::object text;
  for (const auto& [node, why] : failures) text[node.str()] = why;
  return ToJson(text);
}

Deployment Derive(const models::Model& model, const std::optional<Plan>& plan, const std::vector<Placement>& placements,
                  const std::vector<Lease>& live, const std::vector<NodeId>& eligible) {
  Deployment deployment;
  Tally tally;
  if (plan) {
    deployment.planned = PlannedNodes(*plan, eligible);
    tally = Count(*plan, placements, live, eligible, deployment);
  }
  if (model.registration != models::Registration::kRegistered) {
    deployment.state = ModelState::kRegistering;
  } else if (!plan) {
    deployment.state = ModelState::kRegistered;
  } else if (plan->mode == PlanMode::kNone) {
    deployment.state = ModelState::kUndeployed;
  } else {
    deployment.state = StateOf(*plan, tally, deployment);
  }
  const bool withheld = plan && plan->mode != PlanMode::kNone && deployment.state == ModelState::kUndeployed;
  if (withheld || deployment.state == ModelState::kDeployFailed || deployment.state == ModelState::kPartiallyDeployed) {
    const bool told = plan->outcome && !plan->outcome->reason.empty() && deployment.workers.empty();
    if (told) {
      deployment.reason = plan->outcome->reason;
    } else if (deployment.planned.empty()) {
      deployment.reason = kNoEligibleNode;
    } else if (!tally.failures.empty()) {
      deployment.reason = FailureText(tally.failures);
    }
  }
  return deployment;
}

json::object RenderModel(const models::Model& model, const std::optional<Plan>& plan, const Deployment& deployment) {
  constexpr std::string_view kLastUpdated = "last_updated_time";
  std::vector<std::pair<std::string, json::value>> ours;
  ours.emplace_back("model_state", ModelStateName(deployment.state));
  if (deployment.has_controller) ours.emplace_back("is_controller_enabled", true);
  if (plan && plan->last_deployed_time) {
    ours.emplace_back("last_deployed_time", *plan->last_deployed_time);
    if (plan->succeeded) ours.emplace_back("auto_redeploy_retry_times", plan->outcome ? deployment.redeploys : 0);
  }
  if (plan) {
    ours.emplace_back("planning_worker_node_count", deployment.planned.size());
    ours.emplace_back("current_worker_node_count", deployment.workers.size());
    json::array planned;
    for (const NodeId& node : deployment.planned) planned.emplace_back(node.str());
    if (!planned.empty()) ours.emplace_back("planning_worker_nodes", std::move(planned));
    if (plan->to_all) ours.emplace_back("deploy_to_all_nodes", true);
  }
  json::object rendered;
  auto next = ours.begin();
  const auto emit_before = [&](int rank) {
    for (; next != ours.end() && Rank(next->first) < rank; ++next) rendered[next->first] = std::move(next->second);
  };
  for (const auto& field : models::PublicForm(model)) {
    emit_before(Rank(field.key()));
    rendered[field.key()] = field.value();
    if (plan && field.key() == kLastUpdated) rendered[kLastUpdated] = LastUpdated(model, *plan);
  }
  emit_before(Rank("is_hidden") + 1);
  return rendered;
}

}  // namespace mlnode::deploy
