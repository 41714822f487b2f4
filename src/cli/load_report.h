// cli/load_report.h: what a load run amounts to, as numbers, JSON and text. Pure functions.
#pragma once

#include <map>
#include <string>

#include "cli/load_run.h"
#include "cli/node_metrics.h"
#include "core/json.h"

namespace mlnode::cli {

// Milliseconds of the answers with status 200. p: the value at index floor(p * n) of the n sorted latencies.
struct LatencySummary {
  double p50 = 0, p90 = 0, p99 = 0, max = 0;
};

struct LoadReport {
  std::string target;
  std::size_t clients = 1, documents = 1;  // documents: of one request
  double seconds = 0;                      // the window
  double requests_per_second = 0;          // answered 200
  double documents_per_second = 0;
  LatencySummary latency_millis;       // zeros when no answer was 200
  std::map<int, std::size_t> answers;  // status → count; 0: no answer
  NodeLoad node;

  std::size_t Succeeded() const;
};

LoadReport Summarize(const LoadResult& result, std::size_t documents);

json::object ToJsonObject(const LoadReport& report);
std::string ToText(const LoadReport& report);

}  // namespace mlnode::cli
