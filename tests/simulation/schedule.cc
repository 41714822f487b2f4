#include "simulation/schedule.h"

#include <array>

#include "simulation/requests.h"

namespace mlnode::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using storage::MemoryReplicaStore;
using storage::testing::PartFault;
using storage::testing::WriteFault;

milliseconds Between(World& world, std::uint64_t least, std::uint64_t most) {
  return milliseconds(static_cast<std::int64_t>(least + world.Below(most - least)));
}

void Break(World& world, Member& at) {
  const int nth = 1 + static_cast<int>(world.Below(6));
  switch (world.Below(6)) {
    case 0:
      at.store().FailPart(nth, world.OneIn(2) ? PartFault::kDiskFull : PartFault::kSyncFailed);
      break;
    case 1:
      at.store().FailFreshReads(nth);
      break;
    default: {
      constexpr std::array kFaults{WriteFault::kUnavailable, WriteFault::kDiskFull, WriteFault::kLostDone,
                                   WriteFault::kLostNotDone};
      at.store().FailWrite(nth, kFaults.at(world.Below(kFaults.size())));
    }
  }
  world.Trace("{}: a fault is due", at.id().str());
}

void LoseAnswer(World& world, Member& at) {
  using Lost = MemoryReplicaStore::LostAnswer;
  at.replica()->LoseAnswer(1 + static_cast<int>(world.Below(6)), world.OneIn(2) ? Lost::kWritten : Lost::kNotWritten);
  world.Trace("{}: an answer will be lost", at.id().str());
}

void ChangeEngine(World& world, Member& at) {
  at.SetSlowLoads(Duration::zero());
  at.SetFailingLoads(std::nullopt);
  switch (world.Below(4)) {
    case 0:
      at.SetSlowLoads(Between(world, 500, world.alone() ? 10'000 : 4'000));
      break;
    case 1:
      if (world.alone() || world.OneIn(8)) at.SetSlowLoads(seconds(World::kDeadlineSeconds + 5));
      break;
    case 2:
      at.SetFailingLoads(MakeError(Code::kResourceExhausted, "the engine has no memory"));
      break;
    default:
      break;
  }
  world.Trace("{}: the engine behaves differently", at.id().str());
}

void Crash(World& world, Member& at) { at.CrashAfter(1 + static_cast<int>(world.Below(12))); }

void CutOff(World& world, Member& at) {
  world.Trace("{}: cut off", at.id().str());
  at.CutOff();
  const auto gap = world.OneIn(3) ? MemoryReplicaStore::Gap::kTooLong : MemoryReplicaStore::Gap::kByLog;
  world.At(Between(world, 200, world.OneIn(2) ? 3'000 : 12'000), [&world, &at, gap] {
    world.Trace("{}: healed", at.id().str());
    at.Heal(gap);
  });
}

void StoreDown(World& world, Member&) {
  world.Trace("the store is down");
  world.authority().SetDown(true);
  world.At(Between(world, 200, world.OneIn(2) ? 2'000 : 12'000), [&world] {
    world.Trace("the store is up");
    world.authority().SetDown(false);
  });
}

void Freeze(World& world, Member& at) {
  const milliseconds by = Between(world, 3'000, 15'000);
  world.Trace("{}: frozen for {} ms", at.id().str(), by.count());
  at.FreezeFor(by);
  // What comes meanwhile waits for it, and what it held may be wanted no more.
  const ModelId model = AnyModel(world);
  Predict(world, at, model, false);
  Member* other = world.AnyRunning();
  if (other != &at && world.OneIn(2)) UndeployEverywhere(world, *other, model);
}

void Leave(World& world, Member& at) {
  if (at.frozen() || at.severed()) return;
  const milliseconds drain = Between(world, 0, 2'000);
  at.Leave(drain);
  if (!world.OneIn(3)) at.set_back_at(world.clock().Now() + drain + Between(world, 0, 12'000));
}

struct Act {
  std::uint64_t alone, of_several;  // weights
  void (*run)(World&, Member&);
};
constexpr std::array<Act, 19> kActs{{
    {22, 14, Register},     {30, 34, Deploy},  {14, 16, Undeploy},   {10, 10, Delete},  {16, 20, PredictAny},
    {5, 6, ChangeSettings}, {4, 3, Enable},    {6, 3, Control},      {5, 3, LimitLife}, {0, 5, MakeGroup},
    {0, 4, DeleteGroup},    {10, 6, Break},    {5, 6, ChangeEngine}, {5, 5, Crash},     {0, 4, LoseAnswer},
    {0, 5, CutOff},         {0, 2, StoreDown}, {0, 3, Freeze},       {0, 3, Leave},
}};

}  // namespace

void ActAtRandom(World& world, bool inside) {
  Member* at = world.AnyRunning();
  if (at == nullptr) return;
  const auto weight = [&](const Act& act) -> std::uint64_t {
    if (inside && act.run == Leave) return 0;
    return world.alone() ? act.alone : act.of_several;
  };
  std::uint64_t total = 0;
  for (const Act& act : kActs) total += weight(act);
  std::uint64_t drawn = world.Below(total);
  for (const Act& act : kActs) {
    if (drawn < weight(act)) return act.run(world, *at);
    drawn -= weight(act);
  }
}

}  // namespace mlnode::simulation
