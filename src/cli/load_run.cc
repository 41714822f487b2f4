#include "cli/load_run.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "core/executor.h"
#include "core/guarded.h"

namespace mlnode::cli {
namespace {

class ClosedLoop {
 public:
  ClosedLoop(const LoadPlan& plan, net::HttpClient& http, const Clock& clock)
      : plan_(plan), http_(http), clock_(clock), pauses_({.name = "load", .threads = 1}) {}

  void Start() {
    state_.Lock()->active = plan_.clients;
    for (std::size_t i = 0; i < plan_.clients; ++i) SendNext();
  }
  void OpenWindow() {
    const auto state = state_.Lock();
    state->counting = true;
    state->opened = clock_.Now();
  }
  void CloseWindow() {
    const auto state = state_.Lock();
    state->counting = false;
    state->result.window = clock_.Now() - state->opened;
  }
  // Nothing is sent any more; waits for what is under way, which the HTTP client's limits end.
  LoadResult Stop() {
    auto state = state_.Lock();
    state->stopping = true;
    idle_.wait(state.lock(), [&] { return state->active == 0; });
    return std::move(state->result);
  }
  void Wait(Duration time) {
    auto state = state_.Lock();
    idle_.wait_for(state.lock(), time, [] { return false; });  // time alone ends it
  }

 private:
  struct State {
    LoadResult result;
    SteadyTime opened{};
    std::size_t next = 0;    // of the bodies, without end
    std::size_t active = 0;  // clients that have not stopped
    bool counting = false;
    bool stopping = false;
  };

  void SendNext() {
    net::ClientRequest request;
    {
      const auto state = state_.Lock();
      if (state->stopping) {
        if (--state->active == 0) idle_.notify_all();
        return;
      }
      request.body = plan_.bodies[state->next++ % plan_.bodies.size()];
    }
    request.method = "POST";
    request.url = plan_.url;
    request.headers.Add("Content-Type", "application/json");
    request.addresses = net::AddressPolicy::kAny;  // whoever runs the command chose the address
    request.total_timeout = kRequestTimeout;
    request.idle_timeout = kRequestTimeout;
    const SteadyTime sent = clock_.Now();
    http_.Send(std::move(request),
               [this, sent](Result<net::ClientReply> reply) { TakeAnswer(sent, std::move(reply)); });
  }

  void TakeAnswer(SteadyTime sent, Result<net::ClientReply> reply) {
    const int status = reply ? reply->status : 0;
    {
      const auto state = state_.Lock();
      if (state->counting) state->result.answers.push_back({.latency = clock_.Now() - sent, .status = status});
      if (!reply && state->result.failure.empty()) state->result.failure = reply.error().message;
    }
    if (status == 200) return SendNext();
    pauses_.PostAfter(status == 0 ? kFailedPause : kRefusedPause, [this] { SendNext(); }).Detach();
  }

  const LoadPlan& plan_;
  net::HttpClient& http_;
  const Clock& clock_;
  std::condition_variable idle_;
  Guarded<State> state_;
  ThreadPool pauses_;  // last: its thread ends before what it uses
};

void WaitFor(ClosedLoop& loop, Duration time, std::string_view phase, const LoadEvents& events) {
  constexpr Duration kStep = std::chrono::seconds(1);
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  for (Duration done{}; done < time; done += kStep) {
    if (events.progress) events.progress(phase, seconds(done), seconds(time));
    loop.Wait(std::min(kStep, time - done));
  }
}

}  // namespace

LoadResult RunLoad(const LoadPlan& plan, net::HttpClient& http, const Clock& clock, const LoadEvents& events) {
  ClosedLoop loop(plan, http, clock);
  loop.Start();
  WaitFor(loop, plan.warm_up, "warming up", events);
  if (events.window_opens) events.window_opens();
  loop.OpenWindow();
  WaitFor(loop, plan.window, "measuring", events);
  loop.CloseWindow();
  if (events.window_closes) events.window_closes();
  return loop.Stop();
}

}  // namespace mlnode::cli
