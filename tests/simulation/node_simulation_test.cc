// node_simulation_test: random schedules against a whole node, invariants checked on the way and at the end.
//   --schedules N   runs seeds 1 to N (or from --first S on)
//   --seed N        runs that one and prints its trace
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "core/log.h"
#include "core/testing/temp_dir.h"
#include "simulation/invariants.h"
#include "simulation/schedule.h"

namespace mlnode::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMostFailures = 5;

struct Totals {
  int failed = 0;
  long long predictions = 0, restarts = 0, tasks = 0, models = 0;
};

// Long enough for a task that no plan names (30 s) and for a load that hung.
constexpr int kRestSeconds = 35;
static_assert(kRestSeconds > World::kDeadlineSeconds);

void Rest(World& world) {
  world.CalmDown();
  world.RunFor(seconds(kRestSeconds));
  CheckAlways(world);
  CheckAtRest(world);
  for (const auto& view : world.node().deploys().List()) {
    if (view.deployment.state != deploy::ModelState::kDeployed || !view.model.is_enabled.value_or(true)) continue;
    Predict(world, view.model.id, true);
  }
  world.RunFor(seconds(2));
}

void RunSchedule(World& world) {
  const std::uint64_t acts = 20 + world.Below(40);
  for (std::uint64_t act = 0; act < acts; ++act) {
    ActAtRandom(world);
    world.RunFor(milliseconds(world.Below(4) == 0 ? world.Below(8'000) : world.Below(600)));
    CheckAlways(world);
  }
  Rest(world);
  world.Restart(seconds(61));  // the grace of uploads
  world.RunFor(seconds(5));
  CheckAlways(world);
  CheckAtRest(world);
  CheckNoOrphans(world);
}

// The seed that runs, for whoever reads the core or the abort.
volatile std::uint64_t current_seed = 0;
void TellSeed(int) {
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "aborted in seed %llu\n", static_cast<unsigned long long>(current_seed));
  std::fwrite(text, 1, static_cast<std::size_t>(length), stderr);
}

void RunSeed(std::uint64_t seed, const std::string& base, bool print, Totals& totals) {
  current_seed = seed;
  const std::string folder = base + "/" + std::to_string(seed);
  {
    World world(seed, folder);
    RunSchedule(world);
    totals.predictions += world.ledger().predictions;
    totals.restarts += world.restarts();
    totals.tasks += static_cast<long long>(world.ledger().tasks.size());
    totals.models += static_cast<long long>(world.ledger().models.size());
    if (print || world.violations() > 0) {
      for (const std::string& line : world.trace()) {
        if (print || line.find("VIOLATED") != std::string::npos) std::fprintf(stderr, "%s\n", line.c_str());
      }
    }
    if (world.violations() > 0) {
      ++totals.failed;
      std::fprintf(stderr, "seed %llu: %d violations; replay with --seed\n", static_cast<unsigned long long>(seed),
                   world.violations());
    }
  }
  std::filesystem::remove_all(folder);
}

int Main(int argc, char** argv) {
  std::uint64_t schedules = 1'000, first = 1, only = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--schedules") == 0) schedules = value;
    if (std::strcmp(argv[i], "--first") == 0) first = value;
    if (std::strcmp(argv[i], "--seed") == 0) only = value;
  }
  if (only != 0) {
    first = only;
    schedules = 1;
  }
  std::signal(SIGABRT, TellSeed);
  if (only == 0) SetLogLevel(LogLevel::kError);
  const mlnode::testing::TempDir dir;
  Totals totals;
  for (std::uint64_t seed = first; seed < first + schedules && totals.failed < kMostFailures; ++seed) {
    RunSeed(seed, dir.path(), only != 0, totals);
  }
  std::printf("%llu schedules from seed %llu: %d failed; %lld models, %lld deploys, %lld predictions, %lld restarts\n",
              static_cast<unsigned long long>(schedules), static_cast<unsigned long long>(first), totals.failed,
              totals.models, totals.tasks, totals.predictions, totals.restarts);
  // A simulation in which nothing ever worked proves nothing.
  const bool idle =
      only == 0 && schedules >= 100 && (totals.predictions == 0 || totals.restarts == 0 || totals.tasks == 0);
  if (idle) std::fprintf(stderr, "the schedules did nothing\n");
  return totals.failed > 0 || idle ? 1 : 0;
}

}  // namespace
}  // namespace mlnode::simulation

int main(int argc, char** argv) { return mlnode::simulation::Main(argc, argv); }
