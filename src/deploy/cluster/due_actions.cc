#include "deploy/cluster/due_actions.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

namespace mlnode::deploy {
namespace {

std::string OfPlan(std::string_view what, const Plan& plan) {
  return fmt::format("{} {} {}", what, plan.model.str(), plan.revision);
}

std::string Identity(const CloseDeploy& action) { return OfPlan("close", action.plan); }
std::string Identity(const WithdrawIdle& action) { return OfPlan("withdraw", action.plan); }
std::string Identity(const RenewDeadline& action) { return OfPlan("renew", action.plan); }
std::string Identity(const UnifyPrecision& action) { return OfPlan("unify", action.plan); }
std::string Identity(const RemovePlan& action) { return OfPlan("remove", action.plan); }
// A task ends once: whatever else is written to it, that stays to be done.
std::string Identity(const MarkRunning& action) { return fmt::format("run {}", action.task.str()); }
std::string Identity(const FinishTask& action) { return fmt::format("finish {}", action.task.str()); }
std::string Identity(const RemovePlacement& action) {
  return fmt::format("placement {} {} {}", action.placement.node.str(), action.placement.model.str(),
                     action.placement.revision);
}
std::string Identity(const RemoveLease& action) {
  return fmt::format("lease {} {}", action.lease.node.str(), action.lease.revision);
}

}  // namespace

bool Leads(const NodeId& self, const std::vector<Lease>& live) {
  const Lease* first = nullptr;
  for (const Lease& lease : live) {
    if (!lease.leaving && (first == nullptr || lease.node < first->node)) first = &lease;
  }
  return first == nullptr || first->node == self;
}

std::string IdentityOf(const ClusterAction& action) {
  return std::visit([](const auto& one) { return Identity(one); }, action);
}

Place PlaceOf(const NodeId& self, const std::vector<Lease>& live) {
  if (live.empty() || std::ranges::all_of(live, &Lease::leaving)) return {};
  Place place{.before = 0, .of = 0};
  for (const Lease& lease : live) {
    if (lease.leaving) continue;
    ++place.of;
    if (lease.node < self) ++place.before;
  }
  place.of = std::max(place.of, place.before + 1);
  return place;
}

std::vector<ClusterAction> DueActions::Take(std::vector<ClusterAction> actions, Place place, SteadyTime now) {
  std::map<std::string, SteadyTime> since;
  std::erase_if(actions, [&](const ClusterAction& action) {
    std::string identity = IdentityOf(action);
    const auto known = since_.find(identity);
    const SteadyTime began = known == since_.end() ? now : known->second;
    // Nodes whose hashes differ both act, which is harmless.
    const std::size_t before = std::holds_alternative<RemovePlacement>(action)
                                   ? (place.before + std::hash<std::string>()(identity)) % place.of
                                   : place.before;
    since.emplace(std::move(identity), began);
    return now - began < std::min(static_cast<std::int64_t>(before) * kGrace, kLongestGrace);
  });
  since_ = std::move(since);
  return actions;
}

}  // namespace mlnode::deploy
