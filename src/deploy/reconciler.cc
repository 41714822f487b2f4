#include "deploy/reconciler.h"

#include <algorithm>
#include <array>

#include "core/log.h"
#include "deploy/step_loop.h"
#include "models/registration_repair.h"

namespace mlnode::deploy {
namespace {

constexpr Duration kPace = std::chrono::seconds(1);
constexpr Duration kRepairInterval = std::chrono::minutes(10);
constexpr Duration kFirstRepairRetry = std::chrono::seconds(2);  // doubles up to kRepairInterval

}  // namespace

struct Reconciler::State {
  State(Membership& ms, models::ModelRepository& mr, tasks::TaskRepository& tr, config::Settings& s, RandomSource& r,
        const Clock& c, Executor& b)
      : membership(ms), models(mr), tasks(tr), settings(s), random(r), clock(c), background(b), loop(b, kPace, [this] {
          Step();
        }) {}

  void Step();
  ClusterView Look() const;
  std::map<TaskId, ModelId> Registered(const std::vector<tasks::TaskRecord>& running) const;
  void Repair();
  void Apply(const CloseDeploy& action);
  void Apply(const WithdrawIdle& action);
  void Apply(const RenewDeadline& action);
  void Apply(const MarkRunning& action);
  void Apply(const FinishTask& action);
  void Apply(const RemovePlan& action);
  void Apply(const RemovePlacement& action);
  bool WritePlan(const Plan& plan);
  void Remove(const storage::Key& key, std::uint64_t revision);

  Membership& membership;
  models::ModelRepository& models;
  tasks::TaskRepository& tasks;
  config::Settings& settings;
  RandomSource& random;
  const Clock& clock;
  Executor& background;
  std::optional<SteadyTime> repair_at;        // of the step alone, as the next; nullopt: at once
  Duration repair_retry = kFirstRepairRetry;  // after the next failure
  std::unique_ptr<storage::Subscription> subscription;
  StepLoop loop;  // last: it goes first, and no step outlives it
};

ClusterView Reconciler::State::Look() const {
  constexpr std::array kCollections{storage::Collection::kPlans, storage::Collection::kPlacements,
                                    storage::Collection::kModels};
  ClusterView view;
  for (const storage::DocumentPtr& document : models.store().Read(kCollections).documents) {
    if (document->key.collection == storage::Collection::kModels) {
      view.models.insert(ModelId(document->key.id));
    } else if (document->key.collection == storage::Collection::kPlans) {
      if (auto plan = ReadPlan(*document)) view.plans.push_back(*std::move(plan));
    } else if (auto placement = ReadPlacement(*document)) {
      view.placements.push_back(*std::move(placement));
    }
  }
  // In this order: a plan seen above has its tasks below, a placement its node's lease.
  view.tasks = tasks.InProgress();
  const config::SnapshotPtr current = settings.Current();
  view.live = membership.Live();
  view.eligible = membership.EligibleForLocal(*current);
  view.eligible_for_remote = membership.EligibleForRemote(*current);
  view.registered = Registered(view.tasks);
  view.now = clock.WallMillis();
  view.deadline_length = current->Int("mlnode.deploy.deadline_seconds") * 1000;
  view.success_ratio = current->Float("plugins.ml_commons.model_auto_redeploy_success_ratio");
  return view;
}

// Those of `running` whose model is complete. After a look at who lives: what a dead owner did is all there.
std::map<TaskId, ModelId> Reconciler::State::Registered(const std::vector<tasks::TaskRecord>& running) const {
  std::map<TaskId, ModelId> registered;
  if (std::ranges::none_of(running, [](const auto& task) { return task.type == tasks::TaskType::kRegisterModel; }))
    return registered;
  for (const models::Model& model : models.List()) {
    if (model.registration == models::Registration::kRegistered && model.register_task)
      registered.emplace(*model.register_task, model.id);
  }
  return registered;
}

void Reconciler::State::Step() {
  for (const ClusterAction& action : Reconcile(Look())) {
    std::visit([this](const auto& one) { Apply(one); }, action);
  }
  if (!repair_at || clock.Now() >= *repair_at) Repair();
}

void Reconciler::State::Repair() {
  const std::chrono::minutes grace(settings.Current()->Int("mlnode.registration_grace_minutes"));
  const auto report = models::RepairRegistrations(models, tasks, clock, grace);
  if (!report) {
    LOG_WARN("deploy", "registrations not repaired, next try in {} s: {}",
             std::chrono::duration_cast<std::chrono::seconds>(repair_retry).count(), report.error().message);
    repair_at = clock.Now() + repair_retry;
    repair_retry = std::min(2 * repair_retry, kRepairInterval);
    return;
  }
  repair_at = clock.Now() + kRepairInterval;
  repair_retry = kFirstRepairRetry;
  if (report->documents_removed + report->uploads_removed + report->controllers_removed > 0) {
    LOG_INFO("deploy", "repaired registrations: {} documents, {} uploads and {} controllers removed",
             report->documents_removed, report->uploads_removed, report->controllers_removed);
  }
}

bool Reconciler::State::WritePlan(const Plan& plan) {
  const auto written = storage::Commit(models.store(), {.key = PlanKey(plan.model),
                                                        .expect = storage::Expect::Revision(plan.revision),
                                                        .body = StoredForm(plan),
                                                        .nonce = NewNonce(random)});
  if (!written && written.error().code == Code::kConflict) loop.Kick();
  if (!written) LOG_DEBUG("deploy", "plan {} not written: {}", plan.model.str(), written.error().message);
  return written.has_value();
}

void Reconciler::State::Apply(const CloseDeploy& action) {
  Plan plan = action.plan;
  plan.outcome = action.outcome;
  plan.last_deployed_time = action.outcome.at;
  if (!WritePlan(plan)) return;
  LOG_INFO("deploy", "deployment {} of {} ended: {}", plan.generation, plan.model.str(),
           action.outcome.reason.empty() ? "deployed" : action.outcome.reason);
  for (const TaskId& task : plan.tasks)
    Apply(FinishTask{task, TaskStateFor(action.outcome.kind), action.outcome.reason});
}

void Reconciler::State::Apply(const WithdrawIdle& action) {
  Plan plan = Undeployed(action.plan, clock.WallMillis());
  plan.tasks.clear();  // they have ended
  if (WritePlan(plan)) LOG_INFO("deploy", "{} is undeployed: its time to live has passed", plan.model.str());
}

void Reconciler::State::Apply(const RenewDeadline& action) {
  Plan plan = action.plan;
  plan.deadline = action.deadline;
  WritePlan(plan);
}

void Reconciler::State::Apply(const MarkRunning& action) {
  const auto marked = tasks.Transition(action.task, tasks::TaskState::kRunning);
  if (!marked) LOG_DEBUG("deploy", "task {} not marked: {}", action.task.str(), marked.error().message);
}

void Reconciler::State::Apply(const FinishTask& action) {
  const auto ended = tasks.Transition(action.task, action.state, [&](tasks::TaskRecord& task) {
    if (!action.error.empty()) task.error = action.error;
    if (action.model) task.model = action.model;
  });
  if (!ended) LOG_DEBUG("deploy", "task {} not ended: {}", action.task.str(), ended.error().message);
}

void Reconciler::State::Apply(const RemovePlan& action) { Remove(PlanKey(action.plan.model), action.plan.revision); }

void Reconciler::State::Apply(const RemovePlacement& action) {
  Remove(PlacementKey(action.placement.node, action.placement.model), action.placement.revision);
}

// Refused or unknown: the next pass looks again.
void Reconciler::State::Remove(const storage::Key& key, std::uint64_t revision) {
  models.store().TryWrite(
      {.key = key, .expect = storage::Expect::Revision(revision), .body = std::nullopt, .nonce = NewNonce(random)});
}

Reconciler::Reconciler(Membership& membership, models::ModelRepository& models, tasks::TaskRepository& tasks,
                       config::Settings& settings, RandomSource& random, const Clock& clock, Executor& background)
    : state_(std::make_unique<State>(membership, models, tasks, settings, random, clock, background)) {}

Reconciler::~Reconciler() { Stop(); }

void Reconciler::Start() {
  state_->subscription = state_->models.store().Watch(
      {storage::Collection::kPlans, storage::Collection::kPlacements, storage::Collection::kTasks,
       storage::Collection::kModels},
      state_->background, [kick = state_->loop.Kicker()](const storage::Change&) { kick(); });
  state_->loop.Start();
}

void Reconciler::Stop() {
  state_->subscription.reset();
  state_->loop.Stop();
}

}  // namespace mlnode::deploy
