// deploy/testing/documents.h: plans, placements and leases for tests, each in one line.
#pragma once

#include <string>
#include <vector>

#include "deploy/plan.h"
#include "models/model.h"

namespace mlnode::deploy::testing {

inline constexpr std::uint64_t kIncarnation = 11;

inline std::vector<NodeId> Nodes(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

inline Lease LeaseOf(const std::string& node, std::uint64_t incarnation = kIncarnation) {
  Lease lease;
  lease.node = NodeId(node);
  lease.incarnation = incarnation;
  lease.name = node;
  return lease;
}

inline std::vector<Lease> Leases(const std::vector<std::string>& nodes) {
  std::vector<Lease> leases;
  for (const std::string& node : nodes) leases.push_back(LeaseOf(node));
  return leases;
}

// Generation 3 of model "m"; deadline 10,000.
inline Plan PlanOf(PlanMode mode, const std::vector<std::string>& nodes = {}) {
  Plan plan{.model = ModelId("m"), .mode = mode};
  plan.nodes = Nodes(nodes);
  plan.to_all = mode == PlanMode::kAll;
  plan.generation = 3;
  plan.deadline = 10'000;
  plan.revision = 30;
  return plan;
}

inline Plan Closed(Plan plan, Outcome::Kind kind, std::string reason = {}) {
  plan.outcome = Outcome{.kind = kind, .at = 500, .reason = std::move(reason)};
  return plan;
}

inline Placement PlacementOf(const std::string& node, PlacementState state, std::uint64_t generation = 3) {
  Placement placement{.node = NodeId(node), .model = ModelId("m"), .generation = generation};
  placement.incarnation = kIncarnation;
  placement.state = state;
  placement.revision = 20;
  if (state == PlacementState::kFailed) placement.reason = "broken on " + node;
  return placement;
}

inline models::Model ModelOf(models::Registration registration = models::Registration::kRegistered) {
  models::Model model;
  model.id = ModelId("m");
  model.name = "m";
  model.registration = registration;
  return model;
}

}  // namespace mlnode::deploy::testing
