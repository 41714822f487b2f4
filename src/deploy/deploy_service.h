// deploy/deploy_service.h: what the REST layer asks of deployment. Threads: any; blocks on the store: run on
// `background`. Saga of Deploy: task, then plan. A crash in between leaves a task without a plan: the reconciler fails
// it at its deadline or when its owner is gone. Undeploy: plan only. Delete: model, then plan (Reconcile removes a plan
// whose model is gone).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "deploy/deployment.h"
#include "deploy/membership.h"
#include "models/input/model_update.h"
#include "models/model_repository.h"
#include "models/registration.h"
#include "tasks/task_repository.h"

namespace mlnode::deploy {

enum class UndeployResult : std::uint8_t { kUndeployed, kNotFound };  // "undeployed", "not_found"

struct UndeployReport {
  // Per node, per model. Every targeted live node appears, also those that never held the model.
  std::map<NodeId, std::map<ModelId, UndeployResult>> nodes;
};

class DeployService {
 public:
  DeployService(Membership& membership, models::ModelRepository& models, tasks::TaskRepository& tasks,
                config::Settings& settings, RandomSource& random, const Clock& clock);

  // Checks in the order of spec/deploy §2, then task and plan. `nodes` empty = all. A model that is deployed already
  // gets a new generation: nothing is reloaded, nodes are added. kNotFound "Failed to find model", kInvalidArgument
  // (the peer's texts), kUnimplemented (function this version cannot serve).
  Result<TaskId> Deploy(const ModelId& model, const std::vector<NodeId>& nodes);
  // As Deploy, but only where no plan stands that will do: `stands` is asked of the plan that the swap expects, so that
  // of many nodes that deploy it at once one does. `task`: of what was written; nullopt: nothing was.
  struct Ensured {
    std::optional<TaskId> task;
    std::uint64_t generation = 0;  // of the plan that is there now, or a later one
  };
  using Stands = std::function<bool(const Plan& plan)>;
  Result<Ensured> DeployUnless(const ModelId& model, const std::vector<NodeId>& nodes, const Stands& stands);
  // Of the model's plan as the authority has it; 0: there is none. kUnavailable.
  Result<std::uint64_t> Generation(const ModelId& model) const;
  // spec/deploy §3. `nodes` empty = all. One id: kNotFound when it does not exist; several: not checked, and
  // kInvalidArgument while model_access_control_enabled is on. The report tells of live nodes; a dead one that is named
  // does not load the models again when it returns.
  Result<UndeployReport> Undeploy(const std::vector<ModelId>& models, const std::vector<NodeId>& nodes);
  // kNotFound "Failed to find model", kInvalidArgument (deployed or deploying: the peer's text).
  Result<storage::Written> Delete(const ModelId& model, models::ModelRegistration& registration);
  // Changes the document; a deployed model serves by it from the next prediction on. kFailedPrecondition while the
  // model is deploying, else what models::UpdateModel says.
  Result<models::Model> Update(const ModelId& model, const models::ModelUpdate& update);

  // One model, or all, with what is derived. kNotFound.
  struct View {
    models::Model model;
    std::optional<Plan> plan;
    std::vector<Placement> placements;
    Deployment deployment;
  };
  Result<View> Get(const ModelId& model) const;
  std::vector<View> List() const;

 private:
  struct Standing;  // what the cluster looks like, read once for an answer
  Standing Look() const;
  Standing LookAt(const std::vector<ModelId>& models) const;  // at these alone
  void LookAtNodes(Standing& standing) const;                 // the part that is of no model
  View MakeView(models::Model model, const Standing& standing) const;
  Result<std::vector<NodeId>> Targets(const models::Model& model, const std::optional<Plan>& plan,
                                      const std::vector<NodeId>& nodes) const;
  Result<Ensured> Deploy(const ModelId& model, const std::vector<NodeId>& nodes, const Stands& stands);
  Result<Ensured> TryDeploy(const models::Model& model, const std::vector<NodeId>& nodes, const Stands& stands,
                            std::optional<TaskId>& task);
  bool NeedsReference(const std::vector<NodeId>& nodes, bool remote) const;
  Result<TaskId> CreateTask(const models::Model& model, const std::vector<NodeId>& targets);
  Result<std::optional<Plan>> ReadPlanFresh(const ModelId& model) const;
  Result<storage::Written> WritePlan(const Plan& plan);
  Status FinishTasks(const Plan& plan);
  Status Withdraw(const ModelId& model, const std::vector<NodeId>& nodes);

  Membership& membership_;
  models::ModelRepository& models_;
  tasks::TaskRepository& tasks_;
  config::Settings& settings_;
  RandomSource& random_;
  const Clock& clock_;
};

}  // namespace mlnode::deploy
