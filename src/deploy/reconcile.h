// deploy/reconcile.h: the pure heart of deployment. No clock, no store, no threads: the same input gives the same
// actions, and a test or a simulation can ask it anything. Applying an action twice, or on two nodes at once, is
// harmless: each is a swap on the revision it was derived from.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "deploy/plan.h"
#include "serving/local_models.h"
#include "tasks/task.h"

namespace mlnode::deploy {

// ---- What the cluster must do (one live node applies it, any may; deploy/reconciler.h).
struct ClusterView {
  std::vector<Plan> plans;
  std::vector<Placement> placements;
  std::vector<Lease> live;       // judged by silence on the observer's own clock; read after plans and placements
  std::vector<NodeId> eligible;  // for local models, by the settings now
  std::vector<tasks::TaskRecord> tasks;  // in progress only
  std::set<ModelId> models;              // that exist
  // Registration tasks whose model is complete, seen after `live`: only the task's own end is missing.
  std::map<TaskId, ModelId> registered = {};
  EpochMillis now = 0;
  EpochMillis deadline_length = 0;               // mlnode.deploy.deadline_seconds
  std::vector<NodeId> eligible_for_remote = {};  // for remote models
  double success_ratio = 0.8;         // of the nodes that hold it, for a deploy to count as a success (plan.succeeded)
  std::vector<Lease> forgotten = {};  // of nodes that are dead for long
  bool mixed_precision = false;       // mlnode.cluster.mixed_precision
  // Who lived before anything above was read: what somebody who died since wrote last may be missing above.
  std::vector<Lease> lived = {};
};
struct WithdrawIdle {  // nobody used the model for as long as its document says: as an undeploy
  Plan plan;
};
struct CloseDeploy {  // writes plan.outcome first, then the tasks: a crash in between is repaired by FinishTask
  Plan plan;
  Outcome outcome;
};
struct RenewDeadline {
  Plan plan;
  EpochMillis deadline;
};
struct MarkRunning {  // a deploy's task: CREATED → RUNNING once a node has begun
  TaskId task;
};
struct FinishTask {  // its plan is closed, or nobody is left who would end it
  TaskId task;
  tasks::TaskState state;
  std::string error;
  std::optional<ModelId> model = {};  // that it registered
  // Set: the task as it stood when it seemed to have nobody. Whoever wrote it since lives, and it is not ended; nor is
  // it when its model's plan, as the authority has it, names it.
  struct Seen {
    EpochMillis written = 0, deadline = 0;
  };
  std::optional<Seen> seen = {};
};
struct RemovePlan {  // its model is gone and its tasks have ended
  Plan plan;
};
struct RemovePlacement {  // its node is dead; one that lives writes over those of its earlier processes, or drops them
  Placement placement;
};
struct RemoveLease {  // its node is dead for long: who comes new need not take it for alive at first
  Lease lease;
};
struct UnifyPrecision {  // a node has come that differs from the others: as a new generation, at f32
  Plan plan;
};
using ClusterAction = std::variant<CloseDeploy, WithdrawIdle, RenewDeadline, MarkRunning, FinishTask, RemovePlan,
                                   RemovePlacement, RemoveLease, UnifyPrecision>;
// Rules:
//  model gone:     its plan's tasks fail; then the plan goes.
//  open deploy:    each planned node has loaded this generation, failed, is gone or not eligible (both failures), or is
//  pending.
//                  None pending → closed: all loaded kDeployed, some kPartial, none kFailed. Pending beyond the
//                  deadline → closed the same way, the pending ones failures. A sign of progress moves the deadline to
//                  progress + deadline_length; so does the start of a pending node, which after a long outage had no
//                  chance yet.
//  closed deploy:  withdrawn when all that hold it say that its time to live has passed, none loads it and its tasks
//                  have ended.
//  any that stands: becomes a new generation at f32, its outcome kept, when live eligible nodes that it plans for
//  differ in what they can run faster and it does not say so yet. Back it goes with a request only.
//  task in a plan: ends as the plan's outcome says. Other tasks in progress: end when their owner is dead, but not
//  before kLeaseDeath after they were last written, or their deadline passed: completed when the model they register
//  is, else failed.
std::vector<ClusterAction> Reconcile(const ClusterView& view);
// How a task ends whose plan ended so. A cancelled deploy ends FAILED: clients of the peer wait for COMPLETED or FAILED
// only.
tasks::TaskState TaskStateFor(Outcome::Kind kind);

// ---- What one node must do about its own part (deploy/node_agent.h).
struct NodeView {
  NodeId self;
  std::uint64_t incarnation = 0;
  std::vector<Plan> plans = {};
  std::vector<Placement> placements = {};       // own ones, of any incarnation
  std::vector<serving::LocalModel> local = {};  // with what the agent itself refused to load, as failed ones
  bool eligible = true;                         // for local models
  std::set<ModelId> retry_due = {};             // failed ones whose back-off has passed
  std::set<ModelId> models = {};                // that exist
  std::set<ModelId> expired = {};               // ready, and unused for as long as their documents say
  bool redeploys = true;                        // model_auto_redeploy.enable
  std::uint64_t redeploy_limit = 3;             // model_auto_redeploy.lifetime_retry_times
  EpochMillis now = 0;
  bool eligible_for_remote = true;  // for remote models
  EpochMillis load_progress = 0;    // newest progress of any load here: what those behind it in the queue wait for
  BegunLoads begun = {};            // as stored
};
struct StartLoad {
  ModelId model;
  std::uint64_t generation;
  bool reference_precision = false;
  std::uint64_t count = 1;  // processes that will have begun it and not seen its end, this one among them
};
struct RefuseLoad {
  ModelId model;
  std::uint64_t generation;
  std::uint64_t ended;  // so many processes of this node ended while they loaded it; 0: redeploys are switched off
};
struct ForgetLoad {  // it is begun no more: it ended and the process did not, or nobody wants it
  ModelId model;
};
struct StartUnload {
  ModelId model;
};
struct WritePlacement {  // what `local` shows; revision is that of the one to replace, 0 when there is none
  Placement placement;
};
struct DropPlacement {
  Placement placement;
};
using NodeAction = std::variant<StartLoad, RefuseLoad, ForgetLoad, StartUnload, WritePlacement, DropPlacement>;
// A plan closed as failed or cancelled is not loaded again: only a new generation does that; one closed as deployed or
// partial is loaded by every incarnation without a request, and retried while it fails for a retryable reason, unless
// redeploys are switched off: then only what is loaded stays. What is loaded for an earlier generation is told of the
// new one, which may mean a load beside it; meanwhile its placement stays as it is, but for signs of progress. A model
// whose load an earlier process did not live to see end is loaded alone, so that another one is not taken for the
// cause. What is loaded without a request is begun a few at a time (kLoadsAhead), however much a restart brings back:
// each that is begun is written down first, and again as it gets on.
inline constexpr std::size_t kLoadsAhead = 16;
std::vector<NodeAction> ReconcileNode(const NodeView& view);
// Is this node to hold the plan's model now.
bool Wants(const Plan& plan, const NodeView& view);
// How long a model may go unused: deploy_setting.model_ttl_minutes of its document, stored or shown, so that a change
// is in force without a deploy. nullopt: for ever (nothing said, a negative number, or nothing that is a number).
std::optional<std::chrono::minutes> TimeToLive(const json::object& model_document);
// May the same load work later (memory, disk, store), so that it is worth trying again.
bool IsRetryable(const Error& error);

}  // namespace mlnode::deploy
