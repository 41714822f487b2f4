// rest/resources/stats_request.h: what a caller of GET stats wants to see: from the path, or from a body
// (spec/tasks-profile-stats-settings §3).
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "models/action_stats.h"
#include "rest/request_context.h"

namespace mlnode::rest {

enum class StatLevel : std::uint8_t { kCluster, kNode, kAlgorithm, kModel, kAction };

// An empty set of names means all of them.
struct StatsRequest {
  std::set<StatLevel> levels;
  std::set<std::string, std::less<>> cluster_stats, node_stats, action_stats;  // lower case
  std::set<std::string, std::less<>> nodes, models;                            // ids
  std::set<models::FunctionName> functions;
  std::set<std::string, std::less<>> actions;  // lower case

  bool Asks(StatLevel level) const { return levels.contains(level); }
  // Nothing of a node was asked for. Not so when nothing at all was.
  bool OnlyCluster() const { return levels.size() == 1 && Asks(StatLevel::kCluster); }
};

// Is `name` in the set, or the set empty.
bool Wanted(const std::set<std::string, std::less<>>& names, std::string_view name);

// kInvalidArgument in the peer's words: "Wrong ML stat level", "Wrong ML cluster level stat", "Wrong ML node level
// stat", "Wrong ML action level stat", "Wrong function name", "Wrong action name"; a path parameter beside a body.
// Reads {stat} and {node_id} of the path.
Result<StatsRequest> ReadStatsRequest(const RequestContext& context);

}  // namespace mlnode::rest
