#include "rest/cluster/forwarder.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "core/log.h"
#include "core/sha256.h"

namespace mlnode::rest {
namespace {

constexpr std::chrono::seconds kReportEvery{1};
// With less left nobody else is asked. The client's own timer may strike a millisecond before the deadline.
constexpr std::chrono::milliseconds kTooLittle{5};

std::optional<std::int64_t> QueueMicros(const net::Headers& headers) {
  const auto text = headers.Find(kQueueHeader);
  std::int64_t micros = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), micros);
  if (error != std::errc() || end != text->data() + text->size() || micros < 0) return std::nullopt;
  return micros;
}

// Why the worker's part is not an answer for the client; nullopt: it is one.
std::optional<std::string> WhyNoAnswer(const Result<net::ClientReply>& result) {
  if (!result) {
    const Error& error = result.error();
    const bool broken =
        error.code == Code::kUnavailable || error.code == Code::kUpstream || error.code == Code::kDeadlineExceeded;
    return broken ? std::optional(error.message + " " + error.detail) : std::nullopt;
  }
  const net::Headers& headers = result->headers;
  if (result->status == 503 && headers.Find(kNotHereHeader)) return "it does not hold the model";
  if (result->status == 503 && headers.Find(kLeavingHeader)) return "it is stopping";
  if (result->status == 503 && !headers.Find(kQueueHeader)) return "it takes no requests: it starts, or is full";
  if (result->status == 403 && headers.Find(kRefusedHeader)) {
    return "it refuses this node's signature: did it begin anew, do the cluster keys and the clocks of both agree?";
  }
  return std::nullopt;
}

// Did the worker certainly not begin: it was not reached, or said that it would not.
bool NotTaken(const Result<net::ClientReply>& result) {
  return result ? true : result.error().code == Code::kUnavailable;
}

// `late`: the prediction's time is over. A worker that was at it until then need not be worse than others.
deploy::Router::Ending EndingOf(const Result<net::ClientReply>& result, bool failed, bool late) {
  using Ending = deploy::Router::Ending;
  if (!failed) return result ? Ending::kAnswered : Ending::kUndecided;  // whose client has gone, or takes no more
  const bool own_deadline = late && !result && result.error().code == Code::kDeadlineExceeded;
  return own_deadline ? Ending::kUndecided : Ending::kFailed;
}

// What the worker may take of what is left.
std::chrono::milliseconds TimeOfWorker(Duration left) {
  return std::chrono::ceil<std::chrono::milliseconds>(left - std::min<Duration>(Forwarder::kWayBack, left / 2));
}

Error NobodyAnswers() {
  Error error = MakeError(Code::kUnavailable, "No node that holds the model answers now; try again.");
  error.retry_after = std::chrono::seconds(1);
  return error;
}

// Without retry_after: whoever asks once more may have it done, and paid for, twice.
Error MayHaveBegun() {
  return MakeError(
      Code::kUpstream,
      "The node that had this prediction did not answer it. It may have been carried out, and was not sent "
      "to another node.");
}

}  // namespace

struct Forwarder::Flight {
  struct Now {
    deploy::Worker worker;
    std::uint64_t token = 0;  // 0: not known yet
    int attempt = 0;
    int again = 0;  // tries after a worker that may have begun it
    std::set<NodeId> asked = {};
    bool lost = false;     // the worker died
    bool dropped = false;  // nobody wants it
  };
  Flight(ForwardTask t, Done d) : task(std::move(t)), done(std::move(d)) {}
  const ForwardTask task;
  Done done;
  Guarded<Now> now;
};

Forwarder::Forwarder(const Environment& environment)
    : environment_(environment),
      forwarded_(environment.metrics.GetCounter("mlnode_forwarded_total", "Predictions sent to another node.")),
      failed_(environment.metrics.GetCounter("mlnode_forward_failures_total",
                                             "Nodes that a prediction was sent to and that did not answer it.")),
      retried_(environment.metrics.GetCounter("mlnode_forward_retries_total",
                                              "Predictions sent to another node: the one before did not answer.")) {}

std::unique_ptr<Forwarder> MakeForwarder(const Peers* peers, deploy::NodeCore& node) {
  if (peers == nullptr) return nullptr;
  return std::make_unique<Forwarder>(Forwarder::Environment{.peers = *peers,
                                                            .router = node.router(),
                                                            .membership = node.membership(),
                                                            .timers = node.executors().io,
                                                            .metrics = node.metrics()});
}

void Forwarder::Send(ForwardTask task, Done done) {
  // Here and once: a further try begins on the peer client's only thread.
  if (task.may_retry) task.request.body_sha256 = Sha256Hex(task.request.body);
  const auto flight = std::make_shared<Flight>(std::move(task), std::move(done));
  forwarded_.Add();
  Watch(flight);
  Try(flight, flight->task.workers.front());
}

void Forwarder::Try(const FlightPtr& flight, const deploy::Worker& worker) {
  const ForwardTask& task = flight->task;
  int attempt = 0;
  {
    const auto now = flight->now.Lock();
    now->worker = worker;
    now->token = 0;
    now->lost = false;  // that was another one
    now->asked.insert(worker.node);
    attempt = ++now->attempt;
  }
  const Duration left = task.deadline.Remaining(environment_.peers.clock);
  PeerRequest request = task.request;
  request.headers.Add(std::string(kDeadlineHeader), fmt::format("{}", TimeOfWorker(left).count()));
  net::ClientRequest out = ToClientRequest(request, worker, left, environment_.peers);
  out.body_sink = task.sink;
  environment_.router.Begin(worker);
  const std::uint64_t token = environment_.peers.client.Send(
      std::move(out), [this, flight](Result<net::ClientReply> result) { Take(flight, std::move(result)); });
  const auto now = flight->now.Lock();
  if (now->attempt == attempt) now->token = token;  // else it was answered already, and another one is under way
}

void Forwarder::Take(const FlightPtr& flight, Result<net::ClientReply> result) {
  Flight::Now now;
  {
    const auto locked = flight->now.Lock();
    now = *locked;
    locked->token = 0;
  }
  const ForwardTask& task = flight->task;
  std::optional<std::string> why = WhyNoAnswer(result);
  if (!result && now.lost) why = "it is gone";
  const bool answered = result.has_value() && !why;
  const bool late = task.deadline.Remaining(environment_.peers.clock) < kTooLittle;
  environment_.router.End(now.worker, EndingOf(result, why.has_value(), late && !now.lost),
                          answered ? QueueMicros(result->headers) : std::nullopt);
  if (!why || now.dropped) {
    if (now.dropped && !answered) result = MakeError(Code::kCancelled, "the client has gone");
    return flight->done(std::move(result));
  }
  failed_.Add();
  Report(task, now.worker, *why);
  if (late) {
    return flight->done(
        MakeError(Code::kDeadlineExceeded, "the prediction's time ran out before another node answered it"));
  }
  if (!task.may_retry) return flight->done(NotTaken(result) ? NobodyAnswers() : MayHaveBegun());
  std::vector<deploy::Worker> others = environment_.router.Candidates(task.model);
  std::erase_if(others, [&now](const deploy::Worker& other) { return now.asked.contains(other.node); });
  if (others.empty()) return flight->done(NobodyAnswers());
  if (!NotTaken(result)) {
    // What three workers did not survive may be what kills them: the others are spared.
    if (now.again == kMostAgain || !environment_.router.TakeRetry()) return flight->done(NobodyAnswers());
    ++flight->now.Lock()->again;
  }
  retried_.Add();
  Try(flight, others.front());
}

// A node that dies under load fails hundreds at once: a line a second is enough.
void Forwarder::Report(const ForwardTask& task, const deploy::Worker& worker, const std::string& why) {
  const std::int64_t now = environment_.peers.clock.Now().time_since_epoch().count();
  std::int64_t next = next_report_.load();
  if (now < next || !next_report_.compare_exchange_strong(next, now + Duration(kReportEvery).count())) return;
  LOG_WARN("rest", "a prediction of model {} was not answered by node {} at {}: {}", task.model.str(),
           worker.node.str(), worker.address, why);
}

void Forwarder::Watch(const FlightPtr& flight) {
  bool first = false;
  {
    const auto flights = flights_.Lock();
    flights->running.push_back(flight);
    first = !std::exchange(flights->sweeping, true);
  }
  if (first) Schedule();
}

void Forwarder::Schedule() {
  environment_.timers.PostAfter(kSweep, [this] { Sweep(); }).Detach();
}

// Looks at all that is under way: is it still wanted, does its worker still live.
void Forwarder::Sweep() {
  std::vector<std::weak_ptr<Flight>> running;
  std::swap(running, flights_.Lock()->running);
  const deploy::LivePtr live = environment_.membership.LiveNow();
  std::erase_if(running, [&](const std::weak_ptr<Flight>& weak) {
    const FlightPtr flight = weak.lock();
    if (!flight) return true;
    const bool unwanted = flight->task.unwanted && flight->task.unwanted();
    std::uint64_t cancel = 0;
    {
      const auto now = flight->now.Lock();
      const auto lease = std::ranges::find(*live, now->worker.node, &deploy::Lease::node);
      now->lost = lease == live->end() || lease->incarnation != now->worker.incarnation;
      now->dropped = now->dropped || unwanted;
      if (now->lost || now->dropped) cancel = std::exchange(now->token, 0);
    }
    if (cancel != 0) environment_.peers.client.Cancel(cancel);
    return false;
  });
  bool again = false;
  {
    const auto flights = flights_.Lock();
    flights->running.insert(flights->running.end(), running.begin(), running.end());
    again = flights->sweeping = !flights->running.empty();
  }
  if (again) Schedule();
}

}  // namespace mlnode::rest
