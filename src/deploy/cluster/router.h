// deploy/cluster/router.h: which live node serves a prediction that this one cannot or need not.
//
// Candidates of a model: nodes that its plan names, whose placement says LOADED in the incarnation that lives and that
// are not leaving. Those that just failed come last; one that failed and has not answered since is tried now and then,
// by one prediction at a time, whose second choice is one that did not fail. The order in which to try the others:
// round_robin (task_dispatch_policy's default, and what any unknown policy means) or least_load. least_load is power of
// two choices on what replies told of their queues and what is under way from here; between the two it takes the
// shorter estimated wait. Reads the replica only. Threads: any; short locks, nothing is called under them. Cost: a
// look-up for each live node, a microsecond or two for five; takes an io thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/clock.h"
#include "core/id.h"
#include "deploy/membership.h"
#include "storage/store.h"

namespace mlnode::deploy {

struct Worker {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::string address;  // host:port of its HTTP
};

class Router {
 public:
  // A node that refused a connection or a request, timed out or does not hold the model is not tried again for so long,
  // unless there is no other: twice as long each time in a row, up to kLongestPenalty.
  static constexpr Duration kPenalty = std::chrono::seconds(2);
  static constexpr Duration kLongestPenalty = std::chrono::seconds(16);
  // Between two tries of nodes that failed.
  static constexpr Duration kBetweenTrials = std::chrono::seconds(1);
  // Second tries: one in ten predictions over the last seconds, and never fewer than kFreeRetries a second.
  static constexpr double kRetryShare = 0.1;
  static constexpr int kFreeRetries = 10;
  // What a prediction under way from here is taken to cost where it goes: half a batch of a small model.
  static constexpr Duration kEach = std::chrono::milliseconds(5);

  struct Environment {
    storage::Store& store;
    Membership& membership;
    config::Settings& settings;
    RandomSource& random;
    const Clock& clock;
  };
  explicit Router(const Environment& environment);
  ~Router();

  // Others than this node that hold the model now, best first. Empty: nobody.
  std::vector<Worker> Candidates(const ModelId& model);
  // A prediction goes to `worker`; End when it has been answered or given up.
  void Begin(const Worker& worker);
  enum class Ending : std::uint8_t {
    kAnswered,
    kFailed,
    kUndecided,  // says nothing of the node: the prediction's own time ran out, or its client has gone
  };
  // `queue_micros`: what the worker said of its estimated wait (header X-Mlnode-Queue), if it did.
  void End(const Worker& worker, Ending ending, std::optional<std::int64_t> queue_micros);
  // May a failed prediction be tried once more: the budget of second tries.
  bool TakeRetry();

 private:
  struct State;
  const Environment environment_;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::deploy
