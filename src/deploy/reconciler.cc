#include "deploy/reconciler.h"

#include <algorithm>
#include <atomic>

#include "core/log.h"
#include "deploy/cluster/cluster_look.h"
#include "deploy/cluster/due_actions.h"
#include "deploy/deploy_deadline.h"
#include "deploy/lost_swap.h"
#include "deploy/step_loop.h"
#include "models/registration_repair.h"

namespace mlnode::deploy {
namespace {

constexpr Duration kPace = std::chrono::seconds(1);
constexpr std::size_t kRemovalsAtOnce = 100;
constexpr Duration kRepairInterval = std::chrono::minutes(10);
constexpr Duration kFirstRepairRetry = std::chrono::seconds(2);  // doubles up to kRepairInterval

}  // namespace

struct Reconciler::State {
  State(Membership& ms, models::ModelRepository& mr, tasks::TaskRepository& tr, config::Settings& s, RandomSource& r,
        const Clock& c, Executor& b)
      : membership(ms),
        models(mr),
        tasks(tr),
        settings(s),
        random(r),
        clock(c),
        background(b),
        look(ms, mr, tr, s, c),
        loop(b, kPace, [this] { Step(); }) {}

  void Step();
  void Repair();
  void Apply(const CloseDeploy& action);
  void Apply(const WithdrawIdle& action);
  void Apply(const RenewDeadline& action);
  void Apply(const MarkRunning& action);
  void Apply(const FinishTask& action);
  void Apply(const RemovePlan& action);
  void Apply(const RemovePlacement& action);
  void Apply(const RemoveLease& action);
  void Apply(const UnifyPrecision& action);
  bool WritePlan(const Plan& plan);
  Status CheckUnplanned(const tasks::TaskRecord& task) const;
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
  ClusterLook look;
  DueActions due;  // of the step alone
  std::function<bool()> plans_current = [] { return true; };
  std::atomic<bool> leading = true;  // at the last look; before the first a notice more costs nothing
  std::unique_ptr<storage::Subscription> subscription;
  StepLoop loop;  // last: it goes first, and no step outlives it
};

void Reconciler::State::Step() {
  const Membership::Standing standing = membership.standing();
  if (standing == Membership::Standing::kLeaving || standing == Membership::Standing::kDisplaced) {
    leading = false;
    return;
  }
  const ClusterView view = look.Look();
  const Place place = PlaceOf(membership.self().id, view.live);
  leading = place.before == 0;
  std::vector<ClusterAction> actions = Reconcile(view);
  look.Keep(actions);
  if (models.store().Following() && plans_current()) {
    actions = due.Take(std::move(actions), place, clock.Now());
  } else {
    actions.clear();
  }
  // What nobody waits for comes last, and not all at once: a node that dies may leave thousands.
  std::size_t removals = 0;
  for (const bool last : {false, true}) {
    for (const ClusterAction& action : actions) {
      if (std::holds_alternative<RemovePlacement>(action) != last || (last && ++removals > kRemovalsAtOnce)) continue;
      std::visit([this](const auto& one) { Apply(one); }, action);
    }
  }
  if (removals > kRemovalsAtOnce) loop.Kick();
  if (leading && (!repair_at || clock.Now() >= *repair_at)) Repair();
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
  if (!written && written.error().code == Code::kConflict) LookAgain(models.store(), loop);
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

// What a look saw of plans may be older than what it saw of tasks: where this node caught up, or stood still, in
// between.
Status Reconciler::State::CheckUnplanned(const tasks::TaskRecord& task) const {
  if (!task.model) return {};
  const auto document = models.store().GetFresh(PlanKey(*task.model));
  if (!document && document.error().code == Code::kNotFound) return {};
  if (!document) return document.error();
  ASSIGN_OR_RETURN(const Plan plan, ReadPlan(**document));
  if (std::ranges::find(plan.tasks, task.id) == plan.tasks.end()) return {};
  return MakeError(Code::kFailedPrecondition, "it ends with its plan");
}

void Reconciler::State::Apply(const FinishTask& action) {
  const auto fill = [&](tasks::TaskRecord& task) {
    if (!action.error.empty()) task.error = action.error;
    if (action.model) task.model = action.model;
  };
  const auto still = [&](const tasks::TaskRecord& task) -> Status {
    if (!action.seen) return {};
    if (task.last_update_time != action.seen->written || task.deadline != action.seen->deadline)
      return MakeError(Code::kFailedPrecondition, "it goes on");
    return CheckUnplanned(task);
  };
  const auto ended = tasks.Transition(action.task, action.state, fill, still);
  if (!ended) LOG_DEBUG("deploy", "task {} not ended: {}", action.task.str(), ended.error().message);
}

void Reconciler::State::Apply(const RemovePlan& action) { Remove(PlanKey(action.plan.model), action.plan.revision); }

void Reconciler::State::Apply(const RemovePlacement& action) {
  Remove(PlacementKey(action.placement.node, action.placement.model), action.placement.revision);
}

void Reconciler::State::Apply(const RemoveLease& action) {
  LOG_INFO("deploy", "node {} ({}) is gone for long: its lease is removed", action.lease.node.str(), action.lease.name);
  Remove(LeaseKey(action.lease.node), action.lease.revision);
}

void Reconciler::State::Apply(const UnifyPrecision& action) {
  Plan plan = action.plan;
  plan.reference_precision = true;
  ++plan.generation;
  if (!plan.outcome) plan.deadline = DeployDeadlineFrom(clock.WallMillis(), *settings.Current());
  if (!WritePlan(plan)) return;
  LOG_INFO("deploy", "{} runs at f32 from now on: its nodes differ in what they can run faster", plan.model.str());
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

void Reconciler::OnlyWhile(std::function<bool()> current) { state_->plans_current = std::move(current); }

void Reconciler::Start() {
  state_->subscription = state_->models.store().Watch(
      {storage::Collection::kPlans, storage::Collection::kPlacements, storage::Collection::kTasks,
       storage::Collection::kModels},
      state_->background, [state = state_.get(), kick = state_->loop.Kicker()](const storage::Change& change) {
        state->look.Note(change);
        if (state->leading) kick();
      });
  state_->loop.Start();
}

void Reconciler::Stop() {
  state_->subscription.reset();
  state_->loop.Stop();
}

}  // namespace mlnode::deploy
