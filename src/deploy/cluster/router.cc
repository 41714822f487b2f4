#include "deploy/cluster/router.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/guarded.h"
#include "deploy/plan.h"

namespace mlnode::deploy {
namespace {

constexpr std::size_t kMaxNodes = 256;    // remembered; beyond, those with nothing under way are forgotten
constexpr std::size_t kMaxTurns = 4'096;  // models whose turn is remembered; beyond, all begin anew
constexpr std::int64_t kSeconds = 10;     // that the budget of second tries looks back over

struct Node {
  std::uint64_t incarnation = 0;
  std::int64_t under_way = 0;              // from here
  int failures = 0;                        // in a row, a crowd that failed at once counted as one
  SteadyTime shunned = SteadyTime::min();  // until then
  Duration queue{};                        // its wait as it told it last
  SteadyTime told{};
};

struct Second {
  std::int64_t number = -1;
  std::int64_t begun = 0, retries = 0;
};

struct Book {
  std::map<NodeId, Node> nodes;
  std::unordered_map<ModelId, std::uint64_t> turns;
  std::array<Second, kSeconds> seconds;
  SteadyTime trial = SteadyTime::min();  // when a node that had failed was last tried
};

const Node* Find(const Book& book, const Worker& worker) {
  const auto found = book.nodes.find(worker.node);
  return found == book.nodes.end() || found->second.incarnation != worker.incarnation ? nullptr : &found->second;
}

enum class Trust : std::uint8_t { kProven, kDoubtful, kShunned };

Trust TrustIn(const Book& book, const Worker& worker, SteadyTime now) {
  const Node* node = Find(book, worker);
  if (node == nullptr || (node->failures == 0 && now >= node->shunned)) return Trust::kProven;
  return now < node->shunned ? Trust::kShunned : Trust::kDoubtful;
}

// May a node that failed be tried, now that its penalty has passed.
bool MayTry(const Book& book, const Worker& worker, SteadyTime now) {
  const bool paused = book.trial != SteadyTime::min() && now - book.trial < Router::kBetweenTrials;
  return !paused && Find(book, worker)->under_way == 0;
}

Duration PenaltyOf(int failures) {
  Duration penalty = Router::kPenalty;
  for (int i = 1; i < failures && penalty < Router::kLongestPenalty; ++i) penalty *= 2;
  return std::min(penalty, Duration(Router::kLongestPenalty));
}

// A queue that nothing more came to drains as time passes.
Duration Wait(const Book& book, const Worker& worker, SteadyTime now) {
  const Node* node = Find(book, worker);
  if (node == nullptr) return Duration::zero();
  return std::max(Duration::zero(), node->queue - (now - node->told)) + node->under_way * Router::kEach;
}

Second& SecondOf(Book& book, SteadyTime now) {
  const std::int64_t number = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  Second& second = book.seconds.at(static_cast<std::size_t>(number % kSeconds));
  if (second.number != number) second = {.number = number};
  return second;
}

}  // namespace

struct Router::State {
  void TakeTurns(const ModelId& model, std::vector<Worker>& workers);
  void ChooseOfTwo(std::vector<Worker>& workers, std::uint64_t first, std::uint64_t second, SteadyTime now);
  void OrderByTrust(std::vector<Worker>& workers, SteadyTime now);
  Guarded<Book> book;
};

// By trust; within one the order stays. Only whoever has the turn may come first in spite of a failure.
void Router::State::OrderByTrust(std::vector<Worker>& workers, SteadyTime now) {
  std::array<std::vector<Worker>, 3> ordered;
  {
    const auto locked = book.Lock();
    for (Worker& worker : workers) {
      Trust trust = TrustIn(*locked, worker, now);
      const bool has_turn = &worker == workers.data();
      if (has_turn && trust == Trust::kDoubtful && MayTry(*locked, worker, now)) trust = Trust::kProven;
      ordered.at(static_cast<std::size_t>(trust)).push_back(std::move(worker));
    }
  }
  workers.clear();
  for (std::vector<Worker>& some : ordered) std::ranges::move(some, std::back_inserter(workers));
}

Router::Router(const Environment& environment) : environment_(environment), state_(std::make_unique<State>()) {}

Router::~Router() = default;

void Router::State::TakeTurns(const ModelId& model, std::vector<Worker>& workers) {
  const auto locked = book.Lock();
  if (locked->turns.size() >= kMaxTurns && !locked->turns.contains(model)) locked->turns.clear();
  const std::uint64_t turn = locked->turns[model]++;
  std::ranges::rotate(workers, workers.begin() + static_cast<std::ptrdiff_t>(turn % workers.size()));
}

// The shorter wait of two drawn at random comes first: who took the shortest of all would send everything to one node
// until it tells of it.
void Router::State::ChooseOfTwo(std::vector<Worker>& workers, std::uint64_t first, std::uint64_t second,
                                SteadyTime now) {
  std::swap(workers[0], workers[first % workers.size()]);
  std::swap(workers[1], workers[1 + second % (workers.size() - 1)]);
  const auto locked = book.Lock();
  const auto shorter = [&](const Worker& a, const Worker& b) { return Wait(*locked, a, now) < Wait(*locked, b, now); };
  if (shorter(workers[1], workers[0])) std::swap(workers[0], workers[1]);
  std::sort(workers.begin() + 1, workers.end(), shorter);
}

std::vector<Worker> Router::Candidates(const ModelId& model) {
  const auto plan = environment_.store.Get(PlanKey(model));
  if (!plan) return {};
  const LivePtr live = environment_.membership.LiveNow();
  std::vector<Worker> workers;
  for (const Lease& lease : *live) {
    if (lease.node == environment_.membership.self().id || lease.leaving || !PlansFor(**plan, lease.node)) continue;
    const auto placement = environment_.store.Get(PlacementKey(lease.node, model));
    if (!placement || !SaysLoaded(**placement, lease.incarnation)) continue;
    workers.push_back({.node = lease.node, .incarnation = lease.incarnation, .address = lease.address});
  }
  if (workers.size() < 2) return workers;
  const SteadyTime now = environment_.clock.Now();
  const std::string policy = environment_.settings.Current()->String("plugins.ml_commons.task_dispatch_policy");
  if (policy == "least_load") {
    const std::uint64_t first = environment_.random.Next(), second = environment_.random.Next();
    state_->ChooseOfTwo(workers, first, second, now);
  } else {
    state_->TakeTurns(model, workers);
  }
  state_->OrderByTrust(workers, now);
  return workers;
}

void Router::Begin(const Worker& worker) {
  const SteadyTime now = environment_.clock.Now();
  const auto book = state_->book.Lock();
  ++SecondOf(*book, now).begun;
  if (book->nodes.size() >= kMaxNodes)
    std::erase_if(book->nodes, [](const auto& one) { return !one.second.under_way; });
  Node& node = book->nodes[worker.node];
  if (node.incarnation != worker.incarnation) node = {.incarnation = worker.incarnation};
  if (node.failures > 0) book->trial = now;
  ++node.under_way;
}

void Router::End(const Worker& worker, Ending ending, std::optional<std::int64_t> queue_micros) {
  const SteadyTime now = environment_.clock.Now();
  const auto book = state_->book.Lock();
  const auto found = book->nodes.find(worker.node);
  if (found == book->nodes.end() || found->second.incarnation != worker.incarnation) return;
  Node& node = found->second;
  if (node.under_way > 0) --node.under_way;
  if (ending == Ending::kAnswered) node.failures = 0;
  if (ending == Ending::kFailed && now >= node.shunned) node.shunned = now + PenaltyOf(++node.failures);
  if (!queue_micros) return;
  // Beyond an hour it is no news, and a number too large would overflow.
  constexpr std::int64_t kLongest = 3'600'000'000;
  node.queue = std::chrono::microseconds(std::clamp<std::int64_t>(*queue_micros, 0, kLongest));
  node.told = now;
}

bool Router::TakeRetry() {
  const SteadyTime now = environment_.clock.Now();
  const auto book = state_->book.Lock();
  Second& current = SecondOf(*book, now);
  std::int64_t begun = 0, retries = 0;
  for (const Second& second : book->seconds) {
    if (second.number <= current.number - kSeconds) continue;
    begun += second.begun;
    retries += second.retries;
  }
  const bool free = current.retries < kFreeRetries;
  if (!free && static_cast<double>(retries) >= kRetryShare * static_cast<double>(begun)) return false;
  ++current.retries;
  return true;
}

}  // namespace mlnode::deploy
