#include "deploy/reconcile.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/utf8.h"
#include "deploy/deployment.h"

namespace mlnode::deploy {
namespace {

constexpr std::string_view kModelDeleted = "The model was deleted while it was being deployed";
constexpr std::string_view kOwnerGone = "The node that ran this task is gone";

// How often a load that waits behind others tells that those get on: a write now and then, not one for each of their
// bytes.
constexpr EpochMillis kQueuedRefresh = 5'000;

// Engines and downloads say what they like; a document takes only UTF-8, and not without limit.
constexpr std::size_t kMaxReasonBytes = 4'096;

std::string StorableReason(std::string_view text) {
  constexpr std::uint32_t kReplacement = 0xFFFD;
  std::string storable;
  while (!text.empty() && storable.size() < kMaxReasonBytes) {
    const std::size_t length = DecodeUtf8(text).length;
    if (length == 0) AppendUtf8(storable, kReplacement);
    storable.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return std::string(TruncateUtf8(storable, kMaxReasonBytes));
}

// Where an open deploy stands.
struct Standing {
  std::size_t loaded = 0;
  std::vector<NodeId> pending;
  std::map<NodeId, std::string> failures;
  EpochMillis progress = 0;  // newest sign of it
  EpochMillis started = 0;   // newest start of a pending node
  bool begun = false;
};

class ClusterPass {
 public:
  explicit ClusterPass(const ClusterView& view) : view_(view) {
    for (const Lease& lease : view_.live) leases_.emplace(lease.node, &lease);
    for (const Placement& placement : view_.placements) {
      const Lease* const lease = LeaseOf(placement.node);
      if (lease == nullptr) {
        actions_.push_back(RemovePlacement{placement});
      } else if (lease->incarnation == placement.incarnation && !lease->leaving) {
        placements_.emplace(std::pair(placement.model, placement.node), &placement);
      }
    }
    for (const tasks::TaskRecord& task : view_.tasks) tasks_.emplace(task.id, &task);
  }

  std::vector<ClusterAction> Run() {
    for (const Plan& plan : view_.plans) {
      if (!view_.models.contains(plan.model)) {
        RemoveOrphan(plan);
      } else if (plan.mode == PlanMode::kNone || plan.outcome) {
        const bool waiting = FinishTasks(plan);
        if (!waiting && IsIdle(plan)) {
          actions_.push_back(WithdrawIdle{plan});
        } else if (NeedsReference(plan)) {
          actions_.push_back(UnifyPrecision{plan});
        }
      } else if (NeedsReference(plan)) {
        actions_.push_back(UnifyPrecision{plan});
      } else {
        Advance(plan);
      }
    }
    for (const Lease& lease : view_.forgotten) actions_.push_back(RemoveLease{lease});
    for (const auto& [id, task] : tasks_) CheckOwner(*task);
    return std::move(actions_);
  }

 private:
  // Null: it does not live.
  const Lease* LeaseOf(const NodeId& node) const {
    const auto found = leases_.find(node);
    return found == leases_.end() ? nullptr : found->second;
  }

  const std::vector<NodeId>& EligibleFor(const Plan& plan) const {
    return plan.remote ? view_.eligible_for_remote : view_.eligible;
  }

  // Takes the task out of those that are left to CheckOwner. Null: not in progress.
  const tasks::TaskRecord* Take(const TaskId& id) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) return nullptr;
    const tasks::TaskRecord* task = found->second;
    tasks_.erase(found);
    return task;
  }

  void RemoveOrphan(const Plan& plan) {
    bool waiting = false;
    for (const TaskId& id : plan.tasks) {
      if (!Take(id)) continue;
      waiting = true;
      actions_.push_back(FinishTask{id, tasks::TaskState::kFailed, std::string(kModelDeleted)});
    }
    if (!waiting) actions_.push_back(RemovePlan{plan});
  }

  // Whether there were any to end.
  bool FinishTasks(const Plan& plan) {
    bool waiting = false;
    for (const TaskId& id : plan.tasks) {
      if (!Take(id)) continue;
      waiting = true;
      const Outcome outcome = plan.outcome.value_or(Outcome{.kind = Outcome::Kind::kCancelled, .reason = "undeployed"});
      actions_.push_back(FinishTask{id, TaskStateFor(outcome.kind), outcome.reason});
    }
    return waiting;
  }

  bool NeedsReference(const Plan& plan) {
    if (view_.mixed_precision || plan.reference_precision || plan.remote || plan.mode == PlanMode::kNone) return false;
    const bool given_up = plan.outcome && (plan.outcome->kind == Outcome::Kind::kFailed ||
                                           plan.outcome->kind == Outcome::Kind::kCancelled);
    if (given_up) return false;
    if (plan.mode == PlanMode::kAll) {  // the same for all of them
      if (!eligible_differ_) eligible_differ_ = KindsDiffer(view_.eligible, view_.live);
      return *eligible_differ_;
    }
    std::vector<NodeId> nodes = PlannedNodes(plan, view_.eligible);
    std::erase_if(nodes,
                  [&](const NodeId& node) { return std::ranges::find(view_.eligible, node) == view_.eligible.end(); });
    return KindsDiffer(nodes, view_.live);
  }

  bool IsIdle(const Plan& plan) const {
    bool held = false;
    for (const NodeId& node : PlannedNodes(plan, EligibleFor(plan))) {
      const auto found = placements_.find(std::pair(plan.model, node));
      if (found == placements_.end() || found->second->state == PlacementState::kFailed) continue;
      const Placement& placement = *found->second;
      if (placement.generation != plan.generation || !placement.expired) return false;
      held = true;
    }
    return held;
  }

  void Advance(const Plan& plan) {
    const Standing standing = Judge(plan);
    for (const TaskId& id : plan.tasks) {
      const tasks::TaskRecord* task = Take(id);
      if (task && task->state == tasks::TaskState::kCreated && standing.begun) actions_.push_back(MarkRunning{id});
    }
    const EpochMillis renewed = standing.progress + view_.deadline_length;
    const EpochMillis allowed = std::max({plan.deadline, renewed, standing.started + view_.deadline_length});
    if (standing.pending.empty()) {
      Close(plan, standing.loaded, standing.failures);
    } else if (view_.now >= allowed) {
      auto failures = standing.failures;
      for (const NodeId& node : standing.pending) {
        failures.emplace(node,
                         fmt::format("The deployment made no progress for {} seconds", view_.deadline_length / 1000));
      }
      Close(plan, standing.loaded, failures);
    } else if (renewed >= plan.deadline + view_.deadline_length / 10) {  // a write for each tenth, not for each byte
      actions_.push_back(RenewDeadline{plan, renewed});
    }
  }

  Standing Judge(const Plan& plan) const {
    Standing standing;
    const std::vector<NodeId>& eligible = EligibleFor(plan);
    for (const NodeId& node : PlannedNodes(plan, eligible)) {
      const auto found = placements_.find(std::pair(plan.model, node));
      const Placement* placement = found == placements_.end() ? nullptr : found->second;
      // What serves of an earlier generation may be loaded anew meanwhile.
      if (placement) standing.progress = std::max(standing.progress, placement->progressed_at);
      if (placement && placement->generation != plan.generation) placement = nullptr;
      if (placement) {
        standing.begun = true;
        standing.progress = std::max(standing.progress, placement->since);
      }
      const Lease* const lease = LeaseOf(node);
      if (lease == nullptr) {
        standing.failures.emplace(node, kNodeGone);
      } else if (lease->leaving) {
        standing.failures.emplace(node, kNodeLeaves);
      } else if (std::ranges::find(eligible, node) == eligible.end()) {
        standing.failures.emplace(node, kNodeNotEligible);
      } else if (placement && placement->state == PlacementState::kLoaded) {
        ++standing.loaded;
      } else if (placement && placement->state == PlacementState::kFailed) {
        standing.failures.emplace(node, placement->reason);
      } else {
        standing.pending.push_back(node);
        standing.started = std::max(standing.started, lease->started_at);
      }
    }
    return standing;
  }

  void Close(const Plan& plan, std::size_t loaded, const std::map<NodeId, std::string>& failures) {
    Outcome outcome{.kind = Outcome::Kind::kDeployed, .at = view_.now, .reason = {}};
    if (!failures.empty()) {
      outcome.kind = loaded > 0 ? Outcome::Kind::kPartial : Outcome::Kind::kFailed;
      outcome.reason = FailureText(failures);
    } else if (loaded == 0) {
      outcome.kind = Outcome::Kind::kFailed;
      outcome.reason = kNoEligibleNode;
    }
    const auto planned = static_cast<double>(loaded + failures.size());
    const bool enough = loaded > 0 && static_cast<double>(loaded) >= view_.success_ratio * planned;
    CloseDeploy close{.plan = plan, .outcome = std::move(outcome)};
    close.plan.succeeded = plan.succeeded || enough;
    actions_.push_back(std::move(close));
  }

  // Whoever wrote a task a moment ago lived then, whatever his lease says: he may just have come back, and is about to
  // write the plan that names it.
  bool HasOwner(const tasks::TaskRecord& task) const {
    if (task.owner.node.empty()) return true;
    const auto is_owners = [&](const Lease& lease) {
      return lease.node == task.owner.node && lease.incarnation == task.owner.incarnation;
    };
    if (std::ranges::any_of(view_.live, is_owners) || std::ranges::any_of(view_.lived, is_owners)) return true;
    if (std::ranges::find(view_.live, task.owner.node, &Lease::node) != view_.live.end()) return false;
    const std::chrono::milliseconds age(view_.now - task.last_update_time);
    return age >= Duration::zero() && age < kLeaseDeath;
  }

  void CheckOwner(const tasks::TaskRecord& task) {
    const bool owned = HasOwner(task);
    if (owned && view_.now < task.deadline) return;
    if (const auto done = view_.registered.find(task.id); done != view_.registered.end()) {
      actions_.push_back(FinishTask{task.id, tasks::TaskState::kCompleted, {}, done->second});
    } else if (!owned) {
      Abandon(task, std::string(kOwnerGone));
    } else {
      const EpochMillis waited = (view_.now - task.last_update_time) / 1000;
      Abandon(task, fmt::format("timeout after {} seconds", waited));
    }
  }

  void Abandon(const tasks::TaskRecord& task, std::string why) {
    actions_.push_back(FinishTask{.task = task.id,
                                  .state = tasks::TaskState::kFailed,
                                  .error = std::move(why),
                                  .seen = FinishTask::Seen{task.last_update_time, task.deadline}});
  }

  const ClusterView& view_;
  std::map<NodeId, const Lease*> leases_;                              // of the live
  std::map<std::pair<ModelId, NodeId>, const Placement*> placements_;  // those that count
  std::optional<bool> eligible_differ_;               // in what they can run faster; nullopt: nobody has asked yet
  std::map<TaskId, const tasks::TaskRecord*> tasks_;  // in progress, not yet looked at
  std::vector<ClusterAction> actions_;
};

class NodePass {
 public:
  explicit NodePass(const NodeView& view) : view_(view) {
    for (const serving::LocalModel& local : view_.local) local_.emplace(local.model, &local);
    for (const Placement& placement : view_.placements) placements_.emplace(placement.model, &placement);
    for (const auto& [model, load] : view_.begun) begun_.emplace(model, &load);
    const auto loading = static_cast<std::size_t>(
        std::ranges::count(view_.local, serving::LocalState::kLoading, &serving::LocalModel::state));
    busy_ = loading > 0;
    // Not one for each that ends: a few in one step are written down together.
    room_ = loading <= kLoadsAhead / 2 ? kLoadsAhead - loading : 0;
  }

  std::vector<NodeAction> Run() {
    for (const Plan& plan : view_.plans) {
      if (Wants(plan, view_)) Keep(plan);
    }
    if (!busy_ && !starting_ && !suspects_.empty()) actions_.push_back(suspects_.front());
    // What is left is wanted by no plan.
    for (const auto& [model, local] : local_) actions_.push_back(StartUnload{model});
    for (const auto& [model, placement] : placements_) actions_.push_back(DropPlacement{*placement});
    for (const auto& [model, load] : begun_) actions_.push_back(ForgetLoad{model});
    return std::move(actions_);
  }

 private:
  void Keep(const Plan& plan) {
    const auto found = local_.find(plan.model);
    const serving::LocalModel* local = found == local_.end() ? nullptr : found->second;
    const auto stored = placements_.find(plan.model);
    const Placement* placement = stored == placements_.end() ? nullptr : stored->second;
    if (local) local_.erase(found);
    if (placement) placements_.erase(stored);
    const BegunLoad* const load = TakeBegun(plan);
    const bool failed = local && local->state == serving::LocalState::kFailed;
    const bool retry = failed && plan.outcome && view_.redeploys && view_.retry_due.contains(plan.model);
    const bool held = local && !failed;
    if (!held && plan.outcome && !view_.redeploys && (!local || local->generation < plan.generation)) {
      actions_.push_back(RefuseLoad{plan.model, plan.generation, 0});
      return;
    }
    const std::uint64_t begun = !local ? 0 : local->reload ? local->reload->generation : local->generation;
    if (!local || begun < plan.generation || retry) {
      Start(plan, load, placement, /*limited=*/!held && !plan.remote && plan.outcome);
      return;  // the placement is written once `local` shows the new state
    }
    if (load) ForgetIfEnded(*load, *local);
    WriteIfNew(*local, placement);
  }

  // What is begun of this generation of the plan; null: nothing.
  const BegunLoad* TakeBegun(const Plan& plan) {
    const auto found = begun_.find(plan.model);
    if (found == begun_.end()) return nullptr;
    const BegunLoad* const load = found->second;
    begun_.erase(found);
    if (load->generation == plan.generation) return load;
    actions_.push_back(ForgetLoad{plan.model});
    return nullptr;
  }

  void Start(const Plan& plan, const BegunLoad* begun, const Placement* placement, bool limited) {
    // Its end is told by the placement first.
    const bool ended = begun && placement && placement->incarnation == begun->incarnation &&
                       placement->generation == begun->generation && placement->state != PlacementState::kLoading;
    const bool own = begun && begun->incarnation == view_.incarnation;
    const std::uint64_t before = begun && !ended ? begun->count - (own ? 1 : 0) : 0;  // that ended while they loaded it
    const StartLoad start{plan.model, plan.generation, plan.reference_precision, before + 1};
    if (before == 0 || own) {
      if (limited && room_ == 0) return;
      if (limited) --room_;
      starting_ = true;
      actions_.push_back(start);
    } else if (before >= std::max<std::uint64_t>(view_.redeploy_limit, 1)) {
      actions_.push_back(RefuseLoad{plan.model, plan.generation, before});
    } else {
      suspects_.push_back(start);
    }
  }

  void ForgetIfEnded(const BegunLoad& begun, const serving::LocalModel& local) {
    if (local.state == serving::LocalState::kLoading) return;
    // A failure without a begin of this process is a refusal to load, which says nothing of the load.
    if (local.state == serving::LocalState::kFailed && begun.incarnation != view_.incarnation) return;
    actions_.push_back(ForgetLoad{local.model});
  }

  void WriteIfNew(const serving::LocalModel& local, const Placement* stored) {
    Placement placement{.node = view_.self, .model = local.model, .generation = local.generation};
    placement.incarnation = view_.incarnation;
    placement.since = placement.progressed_at = view_.now;
    if (local.state == serving::LocalState::kReady) placement.state = PlacementState::kLoaded;
    if (local.state == serving::LocalState::kLoading) {
      placement.phase = serving::PhaseName(local.phase);
      placement.done_bytes = local.done_bytes;
      placement.total_bytes = local.total_bytes;
    }
    if (local.state == serving::LocalState::kFailed) {
      placement.state = PlacementState::kFailed;
      placement.reason = local.error ? StorableReason(local.error->message) : "unknown";
      placement.retryable = local.error && IsRetryable(*local.error);
    }
    placement.expired = local.state == serving::LocalState::kReady && view_.expired.contains(local.model);
    if (stored) {
      placement.revision = stored->revision;
      const bool same_run = stored->generation == placement.generation && stored->incarnation == placement.incarnation;
      const bool same_state = same_run && stored->state == placement.state && stored->reason == placement.reason;
      const bool same_use = stored->expired == placement.expired;
      const bool same_progress = stored->phase == placement.phase && stored->done_bytes == placement.done_bytes;
      const bool queued = local.state == serving::LocalState::kLoading && local.phase == serving::Phase::kQueued;
      const bool moving_up = (queued || local.reload) && view_.load_progress >= stored->progressed_at + kQueuedRefresh;
      if (same_state && same_progress && same_use && !moving_up) return;
      if (same_state) placement.since = stored->since;
      if (same_state && same_progress && same_use) placement.progressed_at = view_.load_progress;
    }
    actions_.push_back(WritePlacement{placement});
  }

  const NodeView& view_;
  std::map<ModelId, const serving::LocalModel*> local_;
  std::map<ModelId, const Placement*> placements_;
  std::map<ModelId, const BegunLoad*> begun_;
  std::vector<StartLoad> suspects_;  // an earlier process ended while it loaded them
  bool busy_ = false;                // something is loading
  bool starting_ = false;            // others are begun in this pass
  std::size_t room_ = 0;             // for loads without a request
  std::vector<NodeAction> actions_;
};

}  // namespace

tasks::TaskState TaskStateFor(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kDeployed:
      return tasks::TaskState::kCompleted;
    case Outcome::Kind::kPartial:
      return tasks::TaskState::kCompletedWithError;
    case Outcome::Kind::kFailed:
    case Outcome::Kind::kCancelled:
      break;
  }
  return tasks::TaskState::kFailed;
}

std::vector<ClusterAction> Reconcile(const ClusterView& view) { return ClusterPass(view).Run(); }

std::vector<NodeAction> ReconcileNode(const NodeView& view) { return NodePass(view).Run(); }

bool Wants(const Plan& plan, const NodeView& view) {
  const bool eligible = plan.remote ? view.eligible_for_remote : view.eligible;
  if (!eligible || !view.models.contains(plan.model)) return false;
  if (plan.outcome &&
      (plan.outcome->kind == Outcome::Kind::kFailed || plan.outcome->kind == Outcome::Kind::kCancelled)) {
    return false;
  }
  if (plan.mode == PlanMode::kNodes) return std::ranges::find(plan.nodes, view.self) != plan.nodes.end();
  return plan.mode == PlanMode::kAll;
}

std::optional<std::chrono::minutes> TimeToLive(const json::object& model_document) {
  const json::value* setting = model_document.if_contains("deploy_setting");
  const json::object* fields = setting == nullptr ? nullptr : setting->if_object();
  if (fields == nullptr) return std::nullopt;
  const auto minutes = IntField(*fields, "model_ttl_minutes");
  if (!minutes || !*minutes || **minutes < 0) return std::nullopt;
  // A hundred years: what is longer must not overflow the clock.
  constexpr std::int64_t kLongest = 100LL * 366 * 24 * 60;
  return std::chrono::minutes(std::min(**minutes, kLongest));
}

bool IsRetryable(const Error& error) {
  return error.code == Code::kResourceExhausted || error.code == Code::kUnavailable ||
         error.code == Code::kDeadlineExceeded || error.code == Code::kCancelled;
}

}  // namespace mlnode::deploy
