#include "cli/node_metrics.h"

#include <charconv>

namespace mlnode::cli {
namespace {

// `name{labels} value [timestamp]`, see the format's description. Label values may hold anything, braces and spaces
// too.
void AddLine(std::string_view line, MetricSums& sums) {
  const std::size_t name_end = line.find_first_of("{ ");
  if (line.starts_with('#') || name_end == 0 || name_end == std::string_view::npos) return;
  std::size_t value = name_end;
  if (line[name_end] == '{') {
    const std::size_t closed = line.rfind('}');
    if (closed == std::string_view::npos) return;
    value = closed + 1;
  }
  value = line.find_first_not_of(' ', value);
  if (value == std::string_view::npos) return;
  double number = 0;
  const auto parsed = std::from_chars(line.data() + value, line.data() + line.size(), number);
  if (parsed.ec == std::errc()) sums[std::string(line.substr(0, name_end))] += number;
}

std::optional<double> Growth(const MetricSums& before, const MetricSums& after, const std::string& name) {
  const auto now = after.find(name);
  if (now == after.end()) return std::nullopt;
  const auto then = before.find(name);
  return now->second - (then == before.end() ? 0 : then->second);
}

// Of what a histogram observed between the readings.
std::optional<double> Mean(const MetricSums& before, const MetricSums& after, const std::string& name) {
  const std::optional<double> sum = Growth(before, after, name + "_sum");
  const std::optional<double> count = Growth(before, after, name + "_count");
  if (!sum || !count || *count <= 0) return std::nullopt;
  return *sum / *count;
}

}  // namespace

MetricSums SumSeries(std::string_view text) {
  MetricSums sums;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    AddLine(text.substr(0, end), sums);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return sums;
}

NodeLoad LoadBetween(const MetricSums& before, const MetricSums& after, Duration between) {
  NodeLoad load;
  const double seconds = std::chrono::duration<double>(between).count();
  const std::optional<double> tokens = Growth(before, after, "mlnode_predict_tokens_total");
  if (tokens && seconds > 0) load.tokens_per_second = *tokens / seconds;
  load.tokens_per_batch = Mean(before, after, "mlnode_batch_tokens");
  load.sequences_per_batch = Mean(before, after, "mlnode_batch_sequences");
  load.requests_per_batch = Mean(before, after, "mlnode_batch_requests");
  load.fill_ratio = Mean(before, after, "mlnode_batch_fill_ratio");
  return load;
}

json::object ToJsonObject(const NodeLoad& load) {
  json::object out;
  const auto add = [&out](std::string_view key, const std::optional<double>& value) {
    if (value) out[key] = *value;
  };
  add("tokens_per_second", load.tokens_per_second);
  add("tokens_per_batch", load.tokens_per_batch);
  add("sequences_per_batch", load.sequences_per_batch);
  add("requests_per_batch", load.requests_per_batch);
  add("fill_ratio", load.fill_ratio);
  return out;
}

}  // namespace mlnode::cli
