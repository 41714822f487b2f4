#include "simulation/world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace mlnode::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kLoneTick = milliseconds(100);
constexpr Duration kInsidePace = milliseconds(400);
constexpr int kDeepest = 3;          // loads within loads
constexpr int kBusyLimit = 200'000;  // tasks without time passing: something kicks itself for ever

// The first are of both kinds, so that any of them alone can serve.
std::vector<std::string> RolesOf(int node) {
  if (node == 4) return {"ml"};
  if (node == 5) return {"data"};
  return {"data", "ml"};
}

}  // namespace

std::shared_ptr<const Wish::Token> Wish::Begin() {
  known_.reset();
  std::erase_if(open_, [](const auto& other) { return other.expired(); });
  auto token = std::make_shared<const Token>(Token{.number = ++begun_, .alone = open_.empty()});
  open_.push_back(token);
  return token;
}

void Wish::Acknowledge(const Token& token, deploy::PlanMode mode) {
  if (token.alone && token.number == begun_) known_ = mode;
}

World::World(std::uint64_t seed, int nodes, const std::string& folder)
    : order_(seed * 3 + 1), chance_(seed * 3 + 2), ids_(seed * 3 + 3) {
  for (int node = 1; node <= nodes; ++node) {
    const std::string name = fmt::format("node-{}", node);
    members_.push_back(std::make_unique<Member>(
        *this,
        MemberOptions{.name = name, .roles = RolesOf(node), .folder = folder + "/" + name, .alone = nodes == 1}));
  }
  for (const auto& member : members_) member->Boot();
}

World::~World() {
  for (const auto& member : members_) member->Kill();
}

std::vector<Member*> World::Running() const {
  std::vector<Member*> running;
  for (const auto& member : members_) {
    if (member->running()) running.push_back(member.get());
  }
  return running;
}

Member& World::Any() { return *members_[static_cast<std::size_t>(Below(members_.size()))]; }

Member* World::AnyRunning() {
  const std::vector<Member*> running = Running();
  return running.empty() ? nullptr : running[static_cast<std::size_t>(Below(running.size()))];
}

// Mostly a network's; now and then a replica that lags.
Duration World::DeliveryDelay() {
  const auto micros = static_cast<std::int64_t>(order_.Below(order_.Below(20) == 0 ? 200'000 : 5'000));
  return microseconds(micros);
}

void World::RunFor(Duration by) { Pass(by, nullptr); }

void World::PassInside(Member& member, Duration by) {
  if (depth_ >= kDeepest && !alone()) return;
  if (!inside_) return Pass(by, &member);
  for (; by > Duration::zero() && !member.severed(); by -= kInsidePace) {
    Pass(std::min(by, kInsidePace), &member);
    inside_();
  }
}

void World::Pass(Duration by, const Member* inside) {
  const SteadyTime end = clock_.Now() + by;
  ++depth_;
  while (clock_.Now() < end) {
    RunWhatIsDue();
    if (inside != nullptr && inside->severed()) break;
    if (inside == nullptr && depth_ == 1) Reap();
    Tick(end, inside != nullptr);
  }
  --depth_;
}

void World::RunWhatIsDue() {
  for (int ran = 0; RunOneTask(); ++ran) {
    if (ran < kBusyLimit) continue;
    std::fprintf(stderr, "still busy after %d tasks at one moment\n", ran);
    std::abort();
  }
}

bool World::RunOneTask() {
  if (events_.RunOne()) return true;
  Member* chosen = nullptr;
  std::uint64_t candidates = 0;
  for (const auto& member : members_) {
    if (member->HasWork() && order_.Below(++candidates) == 0) chosen = member.get();
  }
  if (chosen == nullptr) return false;
  chosen->RunOneTask();
  return true;
}

void World::Tick(SteadyTime end, bool inside) {
  if (alone()) return clock_.Advance(kLoneTick);
  SteadyTime next = end;
  if (const auto due = events_.NextDue()) next = std::min(next, *due);
  for (const auto& member : members_) {
    if (const auto due = member->NextDue()) next = std::min(next, *due);
  }
  // A little late, so that what is due at about the same time happens in any order.
  next = std::max(next, clock_.Now()) + microseconds(static_cast<std::int64_t>(order_.Below(1'000)));
  clock_.Advance(next - clock_.Now());
  if (inside) nested_ = clock_.Now();
  for (const auto& member : members_) member->NoteTime(inside);
}

void World::Reap() {
  for (const auto& member : members_) {
    if (member->severed()) {
      member->Kill();
      ++restarts_;
      const bool at_once = alone() || calm_ || OneIn(2);
      member->set_back_at(clock_.Now() + milliseconds(at_once ? 0 : static_cast<std::int64_t>(Below(12'000))));
    }
    if (member->DueOut()) member->End();
    if (member->DueBack()) {
      Trace("{}: starts", member->options().name);
      if (alone()) authority_.Restart();
      member->Boot();
    }
  }
}

void World::RestartAll(Duration downtime) {
  for (const auto& member : members_) {
    if (!member->running()) continue;
    member->Kill();
    ++restarts_;
    member->set_back_at(clock_.Now() + downtime);
  }
  clock_.Advance(downtime);
  Reap();
}

void World::CalmDown() {
  calm_ = true;
  authority_.SetDown(false);
  for (const auto& member : members_) {
    member->CalmDown();
    if (member->running() && !member->leaves()) continue;
    const bool returns = alone() || OneIn(2);
    member->set_back_at(returns ? std::optional(clock_.Now()) : std::nullopt);
  }
  const bool somebody = std::ranges::any_of(
      members_, [](const auto& member) { return (member->running() && !member->leaves()) || member->back_at(); });
  if (!somebody) members_.front()->set_back_at(clock_.Now());
  Reap();
}

void World::Note(std::string line) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now().time_since_epoch()).count();
  trace_.push_back(fmt::format("{:>9}.{:03} {}", millis / 1000 - 3600, millis % 1000, std::move(line)));
}

void World::Violate(const std::string& what) {
  ++violations_;
  Note("VIOLATED: " + what);
}

}  // namespace mlnode::simulation
