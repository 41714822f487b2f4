// cli/load_run.h: closed-loop load over HTTP: so many clients, each of which sends its next request when its last was
// answered. Connections are kept alive. What is answered within the window counts; what was sent before and answered
// within counts too, what is answered later does not.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "net/http_client.h"

namespace mlnode::cli {

struct LoadPlan {
  std::string url;                  // POSTed to, as application/json
  std::vector<std::string> bodies;  // at least one; the n-th request of all sends bodies[n % size]
  std::size_t clients = 1;
  Duration warm_up = std::chrono::seconds(2);
  Duration window = std::chrono::seconds(10);
};

struct LoadAnswer {
  Duration latency{};  // from handing the request to the HTTP client until its whole answer was there
  int status = 0;      // 0: no answer (connection refused, broken, time out)
};
struct LoadResult {
  std::vector<LoadAnswer> answers;  // of the window, in the order in which they came
  Duration window{};                // as it was, by the clock
  std::string failure;              // why the first request without an answer had none; empty: all were answered
};

struct LoadEvents {
  std::function<void()> window_opens, window_closes;
  // About once a second: what goes on, seconds done and in all.
  std::function<void(std::string_view phase, double done, double total)> progress;
};

// Blocks for warm-up and window, then until the last request has its answer (kRequestTimeout at most). After an answer
// other than 200 a client pauses for kRefusedPause, after none for kFailedPause: a refusing node is to be measured, not
// buried.
LoadResult RunLoad(const LoadPlan& plan, net::HttpClient& http, const Clock& clock, const LoadEvents& events = {});

inline constexpr std::chrono::seconds kRequestTimeout{60};
inline constexpr std::chrono::milliseconds kRefusedPause{5};
inline constexpr std::chrono::milliseconds kFailedPause{50};

}  // namespace mlnode::cli
