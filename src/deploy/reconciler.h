// deploy/reconciler.h: applies Reconcile to the store: on notices of plans, placements, tasks and models, and each
// second. Also fails tasks whose owner is gone or whose deadline passed, and at start and every ten minutes runs
// models::RepairRegistrations. It is the repairer that the sagas of deploy_service.h and models/ name.
//
// Every node runs one. The live node with the lowest id leads: it acts at once and repairs registrations. The others
// look each second only, and apply what stays due for 3 s and more (cluster/due_actions.h). One whose node leaves, or
// is displaced, does nothing; nor does one that does not hear the store, or that knows old plans (OnlyWhile): what it
// takes for dead or late may long have gone on. What a look costs: cluster/cluster_look.h.
#pragma once

#include <functional>
#include <memory>

#include "deploy/membership.h"
#include "deploy/reconcile.h"
#include "models/model_repository.h"
#include "tasks/task_repository.h"

namespace mlnode::deploy {

class Reconciler {
 public:
  Reconciler(Membership& membership, models::ModelRepository& models, tasks::TaskRepository& tasks,
             config::Settings& settings, RandomSource& random, const Clock& clock, Executor& background);
  ~Reconciler();
  // Asked before each step, on `background`: may what this node knows of plans be acted on. Before Start.
  void OnlyWhile(std::function<bool()> current);
  void Start();
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::deploy
