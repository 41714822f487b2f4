#include "connectors/transport/remote_caller.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "connectors/transport/attempt.h"
#include "connectors/transport/connection_pool.h"
#include "connectors/transport/endpoint_table.h"
#include "connectors/transport/retry_policy.h"
#include "connectors/transport/url_parts.h"
#include "core/guarded.h"
#include "core/log.h"

namespace mlnode::connectors {
namespace {

using Ticket = ConnectionPools::Ticket;
using Reply = Result<net::ClientReply>;

// waiting -> running -> done, or running -> resting (backoff) -> waiting.
enum class Phase : std::uint8_t { kWaiting, kRunning, kResting, kDone };

struct Call {
  OutgoingRequest request;
  CallOptions options;
  RemoteCaller::Done done;
  SteadyTime begun;
  std::shared_ptr<Endpoint> endpoint;
  Ticket ticket = 0;

  // Under the caller's lock.
  Phase phase = Phase::kWaiting;
  std::int64_t attempts = 0;
  std::uint64_t token = 0;      // of the attempt under way; 0: not known yet
  std::size_t resting = 0;      // bytes of the body while it rests
  std::optional<Error> ending;  // why the attempt under way is being cancelled
  Timer step;                   // ends waiting or resting
  Timer watch;                  // looks at deadline and cancellation

  bool own_identity = false;  // its request has a client certificate or authorities

  // Of the attempt under way; its starter and then the client's thread.
  bool probe = false;     // and nothing is known of the server yet
  bool answered = false;  // a probe's answer has begun, which the circuit was told
  SteadyTime sent{};
  std::optional<Error> sink_error;

  bool Cancelled() const { return options.cancelled && options.cancelled->load(); }
};
using CallPtr = std::shared_ptr<Call>;

Error CancelledError() { return MakeError(Code::kCancelled, "the call of the remote model was cancelled"); }
Error TooLate() { return MakeError(Code::kDeadlineExceeded, "the remote model did not answer before the deadline"); }

Error NoConnection(const CallOptions& options) {
  return MakeError(Code::kResourceExhausted,
                   fmt::format("no connection of this connector became free within {} ms (max_connection is {})",
                               options.config.connection_timeout.count(), options.config.max_connection));
}

Error QueueFull() {
  return MakeError(Code::kResourceExhausted,
                   fmt::format("as many calls of remote models wait for a connection as may ({}, or {} bytes in all)",
                               RemoteCaller::kMaxWaiting, RemoteCaller::kMaxWaitingBytes));
}

Error CircuitOpen(const Endpoint& endpoint, SteadyTime now) {
  auto error = MakeError(
      Code::kUnavailable,
      fmt::format("the remote server {} could not be reached several times; it is asked again soon", endpoint.name));
  error.retry_after = std::max(std::chrono::milliseconds(1),
                               std::chrono::ceil<std::chrono::milliseconds>(endpoint.circuit.RetryAfter(now)));
  return error;
}

class Core : public std::enable_shared_from_this<Core> {
 public:
  explicit Core(CallerEnvironment environment) : env_(environment), state_(std::in_place, environment) {}

  void Begin(const CallPtr& call) {
    if (auto fit = CheckCall(*call); !fit) return call->done(std::move(fit).error());
    if (auto admitted = Admit(call); !admitted) return call->done(std::move(admitted).error());
    Pump();
    LimitWaiting(call);
    Watch(call);
  }

  void Stop() {
    std::vector<CallPtr> calls;
    {
      const auto state = state_.Lock();
      state->stopping = true;
      for (const auto& [_, call] : state->calls) calls.push_back(call);
    }
    for (const auto& call : calls) End(call, CancelledError());
  }

  std::vector<RemoteCaller::EndpointState> Endpoints() const {
    std::vector<RemoteCaller::EndpointState> list;
    const auto state = state_.Lock();
    for (const auto& [name, endpoint] : state->endpoints.all()) {
      list.push_back({name, endpoint->in_flight, endpoint->waiting, endpoint->circuit.open(), endpoint->calls,
                      endpoint->failures, endpoint->retries});
    }
    return list;
  }

 private:
  struct State {
    explicit State(const CallerEnvironment& environment)
        : pools(
              {.waiting = RemoteCaller::kMaxWaiting,
               .waiting_bytes = RemoteCaller::kMaxWaitingBytes,
               .in_use = environment.max_in_flight > 0 ? environment.max_in_flight : ConnectionPools::OfThisProcess()}),
          endpoints(environment.metrics, RemoteCaller::kMaxEndpoints) {}
    bool stopping = false;
    Ticket next_ticket = 1;
    ConnectionPools pools;
    std::size_t resting_bytes = 0;  // of bodies that wait for a retry
    EndpointTable endpoints;
    std::unordered_map<Ticket, CallPtr> calls;  // until they end
  };

  Status CheckWanted(const Call& call) const {
    if (call.Cancelled()) return CancelledError();
    return call.options.deadline.Expired(env_.clock) ? Status(TooLate()) : Status();
  }

  Status CheckCall(const Call& call) const {
    RETURN_IF_ERROR(CheckWanted(call));
    return call.options.rules ? call.options.rules->CheckUrl(call.request.url) : Status();
  }

  // Lines the call up; refused at once when its endpoint's circuit is open, so that a dead server costs no waiting.
  Status Admit(const CallPtr& call) {
    ASSIGN_OR_RETURN(const UrlParts url, SplitUrl(call->request.url));
    call->begun = env_.clock.Now();
    const auto state = state_.Lock();
    if (state->stopping) return CancelledError();
    call->endpoint = state->endpoints.Find(url.Endpoint(), call->begun);
    if (call->endpoint->circuit.RetryAfter(call->begun) > Duration::zero()) {
      call->endpoint->metrics.refused.Add();
      return CircuitOpen(*call->endpoint, call->begun);
    }
    call->ticket = state->next_ticket++;
    if (!LineUp(*state, *call)) return QueueFull();
    call->endpoint->Wait(1);
    state->calls.emplace(call->ticket, call);
    return {};
  }

  static bool LineUp(State& state, const Call& call) {
    return state.pools.Enter(call.options.pool, call.options.config.max_connection, call.ticket,
                             call.request.body.size());
  }
  static bool BeginRest(State& state, Call& call) {
    const std::size_t bytes = call.request.body.size();
    if (bytes > RemoteCaller::kMaxWaitingBytes - state.resting_bytes) return false;
    state.resting_bytes += bytes;
    call.resting = bytes;
    call.phase = Phase::kResting;
    return true;
  }
  static void EndRest(State& state, Call& call) { state.resting_bytes -= std::exchange(call.resting, 0); }

  // Starts calls while there are connections. A loop, not a recursion: thousands may wait for a circuit that
  // has just opened.
  void Pump() {
    while (const CallPtr call = TakeNext()) Attempt(call);
  }

  CallPtr TakeNext() {
    Timer waited;  // goes after the lock
    const auto state = state_.Lock();
    const auto ticket = state->pools.Next();
    if (!ticket) return nullptr;
    CallPtr call = state->calls.at(*ticket);
    call->phase = Phase::kRunning;
    call->token = 0;
    call->endpoint->Wait(-1);
    waited = std::exchange(call->step, {});
    return call;
  }

  void Attempt(const CallPtr& call) {
    std::int64_t number = 0;
    if (auto sent = BeginAttempt(*call, number); !sent) return Abandon(call, std::move(sent).error());
    const bool last = call->options.config.max_retry_times == 0 || call->options.body_sink;
    auto attempt = MakeAttempt(last ? std::move(call->request) : call->request, call->options,
                               call->options.deadline.Remaining(env_.clock), env_.clock.WallMillis());
    if (!attempt) return OnReply(call, std::move(attempt).error());
    if (call->options.body_sink) attempt->body_sink = GuardedSink(call);
    if (call->probe) attempt->on_answer = [core = shared_from_this(), call] { core->OnProbeAnswer(*call); };
    const auto token = env_.client.Send(
        std::move(*attempt), [core = shared_from_this(), call](Reply reply) { core->OnReply(call, std::move(reply)); });
    bool cancel = false;
    {
      const auto state = state_.Lock();
      if (call->attempts != number || call->phase != Phase::kRunning) return;  // answered meanwhile
      call->token = token;
      cancel = call->ending.has_value();
    }
    if (cancel) env_.client.Cancel(token);
  }

  Status BeginAttempt(Call& call, std::int64_t& number) {
    RETURN_IF_ERROR(CheckWanted(call));
    call.sent = env_.clock.Now();
    const auto state = state_.Lock();
    if (call.ending) return *call.ending;
    const auto pass = call.endpoint->circuit.Admit(call.sent);
    if (pass == CircuitBreaker::Pass::kRefused) {
      call.endpoint->metrics.refused.Add();
      return CircuitOpen(*call.endpoint, call.sent);
    }
    call.probe = pass == CircuitBreaker::Pass::kProbe;
    call.answered = false;
    number = ++call.attempts;
    call.endpoint->BeginRequest(number > 1);
    return {};
  }

  // A call that had its turn and was not sent.
  void Abandon(const CallPtr& call, Error error) {
    state_.Lock()->pools.Release(call->options.pool);
    Finish(call, std::move(error));
  }

  // A stream, or a long answer, need not end before others may go out.
  void OnProbeAnswer(Call& call) {
    {
      const auto state = state_.Lock();
      if (!std::exchange(call.probe, false)) return;
      call.answered = true;
      call.endpoint->ProbeAnswered();
    }
    LogAnswersAgain(*call.endpoint);
  }

  static std::function<Status(std::string_view)> GuardedSink(const CallPtr& call) {
    return [call](std::string_view piece) -> Status {
      Status taken = call->Cancelled() ? Status(CancelledError()) : call->options.body_sink(piece);
      if (!taken) call->sink_error = taken.error();
      return taken;
    };
  }

  void OnReply(const CallPtr& call, Reply reply) {
    const SteadyTime now = env_.clock.Now();
    const auto outcome = OutcomeFor(*call, reply, now);
    const auto wait = RetryWait(*call, reply, now);
    bool rests = false;
    bool was_open = false;
    bool is_open = false;
    {
      const auto state = state_.Lock();
      state->pools.Release(call->options.pool);
      was_open = call->endpoint->circuit.open();
      call->endpoint->EndRequest(outcome, call->probe, call->sent, now);
      is_open = call->endpoint->circuit.open();
      rests = wait && !call->ending && !state->stopping && BeginRest(*state, *call);
    }
    if (was_open != is_open) LogCircuit(*call->endpoint, is_open, reply);
    Pump();
    if (rests) return Rest(call, *wait);
    Finish(call, Conclude(*call, std::move(reply), now));
  }

  static void LogAnswersAgain(const Endpoint& endpoint) {
    LOG_INFO("connectors", "the remote server {} answers again", endpoint.name);
  }

  // Once for each change, and not for each failure: those are many, and counted.
  static void LogCircuit(const Endpoint& endpoint, bool open, const Reply& reply) {
    if (!open || reply) {  // an answer that its taker refused is one
      LogAnswersAgain(endpoint);
    } else {
      LOG_WARN("connectors", "the remote server {} is not asked for a while: {} ({})", endpoint.name,
               reply.error().message, reply.error().detail);
    }
  }

  // The caller's own deadline, and its sink, say nothing about the server. A success that was told when it began does
  // not count twice; an answer that breaks off later counts as the failure that it is.
  static Endpoint::Outcome OutcomeFor(const Call& call, const Reply& reply, SteadyTime now) {
    if (!call.sink_error && !reply && now >= call.options.deadline.at()) return Endpoint::Outcome::kUntold;
    const auto outcome = call.sink_error ? Endpoint::Outcome::kAnswered
                                         : OutcomeOf(reply, call.options, now - call.sent, call.own_identity);
    return call.answered && outcome == Endpoint::Outcome::kAnswered ? Endpoint::Outcome::kUntold : outcome;
  }

  std::optional<Duration> RetryWait(const Call& call, const Reply& reply, SteadyTime now) const {
    if (!reply || call.options.body_sink || !IsRetryable(*reply)) return std::nullopt;
    const RetryState state{.retries = call.attempts - 1,
                           .elapsed = now - call.begun,
                           .remaining = call.options.deadline.Remaining(env_.clock),
                           .asked_for = RetryAfter(reply->headers, env_.clock.WallMillis())};
    return NextRetry(call.options.config, state, env_.random);
  }

  Reply Conclude(Call& call, Reply reply, SteadyTime now) const {
    if (reply) return reply;
    if (call.sink_error) return *std::move(call.sink_error);
    {
      const auto state = state_.Lock();
      if (call.ending) return *call.ending;
    }
    Error error = std::move(reply).error();
    const bool timed_out = error.code == Code::kDeadlineExceeded || error.message == net::kNotConnectedInTime;
    if (timed_out && now >= call.options.deadline.at()) return TooLate();
    LOG_DEBUG("connectors", "a request to {} failed: {} ({})", call.endpoint->name, error.message, error.detail);
    return ExplainFailure(std::move(error), call.options);
  }

  void Rest(const CallPtr& call, Duration wait) {
    Arm(call, Phase::kResting, wait, [](Core& core, const CallPtr& rested) { core.LineUpAgain(rested); });
  }

  void LimitWaiting(const CallPtr& call) {
    Arm(call, Phase::kWaiting, call->options.config.connection_timeout,
        [](Core& core, const CallPtr& waited) { core.GiveUpWaiting(waited); });
  }

  // Runs `then` once the call has been in `phase` for `delay`.
  void Arm(const CallPtr& call, Phase phase, Duration delay, void (*then)(Core&, const CallPtr&)) {
    if (PhaseOf(call) != phase) return;
    Timer timer = env_.timers.PostAfter(delay, [weak = weak_from_this(), ticket = call->ticket, then] {
      const auto core = weak.lock();
      if (!core) return;
      if (const CallPtr found = core->FindCall(ticket)) then(*core, found);
    });
    const auto state = state_.Lock();
    if (call->phase == phase) std::swap(call->step, timer);
  }

  Phase PhaseOf(const CallPtr& call) const {
    const auto state = state_.Lock();
    return call->phase;
  }

  CallPtr FindCall(Ticket ticket) const {
    const auto state = state_.Lock();
    const auto found = state->calls.find(ticket);
    return found == state->calls.end() ? nullptr : found->second;
  }

  void LineUpAgain(const CallPtr& call) {
    bool entered = false;
    {
      const auto state = state_.Lock();
      if (call->phase != Phase::kResting) return;
      EndRest(*state, *call);
      entered = LineUp(*state, *call);
      if (entered) {
        call->phase = Phase::kWaiting;
        call->endpoint->Wait(1);
      }
    }
    if (!entered) return Finish(call, QueueFull());
    Pump();
    LimitWaiting(call);
  }

  void GiveUpWaiting(const CallPtr& call) {
    if (PhaseOf(call) == Phase::kWaiting) End(call, NoConnection(call->options));
  }

  // Looks at the deadline and at `cancelled` until the call ends.
  void Watch(const CallPtr& call) {
    if (!call->options.cancelled && call->options.deadline.at() == SteadyTime::max()) return;
    const Duration every = std::min<Duration>(net::HttpClient::kAskEvery, call->options.deadline.Remaining(env_.clock));
    Timer timer = env_.timers.PostAfter(every, [weak = weak_from_this(), ticket = call->ticket] {
      const auto core = weak.lock();
      if (!core) return;
      if (const CallPtr found = core->FindCall(ticket)) core->Look(found);
    });
    const auto state = state_.Lock();
    if (call->phase != Phase::kDone) std::swap(call->watch, timer);
  }

  void Look(const CallPtr& call) {
    if (auto wanted = CheckWanted(*call); !wanted) return End(call, std::move(wanted).error());
    Watch(call);
  }

  // Ends a call from this side. What is under way is cancelled, and ends when the client says so.
  void End(const CallPtr& call, Error error) {
    std::uint64_t token = 0;
    bool running = false;
    {
      const auto state = state_.Lock();
      if (call->phase == Phase::kDone) return;
      running = call->phase == Phase::kRunning;
      if (running) {
        if (!call->ending) call->ending = error;
        token = call->token;
      } else if (call->phase == Phase::kWaiting) {
        state->pools.Withdraw(call->options.pool, call->ticket);
        call->endpoint->Wait(-1);
        call->phase = Phase::kResting;  // in no line any more
      }
    }
    if (!running) return Finish(call, std::move(error));
    if (token != 0) env_.client.Cancel(token);
  }

  void Finish(const CallPtr& call, Reply reply) {
    Timer step;
    Timer watch;
    {
      const auto state = state_.Lock();
      if (call->phase == Phase::kDone) return;
      call->phase = Phase::kDone;
      EndRest(*state, *call);
      step = std::exchange(call->step, {});
      watch = std::exchange(call->watch, {});
      state->calls.erase(call->ticket);
    }
    call->done(std::move(reply));
  }

  const CallerEnvironment env_;
  Guarded<State> state_;
};

class PoolingCaller final : public RemoteCaller {
 public:
  explicit PoolingCaller(CallerEnvironment environment) : core_(std::make_shared<Core>(environment)) {}
  PoolingCaller(const PoolingCaller&) = delete;
  PoolingCaller& operator=(const PoolingCaller&) = delete;
  ~PoolingCaller() override { core_->Stop(); }

  void Send(OutgoingRequest request, CallOptions options, Done done) override {
    auto call = std::make_shared<Call>();
    call->own_identity = request.identity != nullptr;
    call->request = std::move(request);
    call->options = std::move(options);
    call->done = std::move(done);
    core_->Begin(call);
  }
  void Stop() override { core_->Stop(); }
  std::vector<EndpointState> Endpoints() const override { return core_->Endpoints(); }

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<RemoteCaller> RemoteCaller::Create(CallerEnvironment environment) {
  return std::make_unique<PoolingCaller>(environment);
}

}  // namespace mlnode::connectors
