// deploy/reconcile.h: the pure heart of deployment. No clock, no store, no threads: the same input gives the same actions, and a
// test or a simulation can ask it anything. Applying an action twice, or on two nodes at once, is harmless: each is a swap on the
// revision it was derived from.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "deploy/plan.h"
#include "serving/local_models.h"
#include "tasks/task.h"

namespace mlnode::deploy {

// ---- What the cluster must do (any one live node applies it; deploy/reconciler.h).
struct ClusterView {
  std::vector<Plan> plans;
  std::vector<Placement> placements;
  std::vector<Lease> live;             // judged by silence on the observer's own clock
  std::vector<NodeId> eligible;        // for local models, by the settings now
  std::vector<tasks::TaskRecord> tasks;  // in progress only
  std::set<ModelId> models;            // that exist
  EpochMillis now = 0;
  EpochMillis deadline_length = 0;     // mlnode.deploy.deadline_seconds
};
struct CloseDeploy {  // writes plan.outcome first, then the task: a crash in between is repaired by FinishTask
  Plan plan;
  Outcome outcome;
};
struct RenewDeadline {
  Plan plan;
  EpochMillis deadline;
};
struct MarkRunning {  // the deploy's task: CREATED → RUNNING once a node has begun
  TaskId task;
};
struct FinishTask {  // plan is closed (or gone, or of a later generation), task is not
  TaskId task;
  tasks::TaskState state;
  std::string error;
};
struct RemovePlan {  // its model is gone
  Plan plan;
};
struct RemovePlacement {  // its node is dead or its plan is gone
  Placement placement;
};
using ClusterAction = std::variant<CloseDeploy, RenewDeadline, MarkRunning, FinishTask, RemovePlan, RemovePlacement>;
std::vector<ClusterAction> Reconcile(const ClusterView& view);

// ---- What one node must do about its own part (deploy/node_agent.h).
struct NodeView {
  NodeId self;
  std::uint64_t incarnation = 0;
  std::vector<Plan> plans;
  std::vector<Placement> placements;            // own ones
  std::vector<serving::LocalModel> local;
  bool eligible = true;                         // for local models
  std::set<ModelId> retry_due;                  // failed ones whose back-off has passed
  std::set<ModelId> models;                     // that exist and are registered
};
struct StartLoad {
  ModelId model;
  std::uint64_t generation;
};
struct StartUnload {
  ModelId model;
};
struct WritePlacement {  // state as `local` shows it
  Placement placement;
};
struct DropPlacement {
  ModelId model;
};
using NodeAction = std::variant<StartLoad, StartUnload, WritePlacement, DropPlacement>;
// A plan closed as failed or cancelled is not loaded again: only a new generation does that; one closed as deployed or partial is
// loaded by every incarnation without a request, and retried while it fails for a retryable reason.
std::vector<NodeAction> ReconcileNode(const NodeView& view);

}  // namespace mlnode::deploy
