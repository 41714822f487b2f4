#include "deploy/remote/auto_deploy.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "core/log.h"

namespace mlnode::deploy {
namespace {

constexpr std::size_t kMaxFailures = 1'000;  // models remembered

// What a load comes out by; another may come out otherwise.
struct Basis {
  std::uint64_t model = 0, connector = 0;  // revisions; 0: there is none
  config::SnapshotPtr settings;
  bool operator==(const Basis&) const = default;
};

struct Waiter {
  AutoDeploy::Done done;
  Timer timer;
};
using Waiters = std::map<std::uint64_t, Waiter>;  // by number

struct Wait {
  Waiters waiters;
  bool begun = false;            // a plan of `generation` is written, or one was there
  std::uint64_t generation = 0;  // of the plan that is to bring the model here
  Basis basis;                   // before the plan was written or found
};

struct Failure {
  Error error;
  Basis basis;
  Duration pause{};  // zero: no load was tried yet
  SteadyTime until;
};

struct Book {
  std::map<ModelId, Wait> waits;
  std::map<ModelId, Failure> failures;
  std::size_t waiting = 0;
  bool stopped = false;
};

Error HeldElsewhere() {
  Error error = MakeError(Code::kUnavailable, "The model is deployed, but not on this node.");
  error.reason = kHeldElsewhere;
  return error;
}

Error Stopping() { return MakeError(Code::kUnavailable, "This node is stopping."); }

}  // namespace

struct AutoDeploy::State : std::enable_shared_from_this<AutoDeploy::State> {
  explicit State(const AutoDeployEnvironment& e) : env(e) {}

  // Null while the model is only on its way out.
  std::shared_ptr<serving::Servable> Here(const ModelId& model) const {
    auto servable = env.local.Find(model);
    return servable && !IsUndeployed(env.store, model) ? std::move(servable) : nullptr;
  }
  void Obtain(const ModelId& model, Deadline deadline, Done done);
  Basis BasisOf(const ModelId& model) const;
  std::optional<Error> FailedJustNow(const ModelId& model) const;
  Status Join(const ModelId& model, std::uint64_t number, Waiter& waiter, bool& first);
  void Begin(const ModelId& model);
  Status EnsurePlan(const ModelId& model, std::uint64_t& generation);
  bool ComesByItself(const deploy::Plan& plan) const;
  void Check(const ModelId& model);
  void CheckAll();
  std::optional<Error> WhyNot(const ModelId& model, std::uint64_t generation) const;
  std::optional<Error> LoadError(const ModelId& model, std::uint64_t generation) const;
  std::vector<NodeId> Eligible(const deploy::Plan& plan) const;
  bool Planned(const deploy::Plan& plan) const;
  std::vector<Lease> Holders(const deploy::Plan& plan) const;
  bool FailedOn(const Lease& lease, const deploy::Plan& plan) const;
  bool IsElsewhere(const ModelId& model) const;
  void Expire(const ModelId& model, std::uint64_t number);
  Waiters Take(const ModelId& model);
  enum class Try : std::uint8_t { kNone, kLoad };  // what a failed deploy got to
  void Fail(const ModelId& model, const Error& error, Try tried);
  void Remember(const ModelId& model, const Error& error, Try tried);
  void FailAll();

  const AutoDeployEnvironment env;
  std::atomic<std::uint64_t> next{0};
  mutable Guarded<Book> book;
};

void AutoDeploy::State::Obtain(const ModelId& model, Deadline deadline, Done done) {
  if (auto servable = Here(model)) return done(std::move(servable));
  if (deadline.Expired(env.clock)) return done(MakeError(Code::kDeadlineExceeded, "The model is not deployed yet."));
  if (auto failed = FailedJustNow(model)) return done(*std::move(failed));
  const std::uint64_t number = next.fetch_add(1);
  Waiter waiter{.done = std::move(done), .timer = {}};
  if (deadline.at() != SteadyTime::max()) {
    waiter.timer = env.timers.PostAfter(deadline.Remaining(env.clock), [weak = weak_from_this(), model, number] {
      if (const auto self = weak.lock()) self->Expire(model, number);
    });
  }
  bool first = false;
  if (Status joined = Join(model, number, waiter, first); !joined) return waiter.done(std::move(joined).error());
  if (!first) {
    // The model may have come between the look above and the entry in the book.
    if (Here(model)) Check(model);
    return;
  }
  const bool posted = env.background.Post([weak = weak_from_this(), model] {
    if (const auto self = weak.lock()) self->Begin(model);
  });
  if (!posted)
    Fail(model, MakeError(Code::kResourceExhausted, "too many requests are waiting on this node"), Try::kNone);
}

Basis AutoDeploy::State::BasisOf(const ModelId& model) const {
  Basis basis{.settings = env.settings.Current()};
  const auto document = env.store.Get({storage::Collection::kModels, model.str()});
  if (!document) return basis;
  basis.model = (*document)->revision;
  const json::value* id = (*document)->body.if_contains("connector_id");
  if (id == nullptr || !id->is_string()) return basis;
  const auto connector = env.store.Get({storage::Collection::kConnectors, std::string(id->as_string())});
  if (connector) basis.connector = (*connector)->revision;
  return basis;
}

std::optional<Error> AutoDeploy::State::FailedJustNow(const ModelId& model) const {
  std::optional<Failure> failure;
  {
    const auto entries = book.Lock();
    const auto found = entries->failures.find(model);
    if (found == entries->failures.end() || env.clock.Now() >= found->second.until) return std::nullopt;
    failure = found->second;
  }
  if (failure->basis != BasisOf(model)) return std::nullopt;
  return std::move(failure->error);
}

// Takes the waiter into the book; an error leaves it, untold.
Status AutoDeploy::State::Join(const ModelId& model, std::uint64_t number, Waiter& waiter, bool& first) {
  const auto entries = book.Lock();
  if (entries->stopped) return Stopping();
  if (entries->waiting >= kMaxWaiting) {
    Error full = MakeError(Code::kResourceExhausted, "too many requests wait for models to be deployed");
    full.retry_after = std::chrono::seconds(1);
    return full;
  }
  Wait& wait = entries->waits[model];
  first = wait.waiters.empty() && !wait.begun;
  wait.waiters.emplace(number, std::move(waiter));
  ++entries->waiting;
  return {};
}

std::vector<NodeId> AutoDeploy::State::Eligible(const deploy::Plan& plan) const {
  const config::SnapshotPtr settings = env.settings.Current();
  return plan.remote ? env.membership.EligibleForRemote(*settings) : env.membership.EligibleForLocal(*settings);
}

bool AutoDeploy::State::Planned(const deploy::Plan& plan) const {
  const auto planned = PlannedNodes(plan, Eligible(plan));
  return std::ranges::find(planned, env.membership.self().id) != planned.end();
}

// How the load of this generation or a later one failed on this node, or why it was refused.
std::optional<Error> AutoDeploy::State::LoadError(const ModelId& model, std::uint64_t generation) const {
  for (const serving::LocalModel& local : env.local.List()) {
    if (local.model == model && local.generation >= generation && local.state == serving::LocalState::kFailed)
      return local.error;
  }
  // What the agent refuses to load never comes to `local`: it stands in the placement alone.
  const auto stored = env.store.Get(PlacementKey(env.membership.self().id, model));
  if (!stored) return std::nullopt;
  const auto placement = ReadPlacement(**stored);
  if (!placement || placement->state != PlacementState::kFailed || placement->generation < generation ||
      placement->incarnation != env.membership.self().incarnation)
    return std::nullopt;  // an earlier process's failure says nothing: this one may load it
  return MakeError(Code::kUnavailable, "The model could not be deployed: " + placement->reason);
}

// A plan that brings the model to a node without another: a deploy is under way, or a restart loads it again.
bool AutoDeploy::State::ComesByItself(const deploy::Plan& plan) const {
  if (plan.mode == PlanMode::kNone) return false;
  const bool kept =
      plan.outcome && (plan.outcome->kind == Outcome::Kind::kDeployed || plan.outcome->kind == Outcome::Kind::kPartial);
  if (plan.outcome && !kept) return false;
  // What was deployed before a restart is loaded again, unless that is switched off; the refusal may be still to come.
  if (kept && !env.settings.Current()->Bool("plugins.ml_commons.model_auto_redeploy.enable")) return false;
  if (Planned(plan)) return !LoadError(plan.model, plan.generation);
  const auto planned = Holders(plan);
  return std::ranges::any_of(planned, [&](const Lease& lease) { return !FailedOn(lease, plan); });
}

// Planned nodes that live and may hold it.
std::vector<Lease> AutoDeploy::State::Holders(const deploy::Plan& plan) const {
  const auto eligible = Eligible(plan);
  const auto planned = PlannedNodes(plan, eligible);
  std::vector<Lease> holders = env.membership.Live();
  std::erase_if(holders, [&](const Lease& lease) {
    return std::ranges::find(planned, lease.node) == planned.end() ||
           std::ranges::find(eligible, lease.node) == eligible.end();
  });
  return holders;
}

bool AutoDeploy::State::FailedOn(const Lease& lease, const deploy::Plan& plan) const {
  const auto stored = env.store.Get(PlacementKey(lease.node, plan.model));
  if (!stored) return false;
  const auto placement = ReadPlacement(**stored);
  return placement && placement->state == PlacementState::kFailed && placement->generation == plan.generation &&
         placement->incarnation == lease.incarnation;
}

bool AutoDeploy::State::IsElsewhere(const ModelId& model) const {
  return env.router != nullptr && !env.router->Candidates(model).empty();
}

Status AutoDeploy::State::EnsurePlan(const ModelId& model, std::uint64_t& generation) {
  if (const auto stored = env.store.Get(PlanKey(model))) {
    ASSIGN_OR_RETURN(const deploy::Plan plan, ReadPlan(**stored));
    generation = plan.generation;
    if (ComesByItself(plan)) return {};
  }
  ASSIGN_OR_RETURN(
      const DeployService::Ensured ensured,
      env.deploys.DeployUnless(model, {}, [this](const deploy::Plan& plan) { return ComesByItself(plan); }));
  generation = ensured.generation;
  if (ensured.task) LOG_INFO("deploy", "model {}: deployed because it was asked", model.str());
  return {};
}

void AutoDeploy::State::Begin(const ModelId& model) {
  Basis basis = BasisOf(model);
  {
    const auto entries = book.Lock();
    const auto wait = entries->waits.find(model);
    if (wait != entries->waits.end()) wait->second.basis = std::move(basis);
  }
  std::uint64_t generation = 0;
  const Status planned = EnsurePlan(model, generation);
  if (!planned) return Fail(model, planned.error(), Try::kNone);
  {
    const auto entries = book.Lock();
    const auto wait = entries->waits.find(model);
    if (wait == entries->waits.end()) return;
    wait->second.begun = true;
    wait->second.generation = generation;
  }
  Check(model);
}

// Why the model will not come; nullopt: it still may.
std::optional<Error> AutoDeploy::State::WhyNot(const ModelId& model, std::uint64_t generation) const {
  const auto stored = env.store.Get(PlanKey(model));
  if (!stored) {
    // The replica may be behind what was written; a plan goes only with its model.
    if (env.store.Get({storage::Collection::kModels, model.str()})) return std::nullopt;
    return MakeError(Code::kNotFound, "Failed to find model");
  }
  const auto plan = ReadPlan(**stored);
  if (!plan) return plan.error();
  if (plan->generation < generation) return std::nullopt;  // the replica is behind
  if (plan->mode == PlanMode::kNone)
    return MakeError(Code::kUnavailable, "The model was undeployed while it was being deployed.");
  auto failed = LoadError(model, generation);
  if ((failed || !Planned(*plan)) && IsElsewhere(model)) return HeldElsewhere();
  if (failed) return failed;
  if (!plan->outcome) return std::nullopt;
  if (plan->outcome->kind == Outcome::Kind::kFailed || plan->outcome->kind == Outcome::Kind::kCancelled)
    return MakeError(Code::kUnavailable, "The model could not be deployed: " + plan->outcome->reason);
  if (Planned(*plan) || ComesByItself(*plan)) return std::nullopt;
  return MakeError(Code::kUnavailable, "The model is deployed, but not on this node.");
}

void AutoDeploy::State::Check(const ModelId& model) {
  std::optional<std::uint64_t> generation;
  {
    const auto entries = book.Lock();
    const auto wait = entries->waits.find(model);
    if (wait == entries->waits.end() && !entries->failures.contains(model)) return;
    if (wait != entries->waits.end() && wait->second.begun) generation = wait->second.generation;
  }
  if (const auto servable = Here(model)) {
    book.Lock()->failures.erase(model);
    for (auto& [number, waiter] : Take(model)) waiter.done(servable);
    return;
  }
  if (!generation) return;
  if (const auto why = WhyNot(model, *generation)) Fail(model, *why, Try::kLoad);
}

void AutoDeploy::State::CheckAll() {
  std::vector<ModelId> models;
  {
    const auto entries = book.Lock();
    for (const auto& [model, wait] : entries->waits) models.push_back(model);
  }
  for (const ModelId& model : models) Check(model);
}

void AutoDeploy::State::Expire(const ModelId& model, std::uint64_t number) {
  Waiters expired;
  {
    const auto entries = book.Lock();
    const auto wait = entries->waits.find(model);
    if (wait == entries->waits.end()) return;
    auto node = wait->second.waiters.extract(number);
    if (node.empty()) return;
    expired.insert(std::move(node));
    --entries->waiting;
    if (wait->second.waiters.empty() && wait->second.begun) entries->waits.erase(wait);
  }
  expired.begin()->second.done(MakeError(Code::kDeadlineExceeded, "The model was not deployed in time."));
}

Waiters AutoDeploy::State::Take(const ModelId& model) {
  const auto entries = book.Lock();
  auto node = entries->waits.extract(model);
  if (node.empty()) return {};
  entries->waiting -= node.mapped().waiters.size();
  return std::move(node.mapped().waiters);
}

// Only loads that failed make the pause longer: they leave a task each, and what keeps a plan from being written
// passes.
void AutoDeploy::State::Remember(const ModelId& model, const Error& error, Try tried) {
  const auto entries = book.Lock();
  const auto wait = entries->waits.find(model);
  if (wait == entries->waits.end() || !wait->second.basis.settings) return;  // nothing was tried
  const Basis& basis = wait->second.basis;
  const SteadyTime now = env.clock.Now();
  // Whose pause is long over: nobody has asked for it since.
  std::erase_if(entries->failures, [now](const auto& one) { return one.second.until + kLongestPause <= now; });
  const auto last = entries->failures.find(model);
  if (last == entries->failures.end() && entries->failures.size() >= kMaxFailures) return;
  Duration pause{};
  if (last != entries->failures.end() && last->second.basis == basis) pause = last->second.pause;
  if (tried == Try::kLoad) pause = std::clamp<Duration>(2 * pause, kFailurePause, kLongestPause);
  const SteadyTime until = now + (tried == Try::kLoad ? pause : kFailurePause);
  entries->failures.insert_or_assign(model, Failure{.error = error, .basis = basis, .pause = pause, .until = until});
}

void AutoDeploy::State::Fail(const ModelId& model, const Error& error, Try tried) {
  if (error.reason != kHeldElsewhere) Remember(model, error, tried);
  for (auto& [number, waiter] : Take(model)) waiter.done(error);
}

void AutoDeploy::State::FailAll() {
  std::map<ModelId, Wait> waits;
  {
    const auto entries = book.Lock();
    entries->stopped = true;
    waits.swap(entries->waits);
    entries->waiting = 0;
  }
  for (auto& [model, wait] : waits) {
    for (auto& [number, waiter] : wait.waiters) waiter.done(Stopping());
  }
}

AutoDeploy::AutoDeploy(const AutoDeployEnvironment& environment) : state_(std::make_shared<State>(environment)) {}

AutoDeploy::~AutoDeploy() { Stop(); }

void AutoDeploy::Start() {
  subscription_ =
      state_->env.store.Watch({storage::Collection::kPlans, storage::Collection::kPlacements}, state_->env.background,
                              [state = state_](const storage::Change& change) {
                                if (change.kind == storage::Change::Kind::kResync) return state->CheckAll();
                                // "<node>/<model>" or "<model>"
                                const std::string& id = change.key.id;
                                const std::size_t slash = id.rfind('/');
                                state->Check(ModelId(slash == std::string::npos ? id : id.substr(slash + 1)));
                              });
}

void AutoDeploy::Stop() {
  subscription_.reset();
  state_->FailAll();
}

void AutoDeploy::Obtain(const ModelId& model, Deadline deadline, Done done) {
  state_->Obtain(model, deadline, std::move(done));
}

std::size_t AutoDeploy::waiting() const { return state_->book.Lock()->waiting; }

}  // namespace mlnode::deploy
