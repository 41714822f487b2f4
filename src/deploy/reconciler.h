// deploy/reconciler.h: applies Reconcile to the store: on notices of plans, placements, leases, tasks and models, and
// each second. Also fails tasks whose owner is gone or whose deadline passed, and at start and every ten minutes runs
// models::RepairRegistrations. It is the repairer that the sagas of deploy_service.h and models/ name.
#pragma once

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
  void Start();
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::deploy
