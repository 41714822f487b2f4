#include "rest/resources/stats_request.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "rest/resources/comma_list.h"
#include "rest/route_table.h"

namespace mlnode::rest {
namespace {

using Names = std::set<std::string, std::less<>>;

constexpr std::array<std::string_view, 5> kLevels = {"cluster", "node", "algorithm", "model",
                                                     "action"};  // by StatLevel
constexpr std::string_view kClusterStats[] = {"ml_model_index_status",      "ml_connector_index_status",
                                              "ml_config_index_status",     "ml_task_index_status",
                                              "ml_controller_index_status", "ml_model_count",
                                              "ml_connector_count"};
constexpr std::string_view kNodeStats[] = {"ml_jvm_heap_usage",       "ml_executing_task_count",
                                           "ml_request_count",        "ml_failure_count",
                                           "ml_deployed_model_count", "ml_circuit_breaker_trigger_count"};
constexpr std::string_view kActionStats[] = {"ml_action_request_count", "ml_action_failure_count"};
// The peer knows more actions than happen here.
constexpr std::string_view kActions[] = {"train",    "predict", "train_predict", "execute",
                                         "register", "deploy",  "undeploy",      "batch_predict"};

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

bool IsOneOf(std::span<const std::string_view> known, std::string_view name) {
  return std::ranges::find(known, name) != known.end();
}

// The strings of `key` in lower case, each one of `known`.
Status ReadNames(const json::object& body, std::string_view key, std::span<const std::string_view> known,
                 std::string_view complaint, Names& into) {
  ASSIGN_OR_RETURN(const auto texts, StringsField(body, key));
  if (!texts) return {};
  for (const std::string& text : *texts) {
    std::string name = LowerCase(text);
    if (!IsOneOf(known, name)) return MakeError(Code::kInvalidArgument, std::string(complaint));
    into.insert(std::move(name));
  }
  return {};
}

Status ReadLevels(const json::object& body, std::set<StatLevel>& levels) {
  Names names;
  RETURN_IF_ERROR(ReadNames(body, "target_stat_levels", kLevels, "Wrong ML stat level", names));
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (names.contains(kLevels[i])) levels.insert(static_cast<StatLevel>(i));
  }
  return {};
}

Status ReadFunctions(const json::object& body, std::set<models::FunctionName>& functions) {
  ASSIGN_OR_RETURN(const auto texts, StringsField(body, "algorithms"));
  if (!texts) return {};
  for (const std::string& text : *texts) {
    ASSIGN_OR_RETURN(const models::FunctionName function, models::ParseFunctionName(text));
    functions.insert(function);
  }
  return {};
}

Status ReadIds(const json::object& body, std::string_view key, Names& ids) {
  ASSIGN_OR_RETURN(auto texts, StringsField(body, key));
  if (texts) ids.insert(texts->begin(), texts->end());
  return {};
}

Result<StatsRequest> ReadBody(const RequestContext& context) {
  ASSIGN_OR_RETURN(const json::object body, ParseJsonObject(context.body()));
  StatsRequest request;
  RETURN_IF_ERROR(ReadLevels(body, request.levels));
  RETURN_IF_ERROR(
      ReadNames(body, "cluster_level_stats", kClusterStats, "Wrong ML cluster level stat", request.cluster_stats));
  RETURN_IF_ERROR(ReadNames(body, "node_level_stats", kNodeStats, "Wrong ML node level stat", request.node_stats));
  RETURN_IF_ERROR(
      ReadNames(body, "action_level_stats", kActionStats, "Wrong ML action level stat", request.action_stats));
  RETURN_IF_ERROR(ReadNames(body, "actions", kActions, "Wrong action name", request.actions));
  RETURN_IF_ERROR(ReadFunctions(body, request.functions));
  RETURN_IF_ERROR(ReadIds(body, "node_ids", request.nodes));
  RETURN_IF_ERROR(ReadIds(body, "models", request.models));
  RETURN_IF_ERROR(CheckPathRead(context));
  return request;
}

Result<StatsRequest> ReadPath(const RequestContext& context) {
  StatsRequest request;
  for (const std::string_view node : SplitCommas(context.PathParam("node_id"))) request.nodes.emplace(node);
  for (const std::string_view stat : SplitCommas(context.PathParam("stat"))) {
    std::string name = LowerCase(stat);
    if (IsOneOf(kClusterStats, name)) {
      request.levels.insert(StatLevel::kCluster);
      request.cluster_stats.insert(std::move(name));
    } else if (IsOneOf(kNodeStats, name)) {
      request.levels.insert(StatLevel::kNode);
      request.node_stats.insert(std::move(name));
    } else {
      return MakeError(Code::kInvalidArgument, "Wrong ML cluster level stat");
    }
  }
  if (request.levels.empty()) {
    request.levels = {StatLevel::kCluster, StatLevel::kNode, StatLevel::kAlgorithm, StatLevel::kModel,
                      StatLevel::kAction};
  }
  // The peer's two numbers come together.
  if (request.cluster_stats.contains("ml_model_count")) request.cluster_stats.emplace("ml_connector_count");
  return request;
}

}  // namespace

bool Wanted(const Names& names, std::string_view name) { return names.empty() || names.contains(name); }

Result<StatsRequest> ReadStatsRequest(const RequestContext& context) {
  return context.body().empty() ? ReadPath(context) : ReadBody(context);
}

}  // namespace mlnode::rest
