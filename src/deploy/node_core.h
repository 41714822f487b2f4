// deploy/node_core.h: a whole node but for its threads, sockets and file formats: what the composition root (src/app)
// and the simulation (tests/simulation) both start. Everything that differs between them is injected. Threads: Start
// and Stop from one thread, which is none of the executors'; accessors from any thread between them.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "config/circuit_breakers.h"
#include "config/settings.h"
#include "connectors/connector_repository.h"
#include "connectors/credential_vault.h"
#include "core/cgroup.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "deploy/cluster/router.h"
#include "deploy/cluster/suspension_watch.h"
#include "deploy/controller_service.h"
#include "deploy/deploy_service.h"
#include "deploy/gate/predict_gate.h"
#include "deploy/membership.h"
#include "deploy/node_agent.h"
#include "deploy/remote/auto_deploy.h"
#include "deploy/remote/batch_jobs.h"
#include "deploy/remote/task_watch.h"
#include "deploy/settings_sync.h"
#include "engines/engine.h"
#include "models/model_repository.h"
#include "models/registration.h"
#include "net/fetch.h"
#include "serving/artifact_cache.h"
#include "serving/local_models.h"
#include "serving/memory_budget.h"
#include "serving/scheduler.h"
#include "storage/store.h"
#include "tasks/task_repository.h"

namespace mlnode::deploy {

// All references are borrowed and outlive the NodeCore.
struct NodeCoreEnvironment {
  NodeIdentity self;  // what the node can bear is filled in here, from what follows
  storage::Store& store;
  Executors executors;
  Executor& loading;              // one thread of low priority
  Executor& lease;                // one thread, kept free for the lease's beat: who misses beats is taken for dead
  Executor* downloads = nullptr;  // registrations from URLs, which may take an hour each; null: background
  const Clock& clock;
  RandomSource& random;
  engines::EngineRegistry& engines;
  config::Settings& settings;
  Metrics& metrics;
  const connectors::CredentialVault& vault;
  net::HttpClient* http_client = nullptr;  // null: no http(s) URL can be read
  std::filesystem::path temporary;         // <data>/tmp, for downloads
  serving::ArtifactCache::Options cache;
  serving::Scheduler::Options queue;
  serving::AccelerationOptions acceleration = {};
  std::uint64_t memory_limit_bytes = 0;
  std::uint64_t memory_base_bytes = 0;  // what the process uses before any model
  // What it uses now, for measuring a load.
  std::function<std::uint64_t()> memory_used = [] { return ProcessMemoryBytes(); };
  // The setting plugins.ml_commons.monitoring_request_count, for those who record predictions.
  serving::WindowLimit monitored_requests = std::make_shared<const std::atomic<std::int64_t>>(100);
  // What the machine has, for the breakers over memory and disk.
  config::ResourceProbe resources = [] { return config::Resources(); };
  // The store is other nodes' too. Alone, a node forwards nothing and does not mind having been suspended.
  bool clustered = false;
  // Called once, on `lease`, when another process is in the cluster under this node's id: this one takes no part
  // any more, and had better end (membership.h).
  std::function<void()> displaced = {};
  // Asked once the lease is written, before this node acts on anything: may it be here. For what looks at leases to
  // find out whether anybody runs. An error ends Start, and the lease goes.
  std::function<Status()> admitted = [] { return Status(); };
};

class NodeCore {
 public:
  // Installs the stored settings, writes the lease, opens the cache, then lets the reconciler and the agent run: models
  // that were deployed are loaded again without a request. kUnavailable (store), or what ArtifactCache::Open or
  // `admitted` says.
  static Result<std::unique_ptr<NodeCore>> Start(NodeCoreEnvironment environment);
  // Without a Stop before: as a crash, but for memory. No executor may still run a task of this node, and the HTTP
  // client no callback.
  ~NodeCore();
  // Tells the others that this node stops: they send nothing more here and count what it holds no more. It goes on
  // serving, and begins nothing. Blocks on the store: before the HTTP server drains. Idempotent.
  void Leave();
  // Ends the loops and removes the lease. Predictions still work until EndRemote or destruction. Not from an executor's
  // thread. Idempotent.
  void Stop();
  // After Stop: cancels the calls of remote models, and refuses further ones. Their callbacks, which use this node, end
  // on the HTTP client's thread: who stops that client then may destroy the node. Idempotent.
  void EndRemote();

  const NodeIdentity& self() const;
  storage::Store& store();
  const Executors& executors() const;
  const Clock& clock() const;
  RandomSource& random();
  Metrics& metrics();
  config::Settings& settings();
  SettingsSync& settings_sync();
  Membership& membership();
  models::ModelRepository& models();
  tasks::TaskRepository& tasks();
  models::ActionStats& actions();
  models::ModelRegistration& registration();
  DeployService& deploys();
  ControllerService& controllers();
  connectors::ConnectorRepository& connectors();
  const connectors::CredentialVault& vault();
  PredictGate& gate();
  Router& router();
  SuspensionWatch& suspension();
  AutoDeploy& auto_deploy();
  TaskWatch& task_watch();
  BatchJobs& batch_jobs();
  // What remote models are served with; null without an HTTP client.
  const serving::RemoteEnvironment* remote() const;
  serving::LocalModels& local_models();
  NodeAgent& agent();
  serving::MemoryBudget& budget();
  serving::Scheduler& queue();

 private:
  struct Parts;
  explicit NodeCore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace mlnode::deploy
