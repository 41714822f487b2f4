// cli/node_metrics.h: what a node's GET /metrics says about the load between two readings. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/json.h"

namespace mlnode::cli {

// Metric name → sum over its series. `text` is the Prometheus text format, version 0.0.4; lines that are not of it are
// skipped, so that another server's page gives what it has.
using MetricSums = std::map<std::string, double, std::less<>>;
MetricSums SumSeries(std::string_view text);

// Of everything the node did between the readings, for whomever. Absent: the node has no such metric, or nothing ran.
struct NodeLoad {
  std::optional<double> tokens_per_second;    // mlnode_predict_tokens_total
  std::optional<double> tokens_per_batch;     // mlnode_batch_tokens: mean of the engine calls
  std::optional<double> sequences_per_batch;  // mlnode_batch_sequences
  std::optional<double> requests_per_batch;   // mlnode_batch_requests
  std::optional<double> fill_ratio;           // mlnode_batch_fill_ratio: 1 = as many tokens as a batch may have
};
NodeLoad LoadBetween(const MetricSums& before, const MetricSums& after, Duration between);

json::object ToJsonObject(const NodeLoad& load);  // absent fields are left out

}  // namespace mlnode::cli
