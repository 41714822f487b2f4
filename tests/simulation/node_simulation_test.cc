// node_simulation_test: random schedules against whole nodes, invariants checked on the way and at the end.
//   --nodes N       that many of them; 1 is a lone node with its own disk
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
#include "simulation/requests.h"
#include "simulation/schedule.h"

namespace mlnode::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMostFailures = 5;

struct Totals {
  int failed = 0;
  long long predictions = 0, restarts = 0, tasks = 0, models = 0, virtual_seconds = 0;
};

// Long enough for a task that no plan names (30 s) and for a load that hung.
constexpr int kRestSeconds = 35;
static_assert(kRestSeconds > World::kDeadlineSeconds);
constexpr int kQuietLooks = 2;  // in a row, a second apart: then all is at rest

// A lone node is looked at when all must be over, several each second until all is.
void AwaitRest(World& world) {
  std::vector<std::string> unrest;
  int quiet = 0;
  for (int second = 0; second < kRestSeconds && quiet < kQuietLooks; ++second) {
    world.RunFor(world.alone() ? seconds(kRestSeconds) : seconds(1));
    unrest = FindUnrest(world);
    quiet = unrest.empty() ? quiet + 1 : 0;
    if (world.alone()) break;
  }
  for (const std::string& what : unrest) world.Violate(what);
  CheckAlways(world);
}

// Whichever node it comes to.
void PredictWhatIsDeployed(World& world) {
  for (Member* member : world.Running()) {
    for (const auto& view : member->core().deploys().List()) {
      if (view.deployment.workers.empty() || !view.model.is_enabled.value_or(true)) continue;
      Predict(world, *member, view.model.id, true);
    }
  }
  world.RunFor(milliseconds(500));
}

// After all that went wrong a model can be registered and deployed everywhere.
void DeployAnew(World& world) {
  Member& at = *world.AnyRunning();
  config::ChangeRequest change;
  for (const char* name : {"max_model_on_node", "max_deploy_model_tasks_per_node"})
    change.persistent[std::string("plugins.ml_commons.") + name] = "10";
  change.persistent["plugins.ml_commons.exclude_nodes._name"] = "";
  if (const Status changed = at.core().settings_sync().Change(change); !changed)
    return world.Violate("the settings cannot be changed at rest: " + Told(changed.error()));
  world.ledger().setting = "10";
  world.ledger().wishes.clear();
  std::vector<ModelId> old;
  for (const auto& [model, told] : world.ledger().models) old.push_back(model);
  for (const ModelId& model : old) (void)at.core().deploys().Undeploy({model}, {}).has_value();
  world.RunFor(seconds(2));
  const ModelId model = RegisterWhole(world, at, "weights of the end");
  if (model.empty()) return world.Violate("no model can be registered at rest");
  world.RunFor(milliseconds(300));
  const auto task = at.core().deploys().Deploy(model, {});
  const bool any = !at.core().membership().EligibleForLocal(*at.core().settings().Current()).empty();
  if (!task && !any) return;  // only a node without the role is left, which FindUnrest saw
  if (!task) return world.Violate("no model can be deployed at rest: " + Told(task.error()));
  world.ledger().tasks.insert(*task);
  AwaitRest(world);
  const auto view = at.core().deploys().Get(model);
  const auto eligible = at.core().membership().EligibleForLocal(*at.core().settings().Current());
  if (!view || view->deployment.workers != eligible) world.Violate("a model deployed at rest is not everywhere");
  PredictWhatIsDeployed(world);
}

void ActAndRun(World& world) {
  ActAtRandom(world);
  const std::uint64_t longest = world.alone() ? (world.OneIn(4) ? 8'000 : 600) : (world.OneIn(5) ? 2'500 : 250);
  world.RunFor(milliseconds(static_cast<std::int64_t>(world.Below(longest))));
  CheckAlways(world);
}

void RunSchedule(World& world) {
  if (!world.alone()) {
    world.RunFor(milliseconds(50));
    for (std::uint64_t n = world.Below(4); n > 0; --n)
      RegisterWhole(world, world.Any(), "weights " + std::to_string(world.Below(1'000)));
    world.set_inside([&world] {
      if (world.OneIn(2)) ActAtRandom(world, true);
    });
  }
  const std::uint64_t acts = world.alone() ? 20 + world.Below(40) : 12 + world.Below(24);
  for (std::uint64_t act = 0; act < acts; ++act) ActAndRun(world);
  world.set_inside(nullptr);
  world.CalmDown();
  AwaitRest(world);
  PredictWhatIsDeployed(world);
  if (!world.alone() && world.OneIn(4)) DeployAnew(world);
  if (!world.alone() && !world.OneIn(4)) return;
  world.RestartAll(seconds(61));  // the grace of uploads
  world.RunFor(seconds(5));
  AwaitRest(world);
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

void RunSeed(std::uint64_t seed, int nodes, const std::string& base, bool print, Totals& totals) {
  current_seed = seed;
  const std::string folder = base + "/" + std::to_string(seed);
  {
    World world(seed, nodes, folder);
    const SteadyTime begun = world.clock().Now();
    RunSchedule(world);
    totals.predictions += world.ledger().predictions;
    totals.restarts += world.restarts();
    totals.virtual_seconds += std::chrono::duration_cast<seconds>(world.clock().Now() - begun).count();
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
  int nodes = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--schedules") == 0) schedules = value;
    if (std::strcmp(argv[i], "--first") == 0) first = value;
    if (std::strcmp(argv[i], "--seed") == 0) only = value;
    if (std::strcmp(argv[i], "--nodes") == 0) nodes = static_cast<int>(value);
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
    RunSeed(seed, nodes, dir.path(), only != 0, totals);
  }
  std::printf(
      "%llu schedules of %d nodes from seed %llu: %d failed; %lld models, %lld deploys, %lld predictions, %lld "
      "restarts, "
      "%lld s of virtual time\n",
      static_cast<unsigned long long>(schedules), nodes, static_cast<unsigned long long>(first), totals.failed,
      totals.models, totals.tasks, totals.predictions, totals.restarts, totals.virtual_seconds);
  // A simulation in which nothing ever worked proves nothing.
  const bool idle =
      only == 0 && schedules >= 100 && (totals.predictions == 0 || totals.restarts == 0 || totals.tasks == 0);
  if (idle) std::fprintf(stderr, "the schedules did nothing\n");
  return totals.failed > 0 || idle ? 1 : 0;
}

}  // namespace
}  // namespace mlnode::simulation

int main(int argc, char** argv) { return mlnode::simulation::Main(argc, argv); }
