#include "deploy/deploy_after.h"

#include <map>
#include <utility>

#include "core/guarded.h"
#include "core/log.h"

namespace mlnode::deploy {
namespace {

struct Wish {
  ModelId model;
  std::vector<NodeId> nodes;
  std::uint64_t before = 0;
  int tries = 0;
};

struct Waiting {
  ModelId model;
  Timer timer;
};

struct Book {
  std::map<std::uint64_t, Waiting> waits;  // by number
  std::uint64_t next = 0;
  bool ended = false;
};

// Of the store, of the room here or of others' changes: not the client's.
bool MayPass(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kResourceExhausted ||
         error.code == Code::kDeadlineExceeded;
}

}  // namespace

struct DeployAfter::State : std::enable_shared_from_this<DeployAfter::State> {
  State(DeployService& d, Executor& b, Executor& t) : deploys(d), background(b), timers(t) {}

  void Try(Wish wish);
  void TryLater(Wish wish, const Error& why);
  void Due(std::uint64_t number, const Wish& wish);

  DeployService& deploys;
  Executor& background;
  Executor& timers;
  Guarded<Book> book;
};

void DeployAfter::State::Try(Wish wish) {
  ++wish.tries;
  const auto undeployed = [&wish](const Plan& plan) {
    return plan.mode == PlanMode::kNone && plan.generation != wish.before;
  };
  const auto deployed = deploys.DeployUnless(wish.model, wish.nodes, undeployed);
  if (!deployed) return TryLater(std::move(wish), deployed.error());
  if (!deployed->task)
    LOG_INFO("deploy", "model {} was undeployed since its registration was asked for: it is not deployed",
             wish.model.str());
}

void DeployAfter::State::TryLater(Wish wish, const Error& why) {
  const bool again = MayPass(why) && wish.tries < kTries;
  LOG_WARN("deploy", "model {} was registered, but its deploy was refused{}: {} {}", wish.model.str(),
           again ? " for now" : "", why.message, why.detail);
  if (!again) return;
  const Duration pause = kFirstPause * (1 << (wish.tries - 1));
  const auto entries = book.Lock();
  if (entries->ended) return;
  const std::uint64_t number = entries->next++;
  Waiting& waiting = entries->waits[number];
  waiting.model = wish.model;
  waiting.timer = timers.PostAfter(pause, [weak = weak_from_this(), number, wish = std::move(wish)] {
    if (const auto self = weak.lock()) self->Due(number, wish);
  });
}

// On `timers`.
void DeployAfter::State::Due(std::uint64_t number, const Wish& given) {
  Wish wish = given;  // the timer's task goes with the timer
  if (book.Lock()->waits.erase(number) == 0) return;
  const bool posted = background.Post([weak = weak_from_this(), wish] {
    if (const auto self = weak.lock()) self->Try(wish);
  });
  if (posted) return;
  ++wish.tries;
  TryLater(std::move(wish), MakeError(Code::kResourceExhausted, "too much work waits on this node"));
}

DeployAfter::DeployAfter(DeployService& deploys, Executor& background, Executor& timers)
    : state_(std::make_shared<State>(deploys, background, timers)) {}

DeployAfter::~DeployAfter() {
  std::map<std::uint64_t, Waiting> lost;
  {
    const auto entries = state_->book.Lock();
    entries->ended = true;
    lost.swap(entries->waits);
  }
  for (const auto& [number, waiting] : lost)
    LOG_WARN("deploy", "model {} was registered, and the node stops before its deploy", waiting.model.str());
}

void DeployAfter::Begin(const ModelId& model, const std::vector<NodeId>& nodes, std::uint64_t before) {
  state_->Try({.model = model, .nodes = nodes, .before = before});
}

std::size_t DeployAfter::waiting() const { return state_->book.Lock()->waits.size(); }

}  // namespace mlnode::deploy
