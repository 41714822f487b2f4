#include "deploy/deploy_service.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/log.h"
#include "deploy/deploy_deadline.h"
#include "deploy/gate/predict_gate.h"
#include "deploy/reconcile.h"

namespace mlnode::deploy {
namespace {

constexpr int kAttempts = 16;
// From the task's creation until a plan names it. Afterwards the plan's deadline counts.
constexpr Duration kUntilPlanned = std::chrono::seconds(30);
constexpr std::string_view kUndeployedMeanwhile = "The model was undeployed while it was being deployed";

EpochMillis InMillis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Error CustomPlansOff() { return MakeError(Code::kInvalidArgument, "Don't allow custom deployment plan"); }

Error OneModelOnly() { return MakeError(Code::kInvalidArgument, "only support undeploy one model"); }

Error ChangedMeanwhile() {
  return MakeError(Code::kResourceExhausted, "the deployment was changed by others at the same time; try again");
}

Error AlreadyElsewhere(const std::vector<NodeId>& routed) {
  std::vector<std::string> names;
  for (const NodeId& node : routed) names.push_back(node.str());
  return MakeError(
      Code::kInvalidArgument,
      fmt::format("Model already deployed to these nodes: [{}], but they are not included in target node ids. "
                  "Undeploy model from these nodes if don't need them any more.Undeploy from old nodes before "
                  "try to deploy model on new nodes. Or include all old nodes on your target nodes.",
                  fmt::join(names, ", ")));
}

Status CheckServed(const models::Model& model, const config::Snapshot& settings) {
  const models::FunctionTraits& traits = models::TraitsOf(model.function);
  RETURN_IF_ERROR(CheckFunctionEnabled(model.function, settings));
  if (!traits.served) {
    return MakeError(Code::kUnimplemented,
                     fmt::format("Deploying {} models is not supported by this version", traits.name));
  }
  return {};
}

bool Contains(const std::vector<NodeId>& nodes, const NodeId& node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

// A deploy that failed because the model was not complete is forgotten once it is.
bool IsVoid(const Plan& plan, const models::Model& model) {
  return plan.early && plan.outcome && plan.outcome->kind == Outcome::Kind::kFailed &&
         model.registration == models::Registration::kRegistered;
}

bool IsOpen(const Plan& plan) { return plan.mode != PlanMode::kNone && !plan.outcome; }

// Also of a plan for all: those that it was made with, whether or not they live.
bool NamesAny(const Plan& plan, const std::vector<NodeId>& nodes) {
  return std::ranges::any_of(plan.nodes, [&](const NodeId& node) { return Contains(nodes, node); });
}

// The plan after nodes were taken from it (empty = all); nullopt: nothing changes. `deadline`: for those that remain,
// who have yet to say that they hold the new generation.
std::optional<Plan> WithoutNodes(Plan plan, const std::vector<NodeId>& nodes, const std::vector<NodeId>& eligible,
                                 EpochMillis now, EpochMillis deadline) {
  std::vector<NodeId> remaining;
  if (!nodes.empty()) {
    remaining = PlannedNodes(plan, eligible);
    const std::size_t before = remaining.size();
    std::erase_if(remaining, [&](const NodeId& node) { return Contains(nodes, node); });
    if (remaining.size() == before && !NamesAny(plan, nodes) && plan.mode != PlanMode::kNone) return std::nullopt;
  }
  // Who names nodes takes it from those; who names none says that it is to be nowhere, also of what never was deployed.
  if (plan.mode == PlanMode::kNone && (plan.generation > 0 || !nodes.empty())) return std::nullopt;
  const bool open = IsOpen(plan);
  if (!open) plan.tasks.clear();
  if (!remaining.empty()) {
    ++plan.generation;
    plan.requested_at = now;
    if (open) plan.deadline = deadline;
    plan.nodes = remaining;
    plan.mode = PlanMode::kNodes;
    plan.to_all = false;
    return plan;
  }
  const bool failed = plan.outcome && plan.outcome->kind == Outcome::Kind::kFailed;
  const bool early = std::exchange(plan.early, false);
  if (early && (open || failed)) plan.last_deployed_time.reset();  // nothing was deployed yet
  plan = Undeployed(std::move(plan), now);
  if (open)
    plan.outcome = Outcome{.kind = Outcome::Kind::kCancelled, .at = now, .reason = std::string(kUndeployedMeanwhile)};
  return plan;
}

}  // namespace

struct DeployService::Standing {
  std::map<ModelId, Plan> plans;
  std::map<ModelId, std::vector<Placement>> placements;
  std::vector<Lease> live;
  std::vector<NodeId> eligible_for_local, eligible_for_remote;
  const std::vector<NodeId>& EligibleFor(const models::Model& model) const {
    return models::TraitsOf(model.function).local ? eligible_for_local : eligible_for_remote;
  }
  std::set<ModelId> controlled;   // models that have a controller
  std::vector<BegunLoads> begun;  // of each node
};

DeployService::DeployService(Membership& membership, models::ModelRepository& models, tasks::TaskRepository& tasks,
                             config::Settings& settings, RandomSource& random, const Clock& clock)
    : membership_(membership), models_(models), tasks_(tasks), settings_(settings), random_(random), clock_(clock) {}

void DeployService::LookAtNodes(Standing& standing) const {
  for (const storage::DocumentPtr& document : models_.store().Read(std::array{storage::Collection::kBegun}).documents) {
    const auto begun = ReadBegun(*document);
    if (begun) standing.begun.push_back(*begun);
  }
  standing.live = membership_.Live();
  const config::SnapshotPtr settings = settings_.Current();
  standing.eligible_for_local = Membership::EligibleForLocal(standing.live, *settings);
  standing.eligible_for_remote = Membership::EligibleForRemote(standing.live, *settings);
}

DeployService::Standing DeployService::LookAt(const std::vector<ModelId>& models) const {
  const storage::Store& store = models_.store();
  Standing standing;
  // What others than these say counts for nothing, and whoever comes meanwhile has loaded nothing yet.
  const LivePtr live = membership_.LiveNow();
  for (const ModelId& model : models) {
    if (const auto document = store.Get(PlanKey(model))) {
      if (auto plan = ReadPlan(**document)) standing.plans.emplace(model, *std::move(plan));
    }
    if (store.Get({storage::Collection::kControllers, model.str()})) standing.controlled.insert(model);
    for (const Lease& lease : *live) {
      const auto document = store.Get(PlacementKey(lease.node, model));
      if (!document) continue;
      if (auto placement = ReadPlacement(**document)) standing.placements[model].push_back(*std::move(placement));
    }
  }
  LookAtNodes(standing);
  return standing;
}

DeployService::Standing DeployService::Look() const {
  constexpr std::array kCollections{storage::Collection::kPlans, storage::Collection::kPlacements,
                                    storage::Collection::kControllers};
  Standing standing;
  for (const storage::DocumentPtr& document : models_.store().Read(kCollections).documents) {
    if (document->key.collection == storage::Collection::kPlans) {
      if (auto plan = ReadPlan(*document)) {
        ModelId model = plan->model;
        standing.plans.emplace(std::move(model), *std::move(plan));
      }
    } else if (document->key.collection == storage::Collection::kControllers) {
      standing.controlled.emplace(document->key.id);
    } else if (auto placement = ReadPlacement(*document)) {
      standing.placements[placement->model].push_back(*std::move(placement));
    }
  }
  LookAtNodes(standing);
  return standing;
}

DeployService::View DeployService::MakeView(models::Model model, const Standing& standing) const {
  View view{.model = std::move(model), .plan = std::nullopt, .placements = {}, .deployment = {}};
  if (const auto plan = standing.plans.find(view.model.id); plan != standing.plans.end()) {
    if (!IsVoid(plan->second, view.model)) view.plan = plan->second;
  }
  if (const auto found = standing.placements.find(view.model.id); found != standing.placements.end()) {
    view.placements = found->second;
  }
  view.deployment = Derive(view.model, view.plan, view.placements, standing.live, standing.EligibleFor(view.model));
  view.deployment.has_controller = standing.controlled.contains(view.model.id);
  for (const BegunLoads& begun : standing.begun) {
    const auto load = begun.find(view.model.id);
    if (load == begun.end() || !view.plan || load->second.generation != view.plan->generation) continue;
    view.deployment.redeploys = std::max(view.deployment.redeploys, load->second.count);
  }
  return view;
}

Result<DeployService::View> DeployService::Get(const ModelId& model) const {
  ASSIGN_OR_RETURN(models::Model document, models_.Get(model));
  const ModelId id = document.id;
  return MakeView(std::move(document), LookAt({id}));
}

std::vector<DeployService::View> DeployService::List() const {
  std::vector<View> views;
  const Standing standing = Look();
  for (models::Model& model : models_.List()) views.push_back(MakeView(std::move(model), standing));
  return views;
}

Result<std::vector<NodeId>> DeployService::Targets(const models::Model& model, const std::optional<Plan>& plan,
                                                   const std::vector<NodeId>& nodes) const {
  const Standing standing = LookAt({model.id});
  const std::vector<NodeId>& eligible = standing.EligibleFor(model);
  std::vector<NodeId> targets = eligible;
  if (!nodes.empty()) {
    std::vector<Placement> placements;
    if (const auto found = standing.placements.find(model.id); found != standing.placements.end())
      placements = found->second;
    const Deployment now = Derive(model, plan, placements, standing.live, eligible);
    std::vector<NodeId> routed = now.workers;
    if (plan && IsOpen(*plan)) routed.insert(routed.end(), now.loading.begin(), now.loading.end());
    std::ranges::sort(routed);
    if (std::ranges::any_of(routed, [&](const NodeId& node) { return !Contains(nodes, node); }))
      return AlreadyElsewhere(routed);
    std::erase_if(targets, [&](const NodeId& node) { return !Contains(nodes, node); });
  }
  if (targets.empty()) return MakeError(Code::kInvalidArgument, std::string(kNoEligibleNode));
  return targets;
}

Result<std::optional<Plan>> DeployService::ReadPlanFresh(const ModelId& model) const {
  const auto stored = models_.store().GetFresh(PlanKey(model));
  if (stored) {
    ASSIGN_OR_RETURN(Plan plan, ReadPlan(**stored));
    return std::optional(std::move(plan));
  }
  if (stored.error().code == Code::kNotFound) return std::optional<Plan>();
  return stored.error();
}

Result<storage::Written> DeployService::WritePlan(const Plan& plan) {
  return storage::Commit(models_.store(), {.key = PlanKey(plan.model),
                                           .expect = plan.revision == 0 ? storage::Expect::Absent()
                                                                        : storage::Expect::Revision(plan.revision),
                                           .body = StoredForm(plan),
                                           .nonce = NewNonce(random_)});
}

Status DeployService::FinishTasks(const Plan& plan) {
  if (!plan.outcome) return {};
  for (const TaskId& id : plan.tasks) {
    const auto ended = tasks_.Transition(id, TaskStateFor(plan.outcome->kind), [&](tasks::TaskRecord& task) {
      if (!plan.outcome->reason.empty()) task.error = plan.outcome->reason;
    });
    const bool over = ended || ended.error().code == Code::kFailedPrecondition || ended.error().code == Code::kNotFound;
    if (!over) return ended.error();
  }
  return {};
}

Result<TaskId> DeployService::CreateTask(const models::Model& model, const std::vector<NodeId>& targets) {
  tasks::TaskRecord task;
  task.type = tasks::TaskType::kDeployModel;
  task.model = model.id;
  task.function_name = std::string(models::TraitsOf(model.function).name);
  task.worker_nodes = targets;
  task.owner = {.node = membership_.self().id, .incarnation = membership_.self().incarnation};
  task.deadline = clock_.WallMillis() + InMillis(kUntilPlanned);
  ASSIGN_OR_RETURN(const tasks::TaskRecord created, tasks_.Create(std::move(task)));
  return created.id;
}

// Do the nodes' ways to run faster than f32 differ, so that their answers would.
bool DeployService::NeedsReference(const std::vector<NodeId>& nodes, bool remote) const {
  if (remote || settings_.Current()->Bool("mlnode.cluster.mixed_precision")) return false;
  return KindsDiffer(nodes, *membership_.LiveNow());
}

// One swap from the plan as it is to the wanted one. Makes the task on the way when there is none yet.
Result<DeployService::Ensured> DeployService::TryDeploy(const models::Model& model, const std::vector<NodeId>& nodes,
                                                        const Stands& stands, std::optional<TaskId>& task) {
  ASSIGN_OR_RETURN(const std::optional<Plan> old, ReadPlanFresh(model.id));
  if (old && stands && stands(*old)) return Ensured{.task = std::nullopt, .generation = old->generation};
  ASSIGN_OR_RETURN(const std::vector<NodeId> targets, Targets(model, old, nodes));
  if (old) RETURN_IF_ERROR(FinishTasks(*old));
  if (!task) {
    ASSIGN_OR_RETURN(task, CreateTask(model, targets));
  }
  Plan plan = old.value_or(Plan{.model = model.id});
  if (!old || !IsOpen(*old)) plan.tasks.clear();  // those of an open deploy end together with this one
  if (IsVoid(plan, model)) plan.last_deployed_time.reset();
  plan.early = model.registration != models::Registration::kRegistered;
  plan.remote = !models::TraitsOf(model.function).local;
  plan.tasks.push_back(*task);
  plan.mode = nodes.empty() ? PlanMode::kAll : PlanMode::kNodes;
  plan.to_all = nodes.empty();
  plan.nodes = targets;
  ++plan.generation;
  plan.requested_at = clock_.WallMillis();
  plan.deadline = DeployDeadlineFrom(plan.requested_at, *settings_.Current());
  plan.outcome.reset();
  plan.reference_precision = NeedsReference(targets, plan.remote);
  RETURN_IF_ERROR(WritePlan(plan));
  return Ensured{.task = task, .generation = plan.generation};
}

Result<TaskId> DeployService::Deploy(const ModelId& model, const std::vector<NodeId>& nodes) {
  ASSIGN_OR_RETURN(const Ensured deployed, Deploy(model, nodes, nullptr));
  return *deployed.task;
}

Result<DeployService::Ensured> DeployService::DeployUnless(const ModelId& model, const std::vector<NodeId>& nodes,
                                                           const Stands& stands) {
  return Deploy(model, nodes, stands);
}

Result<std::uint64_t> DeployService::Generation(const ModelId& model) const {
  ASSIGN_OR_RETURN(const std::optional<Plan> plan, ReadPlanFresh(model));
  return plan ? plan->generation : 0;
}

Result<DeployService::Ensured> DeployService::Deploy(const ModelId& id, const std::vector<NodeId>& nodes,
                                                     const Stands& stands) {
  ASSIGN_OR_RETURN(const models::Model model, models_.Get(id));
  const config::SnapshotPtr settings = settings_.Current();
  RETURN_IF_ERROR(CheckServed(model, *settings));
  if (!nodes.empty() && !settings->Bool("plugins.ml_commons.allow_custom_deployment_plan")) return CustomPlansOff();
  std::optional<TaskId> task;
  Error failure = ChangedMeanwhile();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto planned = TryDeploy(model, nodes, stands, task);
    // Another node's plan came between: the task stands for nothing. If it stays, it ends at its deadline.
    if (planned && !planned->task && task) (void)tasks_.Remove(*task);
    if (planned) return planned;
    if (planned.error().code == Code::kConflict) continue;
    failure = planned.error();
    break;
  }
  // kUnavailable: the plan is possibly written and names the task; if it does not, the reconciler ends it at its
  // deadline.
  if (task && failure.code != Code::kUnavailable) {
    const auto ended = tasks_.Transition(*task, tasks::TaskState::kFailed,
                                         [&](tasks::TaskRecord& record) { record.error = failure.message; });
    if (!ended) LOG_WARN("deploy", "task {} ends at its deadline: {}", task->str(), ended.error().message);
  }
  return failure;
}

Status DeployService::Withdraw(const ModelId& model, const std::vector<NodeId>& nodes) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const std::optional<Plan> old, ReadPlanFresh(model));
    const bool remote = old && old->remote;
    const config::SnapshotPtr settings = settings_.Current();
    const auto eligible = remote ? membership_.EligibleForRemote(*settings) : membership_.EligibleForLocal(*settings);
    const EpochMillis now = clock_.WallMillis();
    std::optional<Plan> plan =
        WithoutNodes(old.value_or(Plan{.model = model}), nodes, eligible, now, DeployDeadlineFrom(now, *settings));
    if (!plan) return {};
    plan->reference_precision = NeedsReference(plan->nodes, plan->remote);
    if (old) RETURN_IF_ERROR(FinishTasks(*old));
    const auto written = WritePlan(*plan);
    if (written) {
      const Status ended = FinishTasks(*plan);
      if (!ended) LOG_WARN("deploy", "tasks of {} end with the reconciler: {}", model.str(), ended.error().message);
      return {};
    }
    if (written.error().code != Code::kConflict) return written.error();
  }
  return ChangedMeanwhile();
}

Result<UndeployReport> DeployService::Undeploy(const std::vector<ModelId>& models, const std::vector<NodeId>& nodes) {
  if (!nodes.empty() && !settings_.Current()->Bool("plugins.ml_commons.allow_custom_deployment_plan"))
    return CustomPlansOff();
  if (models.size() == 1) RETURN_IF_ERROR(models_.Get(models.front()));
  if (models.size() > 1 && settings_.Current()->Bool("plugins.ml_commons.model_access_control_enabled"))
    return OneModelOnly();
  const Standing standing = LookAt(models);
  UndeployReport report;
  for (const Lease& lease : standing.live) {
    if (!nodes.empty() && !Contains(nodes, lease.node)) continue;
    for (const ModelId& model : models) report.nodes[lease.node][model] = UndeployResult::kNotFound;
  }
  for (const ModelId& model : models) {
    // A dead node is told of nothing, but must not load the model again when it returns.
    const auto plan = standing.plans.find(model);
    if (report.nodes.empty() && (plan == standing.plans.end() || !NamesAny(plan->second, nodes))) continue;
    const auto placements = standing.placements.find(model);
    if (placements != standing.placements.end()) {
      for (const Placement& placement : placements->second) {
        const auto node = report.nodes.find(placement.node);
        if (node == report.nodes.end() || placement.state != PlacementState::kLoaded ||
            !Lives(placement, standing.live))
          continue;
        node->second[model] = UndeployResult::kUndeployed;
      }
    }
    // Of several, one that does not exist is passed over; of one that cannot be asked about nothing can be promised.
    const auto known = models_.Get(model);
    if (!known && known.error().code != Code::kNotFound) return known.error();
    if (known) RETURN_IF_ERROR(Withdraw(model, nodes));
  }
  return report;
}

Result<storage::Written> DeployService::Delete(const ModelId& id, models::ModelRegistration& registration) {
  ASSIGN_OR_RETURN(const View view, Get(id));
  switch (view.deployment.state) {
    case ModelState::kDeploying:
    case ModelState::kDeployed:
    case ModelState::kPartiallyDeployed:
      return Error{
          .code = Code::kInvalidArgument,
          .message = "Model cannot be deleted in deploying or deployed state. Try undeploy model first then delete",
          .reason = "status_exception"};
    case ModelState::kRegistering:
      RETURN_IF_ERROR(registration.Cancel(id));
      break;
    case ModelState::kRegistered:
    case ModelState::kDeployFailed:
    case ModelState::kUndeployed:
      break;
  }
  return models_.Remove(id);
}

Result<models::Model> DeployService::Update(const ModelId& id, const models::ModelUpdate& update) {
  const Result<View> view = Get(id);
  if (view && view->deployment.state == ModelState::kDeploying)
    return MakeError(
        Code::kFailedPrecondition,
        fmt::format("Model is deploying. Please wait for the model to complete deployment. model ID {}", id.str()));
  return models::UpdateModel(models_, clock_, id, update);
}

}  // namespace mlnode::deploy
