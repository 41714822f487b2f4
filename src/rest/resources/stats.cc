// GET stats: what each node did since it began, and what there is (spec/tasks-profile-stats-settings §3).
#include <algorithm>
#include <array>
#include <cctype>

#include "core/log.h"
#include "rest/cluster/fan_out.h"
#include "rest/resources/resources.h"
#include "rest/resources/stats_request.h"

namespace mlnode::rest {
namespace {

using models::ActionCount;
using models::ActionCounts;
using storage::Collection;

constexpr std::size_t kMostCounted = 10'000;  // what the peer's search counts to

std::size_t Documents(deploy::NodeCore& node, Collection collection) {
  const std::array collections{collection};
  return node.store().Read(collections).documents.size();
}

// There are no indices: one "exists" while it would hold documents.
std::string_view IndexStatus(deploy::NodeCore& node, Collection collection) {
  return Documents(node, collection) > 0 ? "green" : "non-existent";
}

struct ClusterStat {
  std::string_view name;
  Collection collection;
  bool counts;  // its documents; else the state of its index
};
// The peer makes its config index with the first model, so that one follows the models.
constexpr ClusterStat kClusterStats[] = {{"ml_task_index_status", Collection::kTasks, false},
                                         {"ml_connector_index_status", Collection::kConnectors, false},
                                         {"ml_connector_count", Collection::kConnectors, true},
                                         {"ml_model_count", Collection::kModels, true},
                                         {"ml_config_index_status", Collection::kModels, false},
                                         {"ml_model_index_status", Collection::kModels, false},
                                         {"ml_controller_index_status", Collection::kControllers, false}};

void AddClusterStats(const StatsRequest& request, deploy::NodeCore& node, json::object& body) {
  for (const ClusterStat& stat : kClusterStats) {
    if (!Wanted(request.cluster_stats, stat.name)) continue;
    if (stat.counts) {
      body[stat.name] = std::min(Documents(node, stat.collection), kMostCounted);
    } else {
      body[stat.name] = IndexStatus(node, stat.collection);
    }
  }
}

std::uint64_t ExecutingTasks(deploy::NodeCore& node) {
  const auto running = node.tasks().InProgress();
  return static_cast<std::uint64_t>(std::ranges::count_if(running, [&](const tasks::TaskRecord& task) {
    return std::ranges::find(task.worker_nodes, node.self().id) != task.worker_nodes.end();
  }));
}

std::uint64_t DeployedModels(deploy::NodeCore& node) {
  const auto models = node.local_models().List();
  return static_cast<std::uint64_t>(
      std::ranges::count(models, serving::LocalState::kReady, &serving::LocalModel::state));
}

// Where the peer shows its heap: of the memory that may be used, what is reserved.
std::uint64_t ReservedPercent(deploy::NodeCore& node) {
  return node.budget().Reserved() * 100 / std::max<std::uint64_t>(1, node.budget().limit());
}

std::uint64_t Sum(const ActionCounts& counts, std::uint64_t ActionCount::* field) {
  std::uint64_t sum = 0;
  for (const ActionCount& count : counts) sum += count.*field;
  return sum;
}

struct NodeStat {
  std::string_view name;
  std::uint64_t (*read)(deploy::NodeCore&);
};
constexpr NodeStat kNodeStats[] = {
    {"ml_request_count", [](deploy::NodeCore& node) { return Sum(node.actions().Total(), &ActionCount::requests); }},
    {"ml_failure_count", [](deploy::NodeCore& node) { return Sum(node.actions().Total(), &ActionCount::failures); }},
    {"ml_jvm_heap_usage", ReservedPercent},
    {"ml_circuit_breaker_trigger_count", [](deploy::NodeCore& node) { return node.budget().Refused(); }},
    {"ml_executing_task_count", ExecutingTasks},
    {"ml_deployed_model_count", DeployedModels}};

// {"<action>": {"ml_action_request_count": 1}}: what never happened is left out.
json::object ActionsForm(const StatsRequest& request, const ActionCounts& counts) {
  json::object form;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::string_view action = models::ActionName(static_cast<models::Action>(i));
    if (!Wanted(request.actions, action)) continue;
    json::object shown;
    const auto add = [&](std::string_view stat, std::uint64_t count) {
      if (count > 0 && Wanted(request.action_stats, stat)) shown[stat] = count;
    };
    add("ml_action_failure_count", counts[i].failures);
    add("ml_action_request_count", counts[i].requests);
    if (!shown.empty()) form[action] = std::move(shown);
  }
  return form;
}

json::object AlgorithmsForm(const StatsRequest& request, deploy::NodeCore& node) {
  json::object form;
  if (!request.Asks(StatLevel::kAlgorithm)) return form;
  for (const models::FunctionTraits& traits : models::AllFunctions()) {
    if (!request.functions.empty() && !request.functions.contains(traits.function)) continue;
    json::object actions = ActionsForm(request, node.actions().OfFunction(traits.function));
    if (actions.empty()) continue;
    std::string name(traits.name);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    form[name] = std::move(actions);
  }
  return form;
}

// Whatever level is asked for: so the peer does.
json::object ModelsForm(const StatsRequest& request, deploy::NodeCore& node) {
  json::object form;
  for (const auto& [model, counts] : node.actions().Models()) {
    if (!Wanted(request.models, model.str())) continue;
    json::object actions = ActionsForm(request, counts);
    if (!actions.empty()) form[model.str()] = std::move(actions);
  }
  return form;
}

json::object NodeForm(const StatsRequest& request, deploy::NodeCore& node) {
  json::object form;
  if (request.Asks(StatLevel::kNode)) {
    for (const NodeStat& stat : kNodeStats) {
      if (Wanted(request.node_stats, stat.name)) form[stat.name] = stat.read(node);
    }
  }
  json::object algorithms = AlgorithmsForm(request, node);
  json::object models = ModelsForm(request, node);
  if (form.empty() && algorithms.empty() && models.empty()) return form;
  form["algorithms"] = std::move(algorithms);
  form["models"] = std::move(models);
  return form;
}

Result<json::object> StatsBody(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const StatsRequest request, ReadStatsRequest(context));
  json::object body;
  if (request.Asks(StatLevel::kCluster)) AddClusterStats(request, node, body);
  if (!request.OnlyCluster() && Wanted(request.nodes, node.self().id.str())) {
    json::object here = NodeForm(request, node);
    if (!here.empty()) body["nodes"] = {{node.self().id.str(), std::move(here)}};
  }
  return body;
}

void AddNodes(const RequestContext&, json::object& mine, std::vector<PeerAnswer> others) {
  for (PeerAnswer& other : others) {
    if (other.body) MergeObjects(mine, std::move(*other.body));
  }
}

}  // namespace

void AddStatsRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers) {
  for (const char* path : {"/stats", "/stats/{stat}", "/{node_id}/stats", "/{node_id}/stats/{stat}"}) {
    table.Add(FannedOut(
        {.method = "GET", .pattern = fmt::format("{}{}", kMlBase, path), .body = BodyUse::kJson},
        {.own = [&node](const RequestContext& context) { return StatsBody(context, node); }, .merge = AddNodes}, node,
        peers));
  }
}

}  // namespace mlnode::rest
