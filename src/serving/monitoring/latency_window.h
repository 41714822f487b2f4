// serving/monitoring/latency_window.h: how long the newest requests of one model took
// (spec/tasks-profile-stats-settings §2). Threads: any. Cost of Add: a short lock of this window alone; of Newest: a
// copy under it. Memory: 8 bytes a value.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"

namespace mlnode::serving {

// The setting plugins.ml_commons.monitoring_request_count as those who record see it.
using WindowLimit = std::shared_ptr<const std::atomic<std::int64_t>>;

class LatencyWindow {
 public:
  // Values kept at most, whatever the setting allows (10,000,000): 0.8 MB.
  static constexpr std::int64_t kMaxValues = 100'000;

  // Keeps the newest `limit` values; 0 or less forgets all.
  void Add(Duration took, std::int64_t limit);
  // At most `limit`, in milliseconds, oldest first.
  std::vector<double> Newest(std::int64_t limit) const;

 private:
  Guarded<std::deque<double>> millis_;
};

struct LatencySummary {
  std::size_t count = 0;
  double max = 0, min = 0, average = 0, p50 = 0, p90 = 0, p99 = 0;
};
// Percentiles are interpolated between the two nearest ranks: rank p / 100 * (n - 1). nullopt without values.
// Cost: O(n log n).
std::optional<LatencySummary> Summarize(std::vector<double> values);

// What answered predictions read.
struct PredictCounts {
  std::atomic<std::uint64_t> documents{0}, tokens{0};
  std::atomic<std::uint64_t> truncated{0};  // documents cut to the model's length
};

// Of one model on this node, since it is in service.
struct PredictLatencies {
  LatencyWindow request;    // from the model's taking a request over to its answer or error
  LatencyWindow inference;  // tokenizing and the engine alone, of requests that were answered
  PredictCounts counts;
};

}  // namespace mlnode::serving
