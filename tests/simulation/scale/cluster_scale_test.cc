// cluster_scale_test: a fleet of nodes with a fake engine, measured: what docs/operations.md says of large clusters.
//   --nodes N --models M   so many, each model deployed to every node (100 and 1000)
// Times are virtual; CPU time is that of this process, which runs all the nodes, and said for one of them where it
// counts. Fails when what the page promises does not hold.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "core/log.h"
#include "core/testing/temp_dir.h"
#include "simulation/scale/fleet.h"

// A load gives back what it used; in a process of a hundred nodes each would look through the memory of all.
extern "C" int malloc_trim(std::size_t /*pad*/) noexcept { return 0; }

namespace mlnode::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto all = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return all(usage.ru_utime) + all(usage.ru_stime);
}

double InSeconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// What happened between its making and the call.
class Stretch {
 public:
  explicit Stretch(const Fleet& fleet)
      : fleet_(fleet),
        began_(fleet.clock().Now()),
        cpu_(CpuSeconds()),
        written_(fleet.written()),
        delivered_(fleet.Delivered()) {}
  double seconds() const { return InSeconds(fleet_.clock().Now() - began_); }
  double cpu() const { return CpuSeconds() - cpu_; }
  double written() const { return static_cast<double>(fleet_.written().taken - written_.taken); }
  double refused() const { return static_cast<double>(fleet_.written().refused - written_.refused); }
  double delivered() const { return static_cast<double>(fleet_.Delivered() - delivered_); }
  void Print(const char* what, int nodes) const {
    std::printf(
        "%s: %.2f s; %.0f messages (%.0f/s), %.0f refused, %.0f delivered (%.0f/s to each node); CPU %.2f s, %.3f of a "
        "node\n",
        what, seconds(), written(), written() / seconds(), refused(), delivered(), delivered() / seconds() / nodes,
        cpu(), cpu() / nodes);
    std::fflush(stdout);
  }

 private:
  const Fleet& fleet_;
  SteadyTime began_;
  double cpu_;
  Servers::Counts written_;
  std::uint64_t delivered_;
};

// What the process has allocated; with one arena only, as Main asks for.
double Megabytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

struct Options {
  int nodes = 100;
  int models = 1'000;
};

class Measurement {
 public:
  Measurement(Options options, std::string folder)
      : options_(options), fleet_({.nodes = options.nodes, .models = options.models, .folder = std::move(folder)}) {}
  int Run();

 private:
  bool Await(Duration limit, const std::function<bool()>& holds);
  void Check(bool holds, const char* promise);
  void Start(const char* what);
  void Idle();
  void Memory(double before);
  void Die(int node, const char* who);
  bool AllLoaded();
  bool AnyJudges(const NodeId& dead);
  bool TellsTruth(int node, const NodeId& dead);
  double DocumentMegabytes();

  const Options options_;
  Fleet fleet_;
  int loaded_ = 0;  // nodes, from the first on
  int broken_ = 0;
};

void Measurement::Check(bool holds, const char* promise) {
  if (holds) return;
  ++broken_;
  std::printf("BROKEN: %s\n", promise);
}

bool Measurement::Await(Duration limit, const std::function<bool()>& holds) {
  constexpr Duration kLook = milliseconds(10);
  for (const SteadyTime end = fleet_.clock().Now() + limit; fleet_.clock().Now() < end; fleet_.RunFor(kLook)) {
    if (holds()) return true;
  }
  return holds();
}

bool Measurement::AllLoaded() {
  while (loaded_ < options_.nodes && fleet_.Loaded(loaded_) == fleet_.models().size()) ++loaded_;
  return loaded_ == options_.nodes;
}

void Measurement::Start(const char* what) {
  loaded_ = 0;
  fleet_.StartAll();
  const Stretch start(fleet_);
  Check(Await(seconds(300), [this] { return AllLoaded(); }), "every model is loaded everywhere in the end");
  start.Print(what, options_.nodes);
  Check(start.seconds() <= 30, "a full start takes at most 30 s");
}

void Measurement::Idle() {
  fleet_.RunFor(seconds(5));  // what is still to be written
  const Stretch idle(fleet_);
  fleet_.RunFor(seconds(30));
  idle.Print("idle", options_.nodes);
  Check(idle.written() / idle.seconds() <= 200, "an idle cluster writes at most 200 messages a second");
}

// Replicas of one process share the documents: what a node of its own would hold besides.
double Measurement::DocumentMegabytes() {
  const double before = Megabytes();
  std::vector<storage::DocumentPtr> copies;
  for (const storage::DocumentPtr& document : fleet_.authority().Everything().documents)
    copies.push_back(std::make_shared<const storage::Document>(*document));
  return Megabytes() - before;
}

void Measurement::Memory(double before) {
  const double each = (Megabytes() - before) / options_.nodes, documents = DocumentMegabytes();
  std::printf("memory: %.1f MB of a node: %.1f of its documents, %.1f of all else\n", each + documents, documents,
              each);
}

bool Measurement::AnyJudges(const NodeId& dead) {
  for (int node = 0; node < options_.nodes; ++node) {
    if (!fleet_.Running(node)) continue;
    const deploy::LivePtr live = fleet_.core(node)->membership().LiveNow();
    if (std::ranges::find(*live, dead, &deploy::Lease::node) == live->end()) return true;
  }
  return false;
}

// Neither does the node route to the dead one nor say that it holds anything; the first and the last models stand for
// all.
bool Measurement::TellsTruth(int node, const NodeId& dead) {
  deploy::NodeCore& core = *fleet_.core(node);
  for (const ModelId& model : {fleet_.models().front(), fleet_.models().back()}) {
    const auto view = core.deploys().Get(model);
    if (!view || view->deployment.state != deploy::ModelState::kDeployed) return false;
    if (std::ranges::find(view->deployment.workers, dead) != view->deployment.workers.end()) return false;
    if (std::ssize(view->deployment.workers) < 1) return false;
    for (const deploy::Worker& worker : core.router().Candidates(model)) {
      if (worker.node == dead) return false;
    }
  }
  return true;
}

void Measurement::Die(int node, const char* who) {
  const NodeId dead = fleet_.core(node)->self().id;
  fleet_.Kill(node);
  const int witness = node == options_.nodes - 1 ? 1 : options_.nodes - 1;
  const int leader = node == 0 ? 1 : 0;
  Check(Await(seconds(20), [&] { return AnyJudges(dead); }), "a dead node is judged dead");
  const Stretch judged(fleet_);
  Check(Await(seconds(20), [&] { return TellsTruth(leader, dead) && TellsTruth(witness, dead); }),
        "models and routes tell of a death");
  std::printf("%s dies: models and routes tell it %.2f s after the first judged it dead\n", who, judged.seconds());
  Check(Await(seconds(60),
              [&] { return fleet_.authority().FindUnder(storage::Collection::kPlacements, dead.str() + "/").empty(); }),
        "the placements of a dead node go");
  judged.Print("  until its placements are gone", options_.nodes - 1);
  Check(judged.seconds() <= 2, "what a death asks for is done 2 s after it was noticed");
  fleet_.RunFor(seconds(3));
}

int Measurement::Run() {
  std::printf("%d nodes, %d models on each\n", options_.nodes, options_.models);
  std::fflush(stdout);
  if (!fleet_.Prepare()) {
    std::printf("BROKEN: models are registered and deployed\n");
    return 1;
  }
  const double before = Megabytes();
  Start("full start");
  Memory(before);
  Idle();
  Die(options_.nodes / 2, "a node");
  Die(0, "the node that leads");
  Start("all killed and started");
  return broken_ > 0 ? 1 : 0;
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const int value = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--nodes") == 0) options.nodes = value;
    if (std::strcmp(argv[i], "--models") == 0) options.models = value;
  }
  SetLogLevel(LogLevel::kError);
  mallopt(M_ARENA_MAX, 1);
  const mlnode::testing::TempDir dir;
  return Measurement(options, dir.path()).Run();
}

}  // namespace
}  // namespace mlnode::simulation

int main(int argc, char** argv) { return mlnode::simulation::Main(argc, argv); }
