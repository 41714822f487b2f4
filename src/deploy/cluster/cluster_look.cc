#include "deploy/cluster/cluster_look.h"

#include <algorithm>
#include <array>
#include <utility>

#include "deploy/deploy_deadline.h"

namespace mlnode::deploy {
namespace {

bool IsOpen(const Plan& plan) { return plan.mode != PlanMode::kNone && !plan.outcome; }

}  // namespace

void ClusterLook::Note(const storage::Change& change) {
  const auto news = news_.Lock();
  if (change.kind == storage::Change::Kind::kResync) {
    *news = {.everything = true};
  } else if (!news->everything && change.key.collection == storage::Collection::kPlacements) {
    news->placements.insert(change.key.id);
  } else if (!news->everything && change.key.collection != storage::Collection::kTasks) {
    news->models.emplace(change.key.id);
  }
}

void ClusterLook::Keep(const std::vector<ClusterAction>& actions) {
  kept_ = {};
  for (const ClusterAction& action : actions) {
    std::visit(
        [this](const auto& one) {
          if constexpr (requires { one.plan; }) kept_.models.insert(one.plan.model);
          if constexpr (requires { one.placement; })
            kept_.placements.insert(PlacementKey(one.placement.node, one.placement.model).id);
        },
        action);
  }
}

ClusterLook::Basis ClusterLook::BasisOf(const ClusterView& view) {
  Basis basis{.eligible = view.eligible,
              .eligible_for_remote = view.eligible_for_remote,
              .mixed_precision = view.mixed_precision};
  for (const Lease& lease : view.live)
    basis.nodes.emplace_back(lease.node, lease.incarnation, lease.leaving, lease.fast_precision);
  return basis;
}

ClusterView ClusterLook::Look() {
  News news = std::exchange(*news_.Lock(), {});  // before anything is read: what comes later is news of the next look
  ClusterView view;
  bool done = false;
  if (!news.everything && basis_ && clock_.Now() < reread_at_) {
    view.lived = membership_.Live();
    ReadSome(view, std::move(news));
    ReadNodes(view);
    done = BasisOf(view) == *basis_;
  }
  if (!done) {
    view = {};
    view.lived = membership_.Live();
    ReadAll(view);
    ReadNodes(view);
    basis_ = BasisOf(view);
    reread_at_ = clock_.Now() + kReread;
  }
  unfinished_.clear();
  for (const Plan& plan : view.plans) {
    if (IsOpen(plan)) unfinished_.insert(plan.model);
  }
  for (const tasks::TaskRecord& task : view.tasks) {
    if (task.model) unfinished_.insert(*task.model);
  }
  return view;
}

void ClusterLook::ReadAll(ClusterView& view) const {
  constexpr std::array kCollections{storage::Collection::kPlans, storage::Collection::kPlacements,
                                    storage::Collection::kModels};
  for (const storage::DocumentPtr& document : models_.store().Read(kCollections).documents) {
    if (document->key.collection == storage::Collection::kModels) {
      view.models.insert(ModelId(document->key.id));
    } else if (document->key.collection == storage::Collection::kPlans) {
      if (auto plan = ReadPlan(*document)) view.plans.push_back(*std::move(plan));
    } else if (auto placement = ReadPlacement(*document)) {
      view.placements.push_back(*std::move(placement));
    }
  }
}

void ClusterLook::ReadSome(ClusterView& view, News news) const {
  const storage::Store& store = models_.store();
  news.models.insert(unfinished_.begin(), unfinished_.end());
  news.models.insert(kept_.models.begin(), kept_.models.end());
  news.placements.insert(kept_.placements.begin(), kept_.placements.end());
  for (const tasks::TaskRecord& task : tasks_.InProgress()) {
    if (task.model) news.models.insert(*task.model);
  }
  std::set<std::pair<ModelId, NodeId>> known;
  const auto add = [&](Placement placement) {
    if (known.emplace(placement.model, placement.node).second) view.placements.push_back(std::move(placement));
  };
  for (const std::string& id : news.placements) {
    const auto document = store.Get({storage::Collection::kPlacements, id});
    if (!document) continue;
    const auto lease = std::ranges::lower_bound(view.lived, std::string_view(id).substr(0, id.find('/')), {},
                                                [](const Lease& one) { return std::string_view(one.node.str()); });
    if (lease != view.lived.end() && id.starts_with(lease->node.str() + "/") &&
        SaysInUse(**document, lease->incarnation))
      continue;
    auto placement = ReadPlacement(**document);
    if (!placement) continue;
    if (placement->expired) news.models.insert(placement->model);
    add(*std::move(placement));
  }
  // In this order: whoever has a plan has its model.
  for (const ModelId& model : news.models) {
    const auto document = store.Get(PlanKey(model));
    auto plan = document ? ReadPlan(**document) : Result<Plan>(document.error());
    if (!plan) continue;
    view.plans.push_back(*std::move(plan));
    if (store.Get({storage::Collection::kModels, model.str()})) view.models.insert(model);
    for (const Lease& lease : view.lived) {
      const auto held = store.Get(PlacementKey(lease.node, model));
      if (auto placement = held ? ReadPlacement(**held) : Result<Placement>(held.error())) add(*std::move(placement));
    }
  }
}

// After plans and placements: a plan that was seen has its tasks here, a placement its node's lease.
void ClusterLook::ReadNodes(ClusterView& view) const {
  view.tasks = tasks_.InProgress();
  const config::SnapshotPtr current = settings_.Current();
  view.live = membership_.Live();
  view.eligible = Membership::EligibleForLocal(view.live, *current);
  view.eligible_for_remote = Membership::EligibleForRemote(view.live, *current);
  view.forgotten = membership_.Forgotten();
  view.mixed_precision = current->Bool("mlnode.cluster.mixed_precision");
  view.registered = Registered(view.tasks);
  view.now = clock_.WallMillis();
  view.deadline_length = DeployDeadlineLength(*current);
  view.success_ratio = current->Float("plugins.ml_commons.model_auto_redeploy_success_ratio");
}

// Those of `running` whose model is complete. After a look at who lives: what a dead owner did is all there.
std::map<TaskId, ModelId> ClusterLook::Registered(const std::vector<tasks::TaskRecord>& running) const {
  std::map<TaskId, ModelId> registered;
  if (std::ranges::none_of(running, [](const auto& task) { return task.type == tasks::TaskType::kRegisterModel; }))
    return registered;
  for (const models::Model& model : models_.List()) {
    if (model.registration == models::Registration::kRegistered && model.register_task)
      registered.emplace(*model.register_task, model.id);
  }
  return registered;
}

}  // namespace mlnode::deploy
