#include "simulation/invariants.h"

#include <algorithm>
#include <array>
#include <utility>

#include "deploy/reconcile.h"

namespace mlnode::simulation {
namespace {

using deploy::ModelState;
using deploy::Outcome;
using deploy::Placement;
using deploy::PlacementState;
using deploy::Plan;
using deploy::PlanMode;
using tasks::TaskRecord;
using tasks::TaskState;

bool Named(const Facts& facts, const TaskId& task) {
  return std::ranges::any_of(facts.plans,
                             [&](const Plan& plan) { return std::ranges::find(plan.tasks, task) != plan.tasks.end(); });
}

// progress-has-owner: what is in progress has somebody who ends it, and a deadline.
void CheckOwners(World& world, const Facts& facts) {
  for (const TaskRecord& task : facts.tasks) {
    if (tasks::IsTerminal(task.state) || Named(facts, task.id)) continue;
    if (task.owner.node.empty()) world.Violate("task " + task.id.str() + " has no owner and no plan");
    if (task.deadline <= task.create_time) world.Violate("task " + task.id.str() + " has no deadline");
  }
  for (const Plan& plan : facts.plans) {
    const bool open = plan.mode != PlanMode::kNone && !plan.outcome;
    if (open && plan.deadline <= plan.requested_at) world.Violate("plan " + plan.model.str() + " has no deadline");
  }
}

// failure-has-cause
void CheckCauses(World& world, const Facts& facts) {
  for (const TaskRecord& task : facts.tasks) {
    const bool failed = task.state == TaskState::kFailed || task.state == TaskState::kCompletedWithError;
    if (failed && task.error.value_or("").empty()) world.Violate("task " + task.id.str() + " failed without a cause");
    if (task.state == TaskState::kCompleted && task.error)
      world.Violate("task " + task.id.str() + " completed with a cause");
  }
  for (const Plan& plan : facts.plans) {
    if (plan.outcome && plan.outcome->kind != Outcome::Kind::kDeployed && plan.outcome->reason.empty()) {
      world.Violate("plan " + plan.model.str() + " ended without a cause");
    }
  }
  for (const Placement& placement : facts.placements) {
    if (placement.state == PlacementState::kFailed && placement.reason.empty()) {
      world.Violate("placement of " + placement.model.str() + " failed without a cause");
    }
  }
}

// generation-grows: as long as the model is there. A node that has not heard of its end may write a plan anew.
void CheckGenerations(World& world, const Facts& facts) {
  for (const Plan& plan : facts.plans) {
    if (!facts.models.contains(plan.model)) continue;
    std::uint64_t& last = world.ledger().generations[plan.model];
    if (plan.generation < last) world.Violate("generation of " + plan.model.str() + " went back");
    last = plan.generation;
  }
}

// acknowledged-stays
void CheckAcknowledged(World& world, const Facts& facts) {
  for (const auto& [model, told] : world.ledger().models) {
    const bool there = facts.models.contains(model);
    if (!there && told.deletes == 0) world.Violate("registered model " + model.str() + " is lost");
    if (there && told.delete_acknowledged) world.Violate("deleted model " + model.str() + " is back");
  }
  for (const TaskId& task : world.ledger().tasks) {
    if (std::ranges::none_of(facts.tasks, [&](const TaskRecord& record) { return record.id == task; })) {
      world.Violate("acknowledged task " + task.str() + " is lost");
    }
  }
}

// task-ends-as-its-plan: the tasks that a plan names go on as long as it is open, and end as it did.
void CheckTasks(World& world, const Facts& facts) {
  std::map<TaskId, const TaskRecord*> records;
  for (const TaskRecord& task : facts.tasks) records.emplace(task.id, &task);
  for (const Plan& plan : facts.plans) {
    if (!facts.models.contains(plan.model)) continue;
    const bool open = plan.mode != PlanMode::kNone && !plan.outcome;
    const Outcome::Kind kind = plan.outcome ? plan.outcome->kind : Outcome::Kind::kCancelled;
    for (const TaskId& task : plan.tasks) {
      const auto found = records.find(task);
      if (found == records.end() || !tasks::IsTerminal(found->second->state)) continue;
      const std::string why = found->second->error.value_or("all well");
      if (open) world.Violate(fmt::format("task {} has ended before its deploy: {}", task.str(), why));
      if (!open && found->second->state != deploy::TaskStateFor(kind))
        world.Violate(fmt::format("task {} has ended otherwise than its deploy: {}", task.str(), why));
    }
  }
}

// placement-has-lease: a worker says so in the incarnation that the node which names it knows to live. dead-serves-not:
// no node that has heard all for a while names one that was not heard of for long.
void CheckWorkersOf(World& world, Member& member) {
  constexpr Duration kNotice = deploy::kLeaseDeath + std::chrono::milliseconds(1'500);
  const SteadyTime now = world.clock().Now();
  const bool well = now - member.well_since() > 2 * kNotice && !world.nested_within(2 * kNotice);
  const deploy::LivePtr live = member.core().membership().LiveNow();
  for (const auto& view : member.core().deploys().List()) {
    for (const NodeId& worker : view.deployment.workers) {
      const auto lease = std::ranges::find(*live, worker, &deploy::Lease::node);
      const bool told = lease != live->end() && std::ranges::any_of(view.placements, [&](const Placement& placement) {
                          return placement.node == worker && placement.state == PlacementState::kLoaded &&
                                 placement.incarnation == lease->incarnation;
                        });
      const auto found = std::ranges::find_if(world.members(), [&](const auto& one) { return one->id() == worker; });
      const bool gone = well && now - (*found)->last_heard() > kNotice;
      if (told && !gone) continue;
      world.Violate(fmt::format("{} takes {} for a worker of {}, which {}", member.id().str(), worker.str(),
                                view.model.id.str(), told ? "is gone" : "did not say so"));
    }
  }
}

// By one of them at a time: it takes most of a look.
void CheckWorkers(World& world) {
  Member* member = world.AnyRunning();
  if (!world.alone() && member != nullptr && !member->frozen()) CheckWorkersOf(world, *member);
}

// silence-is-not-death: who is cut off goes on to take those for alive that were, for as long as they run.
void CheckStandstill(World& world) {
  if (world.alone()) return;
  for (Member* member : world.Running()) {
    if (member->frozen()) continue;
    const deploy::LivePtr live = member->core().membership().LiveNow();
    if (member->core().store().Following()) {
      member->known_live = live;
      member->known_at = world.clock().Now();
      continue;
    }
    if (!member->known_live) continue;
    for (const auto& other : world.members()) {
      const auto is_other = [&](const deploy::Lease& lease) {
        return lease.node == other->id() && lease.incarnation == other->incarnation();
      };
      const bool ran = other->running() && other->well_since() < member->known_at;
      if (ran && std::ranges::any_of(*member->known_live, is_other) && std::ranges::none_of(*live, is_other))
        world.Violate(member->id().str() + " is cut off and takes " + other->id().str() + " for dead");
    }
  }
}

// acknowledged-stays, name-is-one-groups
void CheckGroups(World& world, const Facts& facts) {
  std::set<std::string> names;
  std::set<GroupId> there;
  for (const models::Group& group : facts.groups) {
    there.insert(group.id);
    if (!world.ledger().groups.contains(group.id)) continue;
    if (!names.insert(group.name).second) world.Violate("two groups are named " + group.name);
  }
  for (const auto& [group, told] : world.ledger().groups) {
    if (!there.contains(group) && told.deletes == 0) world.Violate("group " + group.str() + " is lost");
    if (there.contains(group) && told.delete_acknowledged) world.Violate("deleted group " + group.str() + " is back");
  }
  for (const auto& [model, told] : world.ledger().models) {
    const auto group = facts.group_of.find(model);
    if (group != facts.group_of.end() && !there.contains(group->second))
      world.Violate("model " + model.str() + " is of a group that is gone");
  }
}

}  // namespace

// Straight from the authority: nothing else runs meanwhile.
Facts ReadFacts(World& world) {
  using storage::Collection;
  constexpr std::array kCollections{Collection::kPlans,  Collection::kPlacements, Collection::kTasks,
                                    Collection::kModels, Collection::kLeases,     Collection::kModelGroups};
  Facts facts;
  for (const storage::DocumentPtr& document : world.authority().Read(kCollections).documents) {
    switch (document->key.collection) {
      case Collection::kPlans:
        facts.plans.push_back(deploy::ReadPlan(*document).value());
        break;
      case Collection::kPlacements:
        facts.placements.push_back(deploy::ReadPlacement(*document).value());
        break;
      case Collection::kTasks:
        facts.tasks.push_back(tasks::ReadTask(*document).value());
        break;
      case Collection::kLeases:
        facts.leases.push_back(deploy::ReadLease(*document).value());
        break;
      case Collection::kModelGroups:
        facts.groups.push_back(models::ReadGroup(*document).value());
        break;
      default: {
        const ModelId model(document->key.id);
        facts.models.insert(model);
        facts.uploads_owned.insert(models::UploadOf(*document).value());
        if (const json::value* group = document->body.if_contains("model_group_id"))
          facts.group_of.emplace(model, GroupId(std::string(group->as_string())));
      }
    }
  }
  return facts;
}

void CheckAlways(World& world) {
  const World::Still still(world);
  const Facts facts = ReadFacts(world);
  CheckOwners(world, facts);
  CheckCauses(world, facts);
  CheckGenerations(world, facts);
  CheckAcknowledged(world, facts);
  CheckGroups(world, facts);
  CheckTasks(world, facts);
  CheckWorkers(world);
  CheckStandstill(world);
}

void CheckNoOrphans(World& world) {
  const Facts facts = ReadFacts(world);
  const auto uploads = world.authority().ListUploads();
  for (const auto& upload : *uploads) {
    if (!facts.uploads_owned.contains(upload.id)) world.Violate("orphan parts of upload " + upload.id.str());
  }
  constexpr std::array kControllers{storage::Collection::kControllers};
  for (const storage::DocumentPtr& controller : world.authority().Read(kControllers).documents) {
    const ModelId model(controller->key.id);
    if (!facts.models.contains(model)) world.Violate("controller of deleted model " + model.str());
  }
}

}  // namespace mlnode::simulation
