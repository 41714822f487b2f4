// Predictions: what a node does with one, and what none may do.
#include <algorithm>
#include <utility>

#include "simulation/requests.h"

namespace mlnode::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One prediction on its way: to the node it came to, and from there to at most two others.
struct Journey {
  ModelId model;
  bool must_work = false;
  Member* entry = nullptr;
  std::uint64_t entry_incarnation = 0;
  int tries = 0;
};
using JourneyPtr = std::shared_ptr<Journey>;

void Arrive(World& world, Member& at, const JourneyPtr& journey);

void Refuse(World& world, Member& at, const Journey& journey, const Error& error) {
  world.Trace("{}: predict {}: {}", at.id().str(), journey.model.str(), Told(error));
  if (journey.must_work) world.Violate("deployed model " + journey.model.str() + " does not predict: " + error.message);
}

// Back at the entry, if that process still runs.
void Return(const JourneyPtr& journey, std::function<void(Member& entry)> then) {
  Member& entry = *journey->entry;
  if (!entry.running() || entry.incarnation() != journey->entry_incarnation) return;
  entry.Request([&entry, then = std::move(then)] { then(entry); });
}

void Forward(World& world, const JourneyPtr& journey, std::vector<deploy::Worker> candidates) {
  deploy::Router& router = journey->entry->core().router();
  const auto node_of = [&](const deploy::Worker& worker) {
    return std::ranges::find_if(world.members(), [&](const auto& member) { return member->id() == worker.node; })
        ->get();
  };
  for (; !candidates.empty() && journey->tries < 2; candidates.erase(candidates.begin())) {
    Member& worker = *node_of(candidates.front());
    ++journey->tries;
    router.Begin(candidates.front());
    const bool connects = worker.running() && !worker.frozen();
    if (connects) {
      const deploy::Worker chosen = candidates.front();
      worker.Request([&world, &worker, journey] { Arrive(world, worker, journey); });
      Return(journey, [chosen](Member& entry) {
        entry.core().router().End(chosen, deploy::Router::Ending::kAnswered, std::nullopt);
      });
      return;
    }
    router.End(candidates.front(), deploy::Router::Ending::kFailed, std::nullopt);
  }
  Refuse(world, *journey->entry, *journey, MakeError(Code::kUnavailable, "no worker can be reached"));
}

// stood-still-serves-nothing-old: what was undeployed long ago is not served by a node that hears.
void CheckNotOld(World& world, Member& at, const ModelId& model) {
  constexpr Duration kLongAgo = deploy::kLeaseDeath - seconds(1) + milliseconds(700);
  if (world.alone() || world.nested_within(kLongAgo) || !at.store().Following()) return;
  const auto stored = world.authority().Get(deploy::PlanKey(model));
  if (!stored) return;
  const deploy::Plan plan = deploy::ReadPlan(**stored).value();
  if (plan.mode != deploy::PlanMode::kNone) return;
  const milliseconds ago(world.clock().WallMillis() - plan.requested_at);
  if (ago > kLongAgo)
    world.Violate(fmt::format("{} serves {}, which was undeployed {} ms ago", at.id().str(), model.str(), ago.count()));
}

void Serve(World& world, Member& at, const JourneyPtr& journey, const deploy::GatePass& pass) {
  CheckNotOld(world, at, journey->model);
  auto owner = std::make_shared<const std::string>("the cat sat");
  serving::PredictRequest request;
  request.texts = {*owner};
  request.owner = owner;
  request.deadline = Deadline::After(world.clock(), seconds(20));
  ++at.open_predictions;
  pass.servable->Predict(std::move(request), pass.servable,
                         [&world, &at, journey, answered = false](Result<serving::PredictResult> result) mutable {
                           if (std::exchange(answered, true)) world.Violate("a prediction was answered twice");
                           --at.open_predictions;
                           world.Trace("{}: predict {}: {}", at.id().str(), journey->model.str(),
                                       result ? "ok" : Told(result.error()));
                           if (result) ++world.ledger().predictions;
                           if (!result && journey->must_work)
                             world.Violate("a deployed model failed: " + Told(result.error()));
                         });
}

void Arrive(World& world, Member& at, const JourneyPtr& journey) {
  deploy::PredictGate& gate = at.core().gate();
  if (const auto found = gate.Find(journey->model); !found) return Refuse(world, at, *journey, found.error());
  const bool forwarded = &at != journey->entry;
  auto pass = gate.Admit({.model = journey->model, .forwarded = forwarded});
  if (!pass) return Refuse(world, at, *journey, pass.error());
  if (pass->servable) return Serve(world, at, journey, *pass);
  if (forwarded || pass->elsewhere.empty())
    return world.Violate(at.id().str() + " lets a prediction pass that nobody serves");
  Forward(world, journey, std::move(pass->elsewhere));
}

}  // namespace

void PredictAny(World& world, Member& at) { Predict(world, at, AnyModel(world), false); }

void Predict(World& world, Member& at, const ModelId& model, bool must_work) {
  if (!at.running()) return;
  auto journey = std::make_shared<Journey>(
      Journey{.model = model, .must_work = must_work, .entry = &at, .entry_incarnation = at.incarnation()});
  at.Request([&world, &at, journey] { Arrive(world, at, journey); });
}

}  // namespace mlnode::simulation
