#include "simulation/invariants.h"

#include <algorithm>
#include <array>
#include <set>

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

struct Facts {
  std::vector<Plan> plans;
  std::vector<Placement> placements;
  std::vector<TaskRecord> tasks;
  std::set<ModelId> models;
  std::set<UploadId> uploads_owned;
  std::vector<deploy::Lease> leases;
};

// Straight from the disk: nothing else runs meanwhile.
Facts Read(World& world) {
  using storage::Collection;
  constexpr std::array kCollections{Collection::kPlans, Collection::kPlacements, Collection::kTasks,
                                    Collection::kModels, Collection::kLeases};
  Facts facts;
  for (const storage::DocumentPtr& document : world.disk().Read(kCollections).documents) {
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
      default:
        facts.models.insert(ModelId(document->key.id));
        facts.uploads_owned.insert(models::UploadOf(*document).value());
    }
  }
  return facts;
}

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

// generation-grows
void CheckGenerations(World& world, const Facts& facts) {
  for (const Plan& plan : facts.plans) {
    std::uint64_t& last = world.ledger().generations[plan.model];
    if (plan.generation < last) world.Violate("generation of " + plan.model.str() + " went back");
    last = plan.generation;
  }
}

// acknowledged-stays
void CheckAcknowledged(World& world, const Facts& facts) {
  for (const auto& [model, told] : world.ledger().models) {
    const bool there = facts.models.contains(model);
    if (!there && !told.delete_tried) world.Violate("registered model " + model.str() + " is lost");
    if (there && told.delete_acknowledged) world.Violate("deleted model " + model.str() + " is back");
  }
  for (const TaskId& task : world.ledger().tasks) {
    if (std::ranges::none_of(facts.tasks, [&](const TaskRecord& record) { return record.id == task; })) {
      world.Violate("acknowledged task " + task.str() + " is lost");
    }
  }
}

// rest-is-terminal, state-is-true
void CheckModels(World& world, const Facts& facts) {
  const auto local = world.node().local_models().List();
  for (const auto& view : world.node().deploys().List()) {
    const std::string& id = view.model.id.str();
    const auto& deployment = view.deployment;
    const bool here = world.node().local_models().Find(view.model.id) != nullptr;
    const bool serves = deployment.state == ModelState::kDeployed || deployment.state == ModelState::kPartiallyDeployed;
    if (deployment.state == ModelState::kDeploying) world.Violate("model " + id + " is DEPLOYING for ever");
    if (deployment.state == ModelState::kDeployFailed && deployment.reason.empty()) {
      world.Violate("model " + id + " is DEPLOY_FAILED without a reason");
    }
    // unused-leaves
    if (serves && view.model.passthrough == json::object{{"deploy_setting", json::object{{"model_ttl_minutes", 0}}}})
      world.Violate("model " + id + " is deployed and may not go unused");
    if (serves != here && view.model.registration == models::Registration::kRegistered) {
      world.Violate(fmt::format("model {} is {} and {}", id, deploy::ModelStateName(deployment.state),
                                here ? "loaded" : "not loaded"));
    }
  }
  for (const auto& model : local) {
    if (model.state == serving::LocalState::kLoading) world.Violate("load of " + model.model.str() + " never ends");
    if (!facts.models.contains(model.model)) world.Violate("deleted model " + model.model.str() + " is held");
  }
}

// memory-is-counted
void CheckMemory(World& world) {
  std::uint64_t resident = World::kMemoryBase;
  std::set<std::string> contents;  // whose weights are held, once each
  for (const auto& model : world.node().local_models().List()) {
    if (model.state != serving::LocalState::kReady) continue;
    resident += model.info->resident_bytes;
    const auto document = world.node().models().Get(model.model);
    const std::string content = document ? document->content_hash.value_or("") : model.model.str();
    if (!contents.insert(content).second) resident -= model.info->weights_bytes;
  }
  const int ready = static_cast<int>(contents.size());
  if (world.node().budget().Reserved() != resident) {
    world.Violate(fmt::format("{} bytes reserved, {} in use", world.node().budget().Reserved(), resident));
  }
  if (world.engine().live_models() != ready) {
    world.Violate(fmt::format("{} models in the engine, {} contents ready", world.engine().live_models(), ready));
  }
}

}  // namespace

void CheckAlways(World& world) {
  const Facts facts = Read(world);
  CheckOwners(world, facts);
  CheckCauses(world, facts);
  CheckGenerations(world, facts);
  CheckAcknowledged(world, facts);
}

void CheckAtRest(World& world) {
  const Facts facts = Read(world);
  for (const TaskRecord& task : facts.tasks) {
    if (!tasks::IsTerminal(task.state)) world.Violate("task " + task.id.str() + " is in progress for ever");
  }
  for (const Plan& plan : facts.plans) {
    if (!facts.models.contains(plan.model)) world.Violate("plan of deleted model " + plan.model.str());
    if (plan.mode != PlanMode::kNone && !plan.outcome)
      world.Violate("deploy of " + plan.model.str() + " is open for ever");
  }
  // placement-has-lease
  for (const Placement& placement : facts.placements) {
    if (!deploy::Counts(placement, facts.leases))
      world.Violate("placement of " + placement.model.str() + " of a dead node");
    if (!facts.models.contains(placement.model)) world.Violate("placement of deleted model " + placement.model.str());
  }
  CheckModels(world, facts);
  CheckMemory(world);
  const auto limit = world.node().settings().Current()->Int("plugins.ml_commons.max_model_on_node");
  const std::string& told = world.ledger().setting;
  if (!told.empty() && std::to_string(limit) != told) world.Violate("acknowledged setting is lost");
  if (world.ledger().open_predictions != 0) world.Violate("a prediction was never answered");
}

void CheckNoOrphans(World& world) {
  const Facts facts = Read(world);
  const auto uploads = world.disk().ListUploads();
  for (const auto& upload : *uploads) {
    if (!facts.uploads_owned.contains(upload.id)) world.Violate("orphan parts of upload " + upload.id.str());
  }
  for (const models::Controller& controller : world.node().models().controllers().List()) {
    if (!facts.models.contains(controller.model))
      world.Violate("controller of deleted model " + controller.model.str());
  }
}

}  // namespace mlnode::simulation
