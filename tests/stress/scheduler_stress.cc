// The scheduler on real threads: random arrivals of several clients for several models, cancels, deadlines, poisonous
// requests, models that are withdrawn and replaced all the time; in the end the scheduler goes while jobs wait. No
// answer may be lost, doubled or given to the wrong request, and none may fail without a reason of its own.
// scheduler_stress [--seconds N] [--seed N]
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stress/stress_client.h"

namespace mlnode::stress {
namespace {

constexpr int kClients = 3;
constexpr int kLanes = 3;
constexpr std::size_t kModels = 3;
constexpr std::size_t kMostOpen = 300;

struct Pools {
  ThreadPool lanes{{.name = "lane", .threads = kLanes}};
  ThreadPool timers{{.name = "timers", .threads = 1}};
  ThreadPool clients{{.name = "client", .threads = kClients}};
};

int Run(int seconds, std::uint64_t seed) {
  const SystemClock clock;
  Metrics metrics;
  Site site(kModels, kMostOpen);
  Pools pools;
  auto scheduler = serving::Scheduler::Create({.lanes = kLanes, .max_queued_tokens = 50'000, .max_batch_tokens = 256},
                                              pools.lanes, pools.timers, clock, metrics);
  const Deadline end = Deadline::After(clock, std::chrono::seconds(seconds));
  for (int client = 0; client < kClients; ++client) {
    const Client sender{.site = site,
                        .scheduler = *scheduler,
                        .clock = clock,
                        .number = client + 1,
                        .seed = seed * kClients + static_cast<std::uint64_t>(client)};
    if (!pools.clients.Post([sender, end] { SendJobs(sender, end); })) return 1;
  }
  pools.clients.Stop();  // joins
  site.stopping = true;
  scheduler.reset();
  if (!site.WaitUntilEmpty(std::chrono::minutes(1)))
    site.Violate(std::to_string(site.open()) + " jobs were never answered");
  pools.lanes.Stop();
  pools.timers.Stop();
  std::printf("%llu ok, %llu refused, %llu cancelled, %llu late, %llu withdrawn, %llu poisoned; %d violations\n",
              static_cast<unsigned long long>(site.ok), static_cast<unsigned long long>(site.refused),
              static_cast<unsigned long long>(site.cancelled), static_cast<unsigned long long>(site.late),
              static_cast<unsigned long long>(site.withdrawn), static_cast<unsigned long long>(site.poisoned),
              site.violations());
  const bool idle = site.ok == 0 || site.cancelled == 0 || site.late == 0 || site.withdrawn == 0 || site.poisoned == 0;
  if (idle) std::fprintf(stderr, "some kind of answer never came: nothing is shown by this run\n");
  return site.violations() > 0 || idle ? 1 : 0;
}

}  // namespace
}  // namespace mlnode::stress

int main(int argc, char** argv) {
  int seconds = 3;
  std::uint64_t seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return mlnode::stress::Run(seconds, seed);
}
