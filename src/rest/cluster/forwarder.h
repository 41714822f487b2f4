// rest/cluster/forwarder.h: sends a prediction to a node that holds its model, and to another where that one
// failed. The worker answers it as any request; a signature tells it that this is the one hop.
//
// Tried again, if the caller allows, another node holds the model, time is left and the router's budget grants it:
// no connection, or it broke; the worker died (its lease) before it answered; 503 with X-Mlnode-Not-Here or
// X-Mlnode-Leaving, or without X-Mlnode-Queue (no handler saw it: the node starts, or is full); a signature that was
// refused. Everything else is the answer, whatever its status. Workers that may have begun it are three at most: two
// nodes that die at one moment cost nobody an answer, and what kills its workers does not go through all of them.
// Who no longer wants the answer is asked each kSweep: then the transfer is cut, and the worker sees its client gone.
// Threads: any; answers come on the client's thread, or inside Send. What is under way is bounded by who waits for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "core/guarded.h"
#include "core/result.h"
#include "deploy/node_core.h"
#include "rest/cluster/peer_request.h"

namespace mlnode::rest {

struct ForwardTask {
  ModelId model;
  PeerRequest request;
  std::vector<deploy::Worker> workers;  // to choose from, best first; not empty
  Deadline deadline = Deadline::Never();
  bool may_retry = false;               // computing it twice costs nobody but this cluster
  std::function<bool()> unwanted = {};  // has whoever waits gone; cheap; any thread
  // Set: a 2xx body goes here piece by piece, on the client's thread, and its error ends the transfer. Never with
  // may_retry.
  std::function<Status(std::string_view piece)> sink = {};
};

class Forwarder {
 public:
  static constexpr std::chrono::milliseconds kSweep{100};
  static constexpr int kMostAgain = 2;
  // The worker is told of so much less time than is left: else this node's timer always strikes before the worker can
  // say itself that it came too late. Half of what is left, where that is less.
  static constexpr std::chrono::milliseconds kWayBack{50};
  using Done = UniqueFunction<void(Result<net::ClientReply>)>;

  // All borrowed. The peers' client and the timers are stopped before this goes.
  struct Environment {
    const Peers& peers;
    deploy::Router& router;
    const deploy::Membership& membership;
    Executor& timers;
    Metrics& metrics;
  };
  explicit Forwarder(const Environment& environment);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  ~Forwarder() = default;

  // With may_retry each worker is asked once at most, one after the other, while the last was not reached or said that
  // it would not: that costs nobody anything. After one that may have begun, kMostAgain times only, within the router's
  // budget: what kills its worker must not go through all of them. Errors: kUnavailable with retry_after (nobody
  // answered), kUpstream (without may_retry: nobody answered, and it may have been carried out), kDeadlineExceeded,
  // kCancelled (unwanted), the sink's.
  void Send(ForwardTask task, Done done);

 private:
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;
  struct Flights {
    std::vector<std::weak_ptr<Flight>> running;
    bool sweeping = false;  // a timer is set
  };

  void Try(const FlightPtr& flight, const deploy::Worker& worker);
  void Take(const FlightPtr& flight, Result<net::ClientReply> result);
  void Report(const ForwardTask& task, const deploy::Worker& worker, const std::string& why);
  void Watch(const FlightPtr& flight);
  void Schedule();
  void Sweep();

  const Environment environment_;
  Counter& forwarded_;
  Counter& failed_;
  Counter& retried_;
  std::atomic<std::int64_t> next_report_ = 0;  // steady nanoseconds
  Guarded<Flights> flights_;
};

// Of a node; null for one that is alone (`peers` null).
std::unique_ptr<Forwarder> MakeForwarder(const Peers* peers, deploy::NodeCore& node);

}  // namespace mlnode::rest
