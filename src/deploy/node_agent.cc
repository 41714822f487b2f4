#include "deploy/node_agent.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/log.h"
#include "deploy/load_watch.h"
#include "deploy/step_loop.h"

namespace mlnode::deploy {
namespace {

constexpr Duration kPace = std::chrono::seconds(1);
constexpr Duration kDrain = std::chrono::seconds(30);  // for predictions of a model that is taken out of service
constexpr Duration kSettleLimit = std::chrono::seconds(60);
constexpr Duration kArtifactPace = std::chrono::seconds(10);

// What the peer says when a node deploys a model whose chunks are not all there: it reads them in order and stops at
// the first gap.
Error MissingChunk(const models::Model& model) {
  const std::int64_t total = model.total_chunks.value_or(0);
  std::int64_t first = 0;
  for (const std::uint32_t part : model.received_parts) {
    if (part != first) break;
    ++first;
  }
  if (first + 1 == total) {
    return MakeError(Code::kFailedPrecondition, fmt::format("Fail to find model chunk {}_{}", model.id.str(), first));
  }
  return MakeError(Code::kFailedPrecondition, "Failed to deploy model");
}

constexpr std::string_view kRedeploysOff = "redeploys_off";  // Error.reason of what is refused for that

// A deploy of it is open.
bool IsRequested(const ModelId& model, const NodeView& view) {
  const auto plan = std::ranges::find(view.plans, model, &Plan::model);
  return plan != view.plans.end() && !plan->outcome;
}

}  // namespace

struct NodeAgent::State {
  explicit State(NodeAgentEnvironment e)
      : membership(e.membership),
        models(e.models),
        local(e.local),
        actions(e.actions),
        settings(e.settings),
        random(e.random),
        clock(e.clock),
        background(e.background),
        resources(std::move(e.resources)),
        loop(e.background, kPace, [this] { Step(); }) {}

  void Step();
  NodeView Look();
  void CancelStalled();
  void Settle(const NodeView& view);
  void KeepArtifacts();
  std::vector<serving::LocalModel> LocalAndRefused() const;
  void Apply(const StartLoad& action, const NodeView& view);
  void Apply(const RefuseLoad& action, const NodeView& view);
  void Apply(const ForgetAttempt& action, const NodeView& view);
  void Apply(const StartUnload& action, const NodeView& view);
  void Apply(const WritePlacement& action, const NodeView& view);
  void Apply(const DropPlacement& action, const NodeView& view);
  bool RecordAttempt(const ModelId& model, const NodeView& view);
  Status WritePlan(const Plan& plan);
  void Halt();
  void ForgetUnfinished();
  std::optional<Error> Refusal(const models::Model& model, const NodeView& view) const;
  void Refuse(const ModelId& model, std::uint64_t generation, Error why);
  void CountDeploy(const Placement& placement, const NodeView& view);

  Membership& membership;
  models::ModelRepository& models;
  serving::LocalModels& local;
  models::ActionStats& actions;
  config::Settings& settings;
  RandomSource& random;
  const Clock& clock;
  Executor& background;
  const config::ResourceProbe resources;

  // Of the step alone.
  std::map<ModelId, serving::LocalModel> refused;  // not handed to `local`, or taken from it for want of progress
  std::optional<std::set<ModelId>> unsettled;      // wanted at start, no result yet
  struct Counted {
    std::uint64_t requested = 0, failed = 0;  // the newest generation that was
  };
  std::map<ModelId, Counted> counted;
  std::optional<SteadyTime> artifacts_kept;
  SteadyTime started;

  struct Shared {
    LoadWatch watch;
    bool settled = false;
  };
  mutable Guarded<Shared> shared;

  std::unique_ptr<storage::Subscription> subscription;
  StepLoop loop;  // last: it goes first, and no step outlives it
};

std::vector<serving::LocalModel> NodeAgent::State::LocalAndRefused() const {
  std::vector<serving::LocalModel> all = local.List();
  // A refusal stands beside a model that is still going; the newer word counts.
  std::erase_if(all, [&](const serving::LocalModel& model) {
    const auto found = refused.find(model.model);
    return found != refused.end() && found->second.generation >= model.generation;
  });
  for (const auto& [id, model] : refused) {
    if (std::ranges::none_of(all, [&](const auto& other) { return other.model == id; })) all.push_back(model);
  }
  return all;
}

void NodeAgent::State::CancelStalled() {
  const Duration limit = std::chrono::seconds(settings.Current()->Int("mlnode.deploy.deadline_seconds"));
  const auto all = local.List();
  const auto seen = LocalAndRefused();
  std::vector<ModelId> stalled;
  {
    const auto state = shared.Lock();
    state->watch.Observe(seen, {.steady = clock.Now(), .wall = clock.WallMillis()});
    stalled = state->watch.Stalled(clock.Now(), limit);
  }
  for (const ModelId& id : stalled) {
    const auto model = std::ranges::find(all, id, &serving::LocalModel::model);
    if (model == all.end()) continue;
    LOG_WARN("deploy", "load of {} cancelled in phase {}: no progress", id.str(), serving::PhaseName(model->phase));
    local.Unload(id, Duration::zero());
    Refuse(id, model->generation,
           MakeError(Code::kDeadlineExceeded,
                     fmt::format("The deployment made no progress for {} seconds",
                                 std::chrono::duration_cast<std::chrono::seconds>(limit).count())));
  }
}

NodeView NodeAgent::State::Look() {
  constexpr std::array kCollections{storage::Collection::kPlans, storage::Collection::kPlacements,
                                    storage::Collection::kModels};
  NodeView view{.self = membership.self().id, .incarnation = membership.self().incarnation};
  std::map<ModelId, Duration> times_to_live;
  for (const storage::DocumentPtr& document : models.store().Read(kCollections).documents) {
    if (document->key.collection == storage::Collection::kModels) {
      const ModelId& model = *view.models.emplace(document->key.id).first;
      if (const auto minutes = TimeToLive(document->body)) times_to_live.emplace(model, *minutes);
    } else if (document->key.collection == storage::Collection::kPlans) {
      auto plan = ReadPlan(*document);
      if (plan) {
        view.plans.push_back(*std::move(plan));
      } else {
        LOG_ERROR("deploy", "plan ignored: {}", plan.error().message);
      }
    } else if (document->key.id.starts_with(view.self.str() + "/")) {
      if (auto placement = ReadPlacement(*document)) view.placements.push_back(*std::move(placement));
    }
  }
  const config::SnapshotPtr current = settings.Current();
  const auto holds_self = [&view](const std::vector<NodeId>& nodes) {
    return std::ranges::find(nodes, view.self) != nodes.end();
  };
  view.eligible = holds_self(membership.EligibleForLocal(*current));
  view.eligible_for_remote = holds_self(membership.EligibleForRemote(*current));
  view.redeploys = current->Bool("plugins.ml_commons.model_auto_redeploy.enable");
  if (view.redeploys) std::erase_if(refused, [](const auto& one) { return one.second.error->reason == kRedeploysOff; });
  const std::int64_t retries = current->Int("plugins.ml_commons.model_auto_redeploy.lifetime_retry_times");
  view.redeploy_limit = static_cast<std::uint64_t>(std::max<std::int64_t>(retries, 0));
  view.local = LocalAndRefused();
  for (const serving::LocalModel& model : view.local) {
    const auto limit = times_to_live.find(model.model);
    if (limit == times_to_live.end() || model.state != serving::LocalState::kReady) continue;
    if (clock.Now() - model.last_used >= limit->second) view.expired.insert(model.model);
  }
  view.now = clock.WallMillis();
  const auto state = shared.Lock();
  state->watch.Observe(view.local, {.steady = clock.Now(), .wall = view.now});
  view.retry_due = state->watch.RetryDue(clock.Now());
  view.load_progress = state->watch.newest_progress();
  return view;
}

void NodeAgent::State::Step() {
  CancelStalled();
  const NodeView view = Look();
  Settle(view);
  std::erase_if(counted, [&](const auto& entry) { return !view.models.contains(entry.first); });
  for (const NodeAction& action : ReconcileNode(view)) {
    std::visit([&](const auto& one) { Apply(one, view); }, action);
  }
  if (!artifacts_kept || clock.Now() - *artifacts_kept >= kArtifactPace) KeepArtifacts();
}

// What is unpacked on disk belongs to a model, deployed or not; what a deleted one or a crash left goes.
void NodeAgent::State::KeepArtifacts() {
  constexpr std::array kCollections{storage::Collection::kModels};
  std::set<std::string> hashes;
  for (const storage::DocumentPtr& document : models.store().Read(kCollections).documents) {
    const auto hash = StringField(document->body, "model_content_hash_value");
    if (hash && *hash) hashes.insert(**hash);
  }
  local.KeepArtifacts(hashes);
  artifacts_kept = clock.Now();
}

void NodeAgent::State::Settle(const NodeView& view) {
  if (!unsettled) {
    unsettled.emplace();
    for (const Plan& plan : view.plans) {
      if (Wants(plan, view)) unsettled->insert(plan.model);
    }
  }
  std::erase_if(*unsettled, [&](const ModelId& model) {
    const auto plan = std::ranges::find(view.plans, model, &Plan::model);
    if (plan == view.plans.end() || !Wants(*plan, view)) return true;
    const auto found = std::ranges::find(view.local, model, &serving::LocalModel::model);
    return found != view.local.end() && found->state != serving::LocalState::kLoading;
  });
  if (unsettled->empty()) shared.Lock()->settled = true;
}

void NodeAgent::State::Refuse(const ModelId& model, std::uint64_t generation, Error why) {
  serving::LocalModel failed;
  failed.model = model;
  failed.generation = generation;
  failed.state = serving::LocalState::kFailed;
  failed.error = std::move(why);
  refused[model] = std::move(failed);
}

// Limits of this node that stand against one more load. What is loaded or loading already was let in before.
std::optional<Error> NodeAgent::State::Refusal(const models::Model& model, const NodeView& view) const {
  if (model.registration != models::Registration::kRegistered) return MissingChunk(model);
  // A remote one takes neither memory nor disk nor the time of a load: the peer's limits and breakers leave it alone.
  if (!models::TraitsOf(model.function).local) return std::nullopt;
  const auto held = std::ranges::find(view.local, model.id, &serving::LocalModel::model);
  if (held != view.local.end() && held->state != serving::LocalState::kFailed) return std::nullopt;
  const config::SnapshotPtr current = settings.Current();
  std::int64_t holding = 0, loading = 0;
  for (const serving::LocalModel& other : local.List()) {
    if (other.model == model.id || other.state == serving::LocalState::kFailed) continue;
    if (!models::TraitsOf(other.function).local) continue;
    ++holding;
    // Requests only: what was deployed before a restart is loaded one after the other, however much it is.
    if (other.state == serving::LocalState::kLoading && IsRequested(other.model, view)) ++loading;
  }
  if (models::TraitsOf(model.function).counts_to_limit &&
      holding >= current->Int("plugins.ml_commons.max_model_on_node")) {
    return MakeError(Code::kResourceExhausted, "Exceed max local model per node limit");
  }
  if (!IsRequested(model.id, view)) return std::nullopt;  // a restart brings back what was there
  if (loading >= current->Int("plugins.ml_commons.max_deploy_model_tasks_per_node")) {
    return MakeError(Code::kResourceExhausted, "exceed max running task limit");
  }
  const config::Resources now = resources();
  if (Status open = config::CheckMemoryBreaker(*current, now); !open) return std::move(open).error();
  if (Status open = config::CheckDiskBreaker(*current, now); !open) return std::move(open).error();
  return std::nullopt;
}

void NodeAgent::State::Apply(const StartLoad& action, const NodeView& view) {
  const auto model = models.Get(action.model);
  if (!model) {  // gone or unreadable now: the next pass sees
    if (model.error().code == Code::kDataLoss) Refuse(action.model, action.generation, model.error());
    return;
  }
  refused.erase(action.model);
  shared.Lock()->watch.Retried(action.model);
  if (auto refusal = Refusal(*model, view)) {
    Refuse(action.model, action.generation, *std::move(refusal));
  } else if (auto spec = serving::MakeLoadSpec(*model); !spec) {
    Refuse(action.model, action.generation, spec.error());
  } else if (RecordAttempt(action.model, view)) {
    local.Load(*std::move(spec), action.generation, [kick = loop.Kicker()](const ModelId&) { kick(); });
  }
  loop.Kick();
}

Status NodeAgent::State::WritePlan(const Plan& plan) {
  const auto written = storage::Commit(models.store(), {.key = PlanKey(plan.model),
                                                        .expect = storage::Expect::Revision(plan.revision),
                                                        .body = StoredForm(plan),
                                                        .nonce = NewNonce(random)});
  if (!written) return written.error();
  return {};
}

// Writes that this process begins to load. False: the plan has changed, look again.
bool NodeAgent::State::RecordAttempt(const ModelId& model, const NodeView& view) {
  const auto found = std::ranges::find(view.plans, model, &Plan::model);
  if (found == view.plans.end()) return false;
  if (local.Find(model)) return true;  // only the generation is new
  Plan plan = *found;
  LoadAttempts& mine = plan.attempts[view.self];
  if (mine.incarnation == view.incarnation) return true;
  mine = {.incarnation = view.incarnation, .count = mine.count + 1};
  const Status written = WritePlan(plan);
  if (written) return true;
  if (written.error().code == Code::kConflict) return false;
  // A full disk must not keep models from being served that were deployed before.
  LOG_WARN("deploy", "load of {} begins without a record of it: {}", model.str(), written.error().message);
  return true;
}

void NodeAgent::State::Apply(const RefuseLoad& action, const NodeView&) {
  Error why = MakeError(Code::kFailedPrecondition,
                        fmt::format("the node ended {} times while loading this model", action.ended));
  if (action.ended == 0) {
    why.message = "plugins.ml_commons.model_auto_redeploy.enable is false: deploy the model again";
    why.reason = kRedeploysOff;
  }
  LOG_WARN("deploy", "{} is not loaded: {}", action.model.str(), why.message);
  Refuse(action.model, action.generation, std::move(why));
  loop.Kick();
}

// Refused: the next pass tries again, at once when another write came between.
void NodeAgent::State::Apply(const ForgetAttempt& action, const NodeView& view) {
  Plan plan = action.plan;
  plan.attempts.erase(view.self);
  const Status written = WritePlan(plan);
  if (!written && written.error().code == Code::kConflict) loop.Kick();
}

// An orderly end is nobody's fault.
void NodeAgent::State::ForgetUnfinished() {
  constexpr std::array kCollections{storage::Collection::kPlans};
  for (const storage::DocumentPtr& document : models.store().Read(kCollections).documents) {
    auto plan = ReadPlan(*document);
    if (!plan) continue;
    const auto mine = plan->attempts.find(membership.self().id);
    if (mine == plan->attempts.end() || mine->second.incarnation != membership.self().incarnation) continue;
    plan->attempts.erase(mine);
    const Status written = WritePlan(*plan);
    if (!written) LOG_WARN("deploy", "load of {} counts as begun: {}", plan->model.str(), written.error().message);
  }
}

void NodeAgent::State::Halt() {
  subscription.reset();
  loop.Stop();
}

void NodeAgent::State::Apply(const StartUnload& action, const NodeView&) {
  refused.erase(action.model);
  if (const auto servable = local.Find(action.model))
    actions.Of(action.model, servable->spec().function)->Request(models::Action::kUndeploy);
  local.Unload(action.model, kDrain);
}

// Counts what was requested, once a generation: not what a restart or a retry loads. Before the placement is written,
// for whoever waits for the deploy's end reads the counters next.
void NodeAgent::State::CountDeploy(const Placement& placement, const NodeView& view) {
  const auto plan = std::ranges::find(view.plans, placement.model, &Plan::model);
  if (plan == view.plans.end() || plan->outcome || plan->generation != placement.generation) return;
  const auto model = models.Get(placement.model);
  if (!model) return;
  const auto counters = actions.Of(model->id, model->function);
  Counted& done = counted[placement.model];
  if (done.requested != placement.generation) counters->Request(models::Action::kDeploy);
  done.requested = placement.generation;
  if (placement.state != PlacementState::kFailed || done.failed == placement.generation) return;
  done.failed = placement.generation;
  const auto failed = std::ranges::find(view.local, placement.model, &serving::LocalModel::model);
  if (failed != view.local.end() && failed->error) counters->Failure(models::Action::kDeploy, *failed->error);
}

void NodeAgent::State::Apply(const WritePlacement& action, const NodeView& view) {
  const Placement& placement = action.placement;
  CountDeploy(placement, view);
  const auto outcome = models.store().TryWrite(
      {.key = PlacementKey(placement.node, placement.model),
       .expect = placement.revision == 0 ? storage::Expect::Absent() : storage::Expect::Revision(placement.revision),
       .body = StoredForm(placement),
       .nonce = NewNonce(random)});
  // Refused or unknown: the next pass compares again. At once when another write came between, else with the pace.
  const auto* error = std::get_if<Error>(&outcome);
  if (!error) return;
  if (error->code == Code::kConflict) {
    loop.Kick();
  } else {
    LOG_WARN("deploy", "state of {} not written, will try again: {}", placement.model.str(), error->message);
  }
}

void NodeAgent::State::Apply(const DropPlacement& action, const NodeView&) {
  models.store().TryWrite({.key = PlacementKey(action.placement.node, action.placement.model),
                           .expect = storage::Expect::Revision(action.placement.revision),
                           .body = std::nullopt,
                           .nonce = NewNonce(random)});
}

NodeAgent::NodeAgent(NodeAgentEnvironment environment) : state_(std::make_unique<State>(std::move(environment))) {}

NodeAgent::~NodeAgent() { state_->Halt(); }

void NodeAgent::Start() {
  state_->started = state_->clock.Now();
  state_->subscription = state_->models.store().Watch(
      {storage::Collection::kPlans, storage::Collection::kModels, storage::Collection::kSettings}, state_->background,
      [kick = state_->loop.Kicker()](const storage::Change&) { kick(); });
  state_->loop.Start();
}

void NodeAgent::Stop() {
  state_->Halt();
  state_->ForgetUnfinished();
}

bool NodeAgent::Settled() const {
  return state_->shared.Lock()->settled || state_->clock.Now() - state_->started >= kSettleLimit;
}

std::optional<NodeAgent::Retry> NodeAgent::RetryOf(const ModelId& model) const {
  const auto backoff = state_->shared.Lock()->watch.BackoffOf(model);
  if (!backoff || !backoff->waiting) return std::nullopt;
  return Retry{.attempts = backoff->attempts, .next_at = backoff->next_wall};
}

}  // namespace mlnode::deploy
