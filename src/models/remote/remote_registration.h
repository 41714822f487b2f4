// models/remote/remote_registration.h: remote models come in at once: there is nothing to upload (spec/remote §6).
// Threads: any; blocks on the store: run on `background`.
// Saga: group, task, model, task completed. A crash in between leaves a task whose owner is gone, which the reconciler
// fails, and at most a version that was skipped; or a model that names its task, which the reconciler or
// registration_repair.h completes.
#pragma once

#include "config/settings.h"
#include "connectors/connector_repository.h"
#include "models/action_stats.h"
#include "models/input/register_input.h"
#include "models/model_repository.h"
#include "tasks/task_repository.h"

namespace mlnode::models {

struct RemoteEnvironment {
  ModelRepository& models;
  tasks::TaskRepository& tasks;
  ActionStats& actions;
  const connectors::ConnectorRepository& connectors;
  const connectors::CredentialVault& vault;
  const config::Snapshot& settings;
  RandomSource& random;
  const Clock& clock;
  tasks::Owner owner;  // this node and incarnation
};

struct RemoteRegistered {
  TaskId task;  // COMPLETED
  ModelId model;
};
// kInvalidArgument in the peer's words (no connector, no endpoint, URL not trusted, group), kNotFound (connector,
// group), kAlreadyExists (chosen id).
Result<RemoteRegistered> RegisterRemote(const RemoteEnvironment& environment, RegisterInput input);

}  // namespace mlnode::models
