// rest/telemetry.h: what is counted, timed and logged of each request: metrics by route, access log (debug), slow log
// (warning). Threads: any. Cost: two atomic adds and two clock reads a request; a line is made only when it is written.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/metrics.h"
#include "rest/route_table.h"

namespace mlnode::rest {

// Requests answered with this status: of a route's pattern, or of kNoRoute. Made on first use.
inline const std::string kNoRoute = "none";
Counter& RequestsAnswered(Metrics& metrics, const std::string& pattern, int status);

class Telemetry {
 public:
  // `routes` complete; all borrowed.
  Telemetry(const RouteTable& routes, Metrics& metrics, const Clock& clock);
  // Once a request, when its answer is made. `slow_millis` 0: no slow log.
  void Record(const RequestContext& context, int status, std::int64_t slow_millis);
  // Once a request that was answered before its body was read: counted, not timed. `route` null: none was found, or
  // HTTP itself refused.
  void RecordRefusal(const Route* route, int status);

 private:
  static constexpr std::size_t kStatuses = 16;
  // Made on first use, so that routes nobody asks for do not show.
  struct RouteMetrics {
    std::array<std::atomic<Counter*>, kStatuses> by_status = {};
    std::atomic<Histogram*> seconds = nullptr;
  };
  Counter& CounterOf(const Route* route, int status);
  void CountPrediction(const PredictTrace& trace);

  Metrics& metrics_;
  const Clock& clock_;
  std::vector<std::unique_ptr<RouteMetrics>> by_route_;  // by Route::index
  Counter& documents_;
  Counter& tokens_;
  Counter& truncated_;
};

}  // namespace mlnode::rest
