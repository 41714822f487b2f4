#include "deploy/node_agent.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/log.h"
#include "deploy/loads/begun_record.h"
#include "deploy/loads/load_watch.h"
#include "deploy/lost_swap.h"
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

// The one of this id in a list by id; null: there is none.
template <class T>
const T* ById(const std::vector<T>& list, const ModelId& model, ModelId T::* id) {
  const auto found = std::ranges::lower_bound(list, model, {}, id);
  return found == list.end() || (*found).*id != model ? nullptr : &*found;
}

std::string_view ModelOf(const storage::Key& key) {
  if (key.collection == storage::Collection::kPlans) return key.id;
  return std::string_view(key.id).substr(key.id.find('/') + 1);
}

// A deploy of it is open.
bool IsRequested(const ModelId& model, const NodeView& view) {
  const Plan* const plan = ById(view.plans, model, &Plan::model);
  return plan != nullptr && !plan->outcome;
}

// What `read` makes of the documents, by id; what stayed the same since they were read last is taken from there.
template <class T, class Read>
std::vector<T> Reread(std::vector<T> last, const std::vector<storage::DocumentPtr>& documents, const Read& read) {
  std::vector<T> now;
  now.reserve(documents.size());
  auto known = last.begin();
  for (const storage::DocumentPtr& document : documents) {
    const std::string_view model = ModelOf(document->key);
    while (known != last.end() && known->model.str() < model) ++known;
    if (known != last.end() && known->model.str() == model && known->revision == document->revision) {
      now.push_back(std::move(*known));
      continue;
    }
    auto one = read(*document);
    if (one) {
      now.push_back(*std::move(one));
    } else {
      LOG_ERROR("deploy", "ignored: {}", one.error().message);
    }
  }
  return now;
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
        begun(e.models.store(), e.random, e.membership.self().id),
        loop(e.background, kPace, [this] { Step(); }) {}

  void Step();
  NodeView Look();
  void CancelStalled();
  void Settle(const NodeView& view);
  void KeepArtifacts();
  std::vector<serving::LocalModel> LocalAndRefused() const;
  void Apply(const StartLoad& action, const NodeView& view);
  void Apply(const ForgetLoad& action, const NodeView& view);
  void Apply(const RefuseLoad& action, const NodeView& view);
  void Apply(const StartUnload& action, const NodeView& view);
  void Apply(const WritePlacement& action, const NodeView& view);
  void Apply(const DropPlacement& action, const NodeView& view);
  void BeginLoads(const NodeView& view);
  bool WriteBegun();
  void Halt();
  void ForgetUnfinished();
  struct Held {  // local models here, and those among them that a request is loading
    std::set<ModelId> models, requested;
    static std::int64_t CountOthers(const std::set<ModelId>& of, const ModelId& than) {
      return std::ssize(of) - (of.contains(than) ? 1 : 0);
    }
  };
  Held FindHeld(const NodeView& view) const;
  std::optional<Error> Refusal(const models::Model& model, const NodeView& view);
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
  BegunRecord begun;
  std::map<ModelId, serving::LocalModel> refused;  // not handed to `local`, or taken from it for want of progress
  std::optional<std::set<ModelId>> unsettled;      // wanted at start, no result yet
  struct Counted {
    std::uint64_t requested = 0, failed = 0;  // the newest generation that was
  };
  std::map<ModelId, Counted> counted;
  std::vector<Plan> plans;            // as they were read last
  std::vector<Placement> placements;  // own ones
  // Of one step:
  struct Beginning {
    serving::LoadSpec spec;
    std::uint64_t generation = 0;
  };
  std::vector<Beginning> beginning;
  std::optional<Held> held;  // with those that begin; nullopt: nobody has asked yet
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
  const std::size_t going = all.size();
  for (const auto& [id, model] : refused) {
    if (!std::ranges::binary_search(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(going), id, {},
                                    &serving::LocalModel::model))
      all.push_back(model);
  }
  std::ranges::sort(all, {}, &serving::LocalModel::model);
  return all;
}

void NodeAgent::State::CancelStalled() {
  const Duration limit = std::chrono::seconds(settings.Current()->Int("mlnode.deploy.deadline_seconds"));
  const auto seen = LocalAndRefused();
  std::vector<ModelId> stalled;
  {
    const auto state = shared.Lock();
    state->watch.Observe(seen, {.steady = clock.Now(), .wall = clock.WallMillis()});
    stalled = state->watch.Stalled(clock.Now(), limit);
  }
  if (stalled.empty()) return;
  const auto all = local.List();
  for (const ModelId& id : stalled) {
    const serving::LocalModel* const model = ById(all, id, &serving::LocalModel::model);
    if (model == nullptr) continue;
    const auto& reload = model->reload;
    LOG_WARN("deploy", "load of {} cancelled in phase {}: no progress", id.str(),
             serving::PhaseName(reload ? reload->phase : model->phase));
    local.Unload(id, Duration::zero());
    Refuse(id, reload ? reload->generation : model->generation,
           MakeError(Code::kDeadlineExceeded,
                     fmt::format("The deployment made no progress for {} seconds",
                                 std::chrono::duration_cast<std::chrono::seconds>(limit).count())));
  }
}

NodeView NodeAgent::State::Look() {
  const storage::Store& store = models.store();
  NodeView view{.self = membership.self().id, .incarnation = membership.self().incarnation};
  // In this order: whoever has a plan has its model.
  view.placements = Reread(std::move(placements),
                           store.FindUnder(storage::Collection::kPlacements, view.self.str() + "/"), ReadPlacement);
  view.plans = Reread(std::move(plans), store.Read(std::array{storage::Collection::kPlans}).documents, ReadPlan);
  view.begun = begun.Read();
  std::map<ModelId, Duration> times_to_live;
  for (const storage::DocumentPtr& document : store.Read(std::array{storage::Collection::kModels}).documents) {
    const ModelId& model = *view.models.emplace_hint(view.models.end(), document->key.id);
    if (const auto minutes = TimeToLive(document->body)) times_to_live.emplace(model, *minutes);
  }
  const config::SnapshotPtr current = settings.Current();
  const auto holds_self = [&view](const std::vector<NodeId>& nodes) {
    return std::ranges::find(nodes, view.self) != nodes.end();
  };
  const LivePtr live = membership.LiveNow();
  view.eligible = holds_self(Membership::EligibleForLocal(*live, *current));
  view.eligible_for_remote = holds_self(Membership::EligibleForRemote(*live, *current));
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
  // A node that leaves keeps what it serves and begins nothing; one that is displaced writes over nobody's placements.
  const Membership::Standing standing = membership.standing();
  if (standing == Membership::Standing::kLeaving || standing == Membership::Standing::kDisplaced) return;
  CancelStalled();
  NodeView view = Look();
  Settle(view);
  std::erase_if(counted, [&](const auto& entry) { return !view.models.contains(entry.first); });
  held.reset();
  for (const NodeAction& action : ReconcileNode(view)) {
    std::visit([&](const auto& one) { Apply(one, view); }, action);
  }
  BeginLoads(view);
  plans = std::move(view.plans);
  placements = std::move(view.placements);
  if (!artifacts_kept || clock.Now() - *artifacts_kept >= kArtifactPace) KeepArtifacts();
}

// What is unpacked on disk belongs to a model, deployed or not; what a deleted one or a crash left goes. A replica that
// is behind does not know all models, and what it does not know would be fetched again.
void NodeAgent::State::KeepArtifacts() {
  if (!models.store().Following()) return;
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
    const Plan* const plan = ById(view.plans, model, &Plan::model);
    if (plan == nullptr || !Wants(*plan, view)) return true;
    const serving::LocalModel* const found = ById(view.local, model, &serving::LocalModel::model);
    return found != nullptr && found->state != serving::LocalState::kLoading;
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

NodeAgent::State::Held NodeAgent::State::FindHeld(const NodeView& view) const {
  Held found;
  for (const serving::LocalModel& model : local.List()) {
    if (model.state == serving::LocalState::kFailed || !models::TraitsOf(model.function).local) continue;
    found.models.insert(model.model);
    // Requests only: what was deployed before a restart is loaded one after the other, however much it is.
    if (model.state == serving::LocalState::kLoading && IsRequested(model.model, view))
      found.requested.insert(model.model);
  }
  return found;
}

// Limits of this node that stand against one more load. What is loaded or loading already was let in before.
std::optional<Error> NodeAgent::State::Refusal(const models::Model& model, const NodeView& view) {
  if (model.registration != models::Registration::kRegistered) return MissingChunk(model);
  // A remote one takes neither memory nor disk nor the time of a load: the peer's limits and breakers leave it alone.
  if (!models::TraitsOf(model.function).local) return std::nullopt;
  const serving::LocalModel* const going = ById(view.local, model.id, &serving::LocalModel::model);
  if (going != nullptr && going->state != serving::LocalState::kFailed) return std::nullopt;
  if (!held) held = FindHeld(view);
  const config::SnapshotPtr current = settings.Current();
  if (models::TraitsOf(model.function).counts_to_limit &&
      Held::CountOthers(held->models, model.id) >= current->Int("plugins.ml_commons.max_model_on_node")) {
    return MakeError(Code::kResourceExhausted, "Exceed max local model per node limit");
  }
  if (!IsRequested(model.id, view)) return std::nullopt;  // a restart brings back what was there
  if (Held::CountOthers(held->requested, model.id) >=
      current->Int("plugins.ml_commons.max_deploy_model_tasks_per_node")) {
    return MakeError(Code::kResourceExhausted, "exceed max running task limit");
  }
  const config::Resources now = resources();
  if (Status open = config::CheckMemoryBreaker(*current, now); !open) return std::move(open).error();
  if (Status open = config::CheckDiskBreaker(*current, now); !open) return std::move(open).error();
  return std::nullopt;
}

// Begins it with the others of this step, once that is written down.
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
    loop.Kick();
  } else if (auto spec = serving::MakeLoadSpec(*model); !spec) {
    Refuse(action.model, action.generation, spec.error());
    loop.Kick();
  } else {
    spec->reference_precision = action.reference_precision;
    const serving::LocalModel* const going = ById(view.local, action.model, &serving::LocalModel::model);
    const bool is_new = going == nullptr || going->state == serving::LocalState::kFailed;
    if (held && is_new && models::TraitsOf(model->function).local) {
      held->models.insert(action.model);
      if (IsRequested(action.model, view)) held->requested.insert(action.model);
    }
    if (!local.Find(action.model)) {  // else only the generation is new
      begun.Begin(action.model,
                  {.generation = action.generation, .incarnation = view.incarnation, .count = action.count});
    }
    beginning.push_back({.spec = *std::move(spec), .generation = action.generation});
  }
}

void NodeAgent::State::Apply(const ForgetLoad& action, const NodeView&) { begun.Forget(action.model); }

// What ended is forgotten with the next that begin, at the latest when nothing is loading any more.
void NodeAgent::State::BeginLoads(const NodeView& view) {
  const std::vector<Beginning> starts = std::exchange(beginning, {});
  const bool idle = std::ranges::none_of(
      view.local, [](const serving::LocalModel& model) { return model.state == serving::LocalState::kLoading; });
  if ((!starts.empty() || idle) && begun.Changed() && !WriteBegun()) return;
  for (const Beginning& start : starts)
    local.Load(start.spec, start.generation, [kick = loop.Kicker()](const ModelId&) { kick(); });
  if (!starts.empty()) loop.Kick();
}

// False: somebody else wrote it, look again.
bool NodeAgent::State::WriteBegun() {
  const Status written = begun.Write();
  if (written) return true;
  if (written.error().code == Code::kConflict) {
    LookAgain(models.store(), loop);
    return false;
  }
  // A full disk must not keep models from being served that were deployed before.
  LOG_WARN("deploy", "loads begin without a record of it: {}", written.error().message);
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

// An orderly end is nobody's fault.
void NodeAgent::State::ForgetUnfinished() {
  const BegunLoads stored = begun.Read();
  for (const auto& [model, load] : stored) {
    if (load.incarnation == membership.self().incarnation) begun.Forget(model);
  }
  if (!begun.Changed()) return;
  const Status written = begun.Write();
  if (!written) LOG_WARN("deploy", "loads count as begun: {}", written.error().message);
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
  const Plan* const plan = ById(view.plans, placement.model, &Plan::model);
  if (plan == nullptr || plan->outcome || plan->generation != placement.generation) return;
  const auto model = models.Get(placement.model);
  if (!model) return;
  const auto counters = actions.Of(model->id, model->function);
  Counted& done = counted[placement.model];
  if (done.requested != placement.generation) counters->Request(models::Action::kDeploy);
  done.requested = placement.generation;
  if (placement.state != PlacementState::kFailed || done.failed == placement.generation) return;
  done.failed = placement.generation;
  const serving::LocalModel* const failed = ById(view.local, placement.model, &serving::LocalModel::model);
  if (failed != nullptr && failed->error) counters->Failure(models::Action::kDeploy, *failed->error);
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
    LookAgain(models.store(), loop);
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
