#include "serving/monitoring/latency_window.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mlnode::serving {
namespace {

double Percentile(const std::vector<double>& sorted, double percent) {
  const double rank = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(rank));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::size_t Size(std::int64_t limit) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(limit, 0, LatencyWindow::kMaxValues));
}

}  // namespace

void LatencyWindow::Add(Duration took, std::int64_t limit) {
  const std::size_t size = Size(limit);
  const auto millis = millis_.Lock();
  if (size > 0) millis->push_back(std::chrono::duration<double, std::milli>(took).count());
  while (millis->size() > size) millis->pop_front();
}

std::vector<double> LatencyWindow::Newest(std::int64_t limit) const {
  const auto millis = millis_.Lock();
  const std::size_t shown = std::min(millis->size(), Size(limit));
  return {millis->end() - static_cast<std::ptrdiff_t>(shown), millis->end()};
}

std::optional<LatencySummary> Summarize(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  return LatencySummary{
      .count = values.size(),
      .max = values.back(),
      .min = values.front(),
      .average = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()),
      .p50 = Percentile(values, 50),
      .p90 = Percentile(values, 90),
      .p99 = Percentile(values, 99)};
}

}  // namespace mlnode::serving
