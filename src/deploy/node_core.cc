#include "deploy/node_core.h"

#include <algorithm>
#include <utility>

#include "connectors/transport/remote_caller.h"
#include "deploy/reconciler.h"
#include "deploy/remote/model_asker.h"
#include "deploy/remote/remote_wiring.h"

namespace mlnode::deploy {

namespace {

NodeCoreEnvironment Completed(NodeCoreEnvironment environment) {
  NodeIdentity& self = environment.self;
  self.memory_bytes = environment.memory_limit_bytes;
  self.lanes = static_cast<std::uint64_t>(std::max(environment.queue.lanes, 0));
  self.fast_precision = environment.acceleration.allowed ? environment.acceleration.cpu : std::string();
  return environment;
}

}  // namespace

// Members are in the order of their dependencies: destruction is the reverse.
struct NodeCore::Parts {
  explicit Parts(NodeCoreEnvironment e)
      : environment(Completed(std::move(e))),
        budget(environment.memory_limit_bytes, environment.memory_base_bytes),
        sync(environment.store, environment.settings, environment.random, environment.executors.background),
        membership(environment.self, environment.store, environment.random, environment.clock, environment.lease),
        suspension(environment.store, environment.clock, environment.executors.io, environment.lease),
        router({.store = environment.store,
                .membership = membership,
                .settings = environment.settings,
                .random = environment.random,
                .clock = environment.clock}),
        models(environment.store, environment.random, environment.clock),
        tasks(environment.store, environment.random, environment.clock),
        connectors(environment.store, environment.random, environment.clock, environment.vault),
        deploys(membership, models, tasks, environment.settings, environment.random, environment.clock),
        controllers(models, deploys, environment.settings),
        reconciler(membership, models, tasks, environment.settings, environment.random, environment.clock,
                   environment.executors.background) {}

  Status Start();
  void MakeServing();
  void StartRemote();
  void MakeRemoteServices();

  NodeCoreEnvironment environment;
  serving::MemoryBudget budget;
  models::ActionStats actions;
  SettingsSync sync;
  Membership membership;
  SuspensionWatch suspension;
  Router router;
  models::ModelRepository models;
  tasks::TaskRepository tasks;
  connectors::ConnectorRepository connectors;
  DeployService deploys;
  ControllerService controllers;
  std::unique_ptr<serving::ArtifactCache> cache;
  std::unique_ptr<serving::Scheduler> queue;
  // The caller goes after what was served with it; EndRemote and the client's Stop have ended what was under way, which
  // uses all that is here.
  std::unique_ptr<serving::RemoteEnvironment> remote;
  std::unique_ptr<connectors::RemoteCaller> caller;
  std::unique_ptr<serving::LocalModels> local;
  std::unique_ptr<PredictGate> gate;
  std::unique_ptr<AutoDeploy> auto_deploy;
  std::unique_ptr<TaskWatch> task_watch;
  std::unique_ptr<BatchJobs> batch_jobs;
  std::unique_ptr<models::ModelRegistration> registration;
  Reconciler reconciler;
  std::unique_ptr<NodeAgent> agent;
};

// Before `local`, which serves with it; who it asks is known once the gate is there.
void NodeCore::Parts::StartRemote() {
  NodeCoreEnvironment& e = environment;
  if (e.http_client == nullptr) return;
  caller = connectors::RemoteCaller::Create(
      {.client = *e.http_client, .timers = e.executors.io, .clock = e.clock, .random = e.random, .metrics = e.metrics});
  remote =
      std::make_unique<serving::RemoteEnvironment>(serving::RemoteEnvironment{.store = e.store,
                                                                              .caller = *caller,
                                                                              .cpu = e.executors.cpu,
                                                                              .timers = e.executors.io,
                                                                              .clock = e.clock,
                                                                              .metrics = e.metrics,
                                                                              .settings = e.settings,
                                                                              .compile = MakeConnectorCompiler(e.vault),
                                                                              .rules = MakeRulesSource(e.settings)});
}

void NodeCore::Parts::MakeRemoteServices() {
  NodeCoreEnvironment& e = environment;
  auto_deploy = std::make_unique<AutoDeploy>(AutoDeployEnvironment{.deploys = deploys,
                                                                   .membership = membership,
                                                                   .local = *local,
                                                                   .store = e.store,
                                                                   .settings = e.settings,
                                                                   .background = e.executors.background,
                                                                   .timers = e.executors.io,
                                                                   .clock = e.clock,
                                                                   .router = e.clustered ? &router : nullptr});
  task_watch = std::make_unique<TaskWatch>(tasks, e.store, e.executors.background, e.executors.io, e.clock);
  batch_jobs = std::make_unique<BatchJobs>(BatchJobsEnvironment{.tasks = tasks,
                                                                .settings = e.settings,
                                                                .remote = remote.get(),
                                                                .background = e.executors.background,
                                                                .clock = e.clock,
                                                                .self = e.self.id,
                                                                .membership = e.clustered ? &membership : nullptr});
  if (remote) remote->ask = MakeModelAsker(*gate, *auto_deploy, *remote);
}

void NodeCore::Parts::MakeServing() {
  NodeCoreEnvironment& e = environment;
  queue = serving::Scheduler::Create(e.queue, e.executors.lanes, e.executors.io, e.clock, e.metrics);
  StartRemote();
  local = serving::LocalModels::Create({.store = e.store,
                                        .cache = *cache,
                                        .engines = e.engines,
                                        .budget = budget,
                                        .queue = *queue,
                                        .loading = e.loading,
                                        .cpu = e.executors.cpu,
                                        .clock = e.clock,
                                        .metrics = e.metrics,
                                        .actions = actions,
                                        .lanes = e.queue.lanes,
                                        .acceleration = e.acceleration,
                                        .monitored_requests = e.monitored_requests,
                                        .memory_used = e.memory_used,
                                        .remote = remote.get()});
  gate = std::make_unique<PredictGate>(PredictGate::Environment{
      .models = models,
      .local = *local,
      .settings = e.settings,
      .membership = membership,
      .clock = e.clock,
      .cluster = e.clustered ? std::optional(PredictGate::Cluster{router, suspension}) : std::nullopt});
  MakeRemoteServices();
}

Status NodeCore::Parts::Start() {
  NodeCoreEnvironment& e = environment;
  // Downloads that a crash cut off: nobody goes on with them.
  std::error_code ignored;
  std::filesystem::remove_all(e.temporary, ignored);
  RETURN_IF_ERROR(sync.Start());
  ASSIGN_OR_RETURN(cache, serving::ArtifactCache::Open(e.cache, e.store));
  membership.OnDisplaced(e.displaced);
  RETURN_IF_ERROR(membership.Start());
  if (Status admitted = e.admitted(); !admitted) {
    membership.Stop();
    sync.Stop();
    return admitted;
  }
  if (e.clustered) suspension.Start();
  reconciler.OnlyWhile([this] { return suspension.Current(); });
  MakeServing();
  registration = std::make_unique<models::ModelRegistration>(
      models::RegistrationEnvironment{.models = models,
                                      .tasks = tasks,
                                      .actions = actions,
                                      .random = e.random,
                                      .clock = e.clock,
                                      .background = e.downloads ? *e.downloads : e.executors.background,
                                      .settings = e.settings,
                                      .client = e.http_client,
                                      .temporary = e.temporary,
                                      .owner = {.node = e.self.id, .incarnation = e.self.incarnation},
                                      .resources = e.resources});
  agent = std::make_unique<NodeAgent>(NodeAgentEnvironment{.membership = membership,
                                                           .models = models,
                                                           .local = *local,
                                                           .actions = actions,
                                                           .settings = e.settings,
                                                           .random = e.random,
                                                           .clock = e.clock,
                                                           .background = e.executors.background,
                                                           .resources = e.resources});
  auto_deploy->Start();
  task_watch->Start();
  batch_jobs->Start();
  reconciler.Start();
  agent->Start();
  return {};
}

NodeCore::NodeCore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

NodeCore::~NodeCore() = default;

Result<std::unique_ptr<NodeCore>> NodeCore::Start(NodeCoreEnvironment environment) {
  auto parts = std::make_unique<Parts>(std::move(environment));
  RETURN_IF_ERROR(parts->Start());
  return std::unique_ptr<NodeCore>(new NodeCore(std::move(parts)));
}

void NodeCore::Leave() { parts_->membership.Leave(); }

void NodeCore::Stop() {
  parts_->auto_deploy->Stop();
  parts_->task_watch->Stop();
  parts_->batch_jobs->Stop();
  parts_->agent->Stop();
  parts_->reconciler.Stop();
  parts_->sync.Stop();
  parts_->suspension.Stop();
  parts_->membership.Stop();
}

void NodeCore::EndRemote() {
  if (parts_->caller) parts_->caller->Stop();
}

const NodeIdentity& NodeCore::self() const { return parts_->environment.self; }
storage::Store& NodeCore::store() { return parts_->environment.store; }
const Executors& NodeCore::executors() const { return parts_->environment.executors; }
const Clock& NodeCore::clock() const { return parts_->environment.clock; }
RandomSource& NodeCore::random() { return parts_->environment.random; }
Metrics& NodeCore::metrics() { return parts_->environment.metrics; }
config::Settings& NodeCore::settings() { return parts_->environment.settings; }
SettingsSync& NodeCore::settings_sync() { return parts_->sync; }
Membership& NodeCore::membership() { return parts_->membership; }
models::ModelRepository& NodeCore::models() { return parts_->models; }
tasks::TaskRepository& NodeCore::tasks() { return parts_->tasks; }
models::ActionStats& NodeCore::actions() { return parts_->actions; }
models::ModelRegistration& NodeCore::registration() { return *parts_->registration; }
DeployService& NodeCore::deploys() { return parts_->deploys; }
ControllerService& NodeCore::controllers() { return parts_->controllers; }
connectors::ConnectorRepository& NodeCore::connectors() { return parts_->connectors; }
const connectors::CredentialVault& NodeCore::vault() { return parts_->environment.vault; }
PredictGate& NodeCore::gate() { return *parts_->gate; }
Router& NodeCore::router() { return parts_->router; }
SuspensionWatch& NodeCore::suspension() { return parts_->suspension; }
AutoDeploy& NodeCore::auto_deploy() { return *parts_->auto_deploy; }
TaskWatch& NodeCore::task_watch() { return *parts_->task_watch; }
BatchJobs& NodeCore::batch_jobs() { return *parts_->batch_jobs; }
const serving::RemoteEnvironment* NodeCore::remote() const { return parts_->remote.get(); }
serving::LocalModels& NodeCore::local_models() { return *parts_->local; }
NodeAgent& NodeCore::agent() { return *parts_->agent; }
serving::MemoryBudget& NodeCore::budget() { return parts_->budget; }
serving::Scheduler& NodeCore::queue() { return *parts_->queue; }

}  // namespace mlnode::deploy
