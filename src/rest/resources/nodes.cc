// GET _nodes, _nodes/{ids}, _nodes/stats, _cat/nodes (spec/rest-conventions §4.3, 4.4).
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "core/log.h"
#include "rest/cluster/fan_out.h"
#include "rest/json_reply.h"
#include "rest/remote/from_background.h"
#include "rest/resources/cat_table.h"
#include "rest/resources/comma_list.h"
#include "rest/resources/resources.h"
#include "rest/version.h"

namespace mlnode::rest {
namespace {

std::string HostOf(const std::string& address) { return address.substr(0, address.rfind(':')); }

bool HasRole(const deploy::Lease& lease, std::string_view role) {
  return std::find(lease.roles.begin(), lease.roles.end(), role) != lease.roles.end();
}

// One part of a node filter: an id, a name, an address, _local, _all, or role:true.
bool Selects(std::string_view part, const deploy::Lease& lease, const NodeId& self) {
  if (part.empty() || part == "_all" || part == "*") return true;
  if (part == "_local") return lease.node == self;
  if (part.ends_with(":true")) return HasRole(lease, part.substr(0, part.size() - 5));
  if (part.ends_with(":false")) return !HasRole(lease, part.substr(0, part.size() - 6));
  return part == lease.node.str() || part == lease.name || part == HostOf(lease.address);
}

bool IsMetric(std::string_view part) {
  constexpr std::array<std::string_view, 12> kMetrics = {"settings",    "os",        "process",      "jvm",
                                                         "thread_pool", "transport", "http",         "plugins",
                                                         "ingest",      "indices",   "aggregations", "_all"};
  return std::find(kMetrics.begin(), kMetrics.end(), part) != kMetrics.end();
}

// Where a node is and what it may do.
void AddIdentity(const deploy::Lease& lease, json::object& form) {
  form["name"] = lease.name;
  form["transport_address"] = lease.address;
  form["host"] = HostOf(lease.address);
  form["ip"] = HostOf(lease.address);
  json::array roles;
  for (const std::string& role : lease.roles) roles.emplace_back(role);
  form["roles"] = std::move(roles);
  json::object attributes;
  for (const auto& [name, value] : lease.attributes) attributes[name] = value;
  form["attributes"] = std::move(attributes);
}

json::object NodeInfo(deploy::NodeCore&, const deploy::Lease& lease) {
  json::object info;
  AddIdentity(lease, info);
  info["version"] = kCompatibleVersion;
  info["build_type"] = "tar";
  info["build_hash"] = "unknown";
  info["http"] = {{"bound_address", json::array{lease.address}}, {"publish_address", lease.address}};
  info["plugins"] = json::array{{{"name", "opensearch-ml"}, {"version", fmt::format("{}.0", kCompatibleVersion)}}};
  info["mlnode"] = {
      {"version", lease.version}, {"started_at", lease.started_at},         {"memory_limit_bytes", lease.memory_bytes},
      {"lanes", lease.lanes},     {"fast_precision", lease.fast_precision}, {"leaving", lease.leaving}};
  return info;
}

// Of this node.
json::object NodeStats(deploy::NodeCore& node, const deploy::Lease& lease) {
  json::object stats;
  const EpochMillis now = node.clock().WallMillis();
  stats["timestamp"] = now;
  AddIdentity(lease, stats);
  if (std::array<double, 3> load{}; getloadavg(load.data(), 3) == 3) {
    stats["os"] = {{"timestamp", now},
                   {"cpu", {{"load_average", {{"1m", load[0]}, {"5m", load[1]}, {"15m", load[2]}}}}}};
  }
  stats["mlnode"] = {
      {"memory", {{"limit_bytes", node.budget().limit()}, {"reserved_bytes", node.budget().Reserved()}}}};
  return stats;
}

// The live nodes that the path names. A peer asks this one for itself: it has read the path.
std::vector<deploy::Lease> Chosen(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& filter = context.PathParam("node_id");  // empty on the routes without one: all
  std::vector<std::string_view> parts = SplitCommas(filter);
  if (std::all_of(parts.begin(), parts.end(), IsMetric)) parts = {"_all"};
  if (context.peer) parts = {"_local"};
  std::vector<deploy::Lease> chosen = node.membership().Live();
  std::erase_if(chosen, [&](const deploy::Lease& lease) {
    return std::none_of(parts.begin(), parts.end(),
                        [&](std::string_view part) { return Selects(part, lease, node.self().id); });
  });
  return chosen;
}

json::object NodesBody(deploy::NodeCore& node, json::object nodes, std::size_t failed) {
  json::object body;
  body["_nodes"] = {{"total", nodes.size() + failed}, {"successful", nodes.size()}, {"failed", failed}};
  body["cluster_name"] = node.self().cluster_name;
  body["nodes"] = std::move(nodes);
  return body;
}

// What all know of each.
Result<json::object> InfoBody(const RequestContext& context, deploy::NodeCore& node) {
  json::object nodes;
  for (const deploy::Lease& lease : Chosen(context, node)) nodes[lease.node.str()] = NodeInfo(node, lease);
  return NodesBody(node, std::move(nodes), 0);
}

// What only each itself knows.
Result<json::object> OwnStats(const RequestContext& context, deploy::NodeCore& node) {
  json::object nodes;
  for (const deploy::Lease& lease : Chosen(context, node)) {
    if (lease.node == node.self().id) nodes[lease.node.str()] = NodeStats(node, lease);
  }
  return NodesBody(node, std::move(nodes), 0);
}

void AddStats(deploy::NodeCore& node, json::object& mine, std::vector<PeerAnswer> others) {
  json::object nodes = std::move(mine.at("nodes").as_object());
  std::size_t failed = 0;
  for (PeerAnswer& other : others) {
    json::value* theirs = other.body ? other.body->if_contains("nodes") : nullptr;
    if (theirs != nullptr && theirs->is_object()) {
      MergeObjects(nodes, std::move(theirs->as_object()));
    } else {
      ++failed;
    }
  }
  mine = NodesBody(node, std::move(nodes), failed);
}

FanOut StatsFanOut(deploy::NodeCore& node) {
  return {.own = [&node](const RequestContext& context) { return OwnStats(context, node); },
          .merge = [&node](const RequestContext&, json::object& mine,
                           std::vector<PeerAnswer> others) { AddStats(node, mine, std::move(others)); },
          .choose =
              [&node](const RequestContext& context) {
                std::vector<deploy::Lease> chosen = Chosen(context, node);
                std::erase_if(chosen, [&](const deploy::Lease& lease) { return lease.node == node.self().id; });
                return chosen;
              }};
}

std::string RoleLetters(const deploy::Lease& lease) {
  constexpr std::pair<std::string_view, char> kLetters[] = {
      {"data", 'd'}, {"ingest", 'i'}, {"cluster_manager", 'm'}, {"remote_cluster_client", 'r'}};
  std::string letters;
  for (const auto& [role, letter] : kLetters) {
    if (HasRole(lease, role)) letters.push_back(letter);
  }
  return letters.empty() ? "-" : letters;
}

// A number of a node's stats; nullopt: the node did not say.
std::optional<double> Figure(const json::value* stats, std::string_view pointer) {
  if (stats == nullptr) return std::nullopt;
  boost::system::error_code missing;
  const json::value* found = stats->find_pointer(pointer, missing);
  return found != nullptr && found->is_number() ? std::optional(found->to_number<double>()) : std::nullopt;
}

std::string LoadText(const json::value* stats, std::string_view span) {
  const auto load = Figure(stats, fmt::format("/os/cpu/load_average/{}", span));
  return load ? fmt::format("{:.2f}", *load) : "-";
}

std::string MemoryPercent(const json::value* stats) {
  const auto limit = Figure(stats, "/mlnode/memory/limit_bytes"),
             reserved = Figure(stats, "/mlnode/memory/reserved_bytes");
  return limit && reserved ? fmt::format("{:.0f}", std::floor(*reserved * 100 / std::max(1.0, *limit))) : "-";
}

CatRow NodeRow(const deploy::Lease& lease, const json::value* stats, bool manager, bool full_id) {
  const std::string memory = MemoryPercent(stats);
  return {{"id", full_id ? lease.node.str() : lease.node.str().substr(0, 4)},
          {"ip", HostOf(lease.address)},
          {"http_address", lease.address},
          {"version", std::string(kCompatibleVersion)},
          {"heap.percent", memory},
          {"ram.percent", memory},
          {"cpu", "-"},
          {"load_1m", LoadText(stats, "1m")},
          {"load_5m", LoadText(stats, "5m")},
          {"load_15m", LoadText(stats, "15m")},
          {"node.role", RoleLetters(lease)},
          {"node.roles", fmt::format("{}", fmt::join(lease.roles, ","))},
          {"cluster_manager", manager ? "*" : "-"},
          {"master", manager ? "*" : "-"},
          {"name", lease.name}};
}

// `stats`: of the nodes that said theirs, by id.
Result<net::HttpReply> CatNodes(const RequestContext& context, deploy::NodeCore& node, const json::object& stats) {
  ASSIGN_OR_RETURN(const bool full_id, context.BoolQuery("full_id", false));
  CatTable table;
  table.default_columns = {"ip",        "heap.percent", "ram.percent",     "cpu", "load_1m", "load_5m", "load_15m",
                           "node.role", "node.roles",   "cluster_manager", "name"};
  table.aliases = {{"nodeId", "id"},      {"i", "ip"},      {"n", "name"},           {"r", "node.role"},
                   {"role", "node.role"}, {"v", "version"}, {"m", "cluster_manager"}};
  // Every node does the manager's work; the first by id stands for it where clients expect one.
  for (const deploy::Lease& lease : node.membership().Live()) {
    table.rows.push_back(NodeRow(lease, stats.if_contains(lease.node.str()), table.rows.empty(), full_id));
  }
  return CatReply(context, table);
}

json::object OwnStatsById(deploy::NodeCore& node) {
  json::object stats;
  for (const deploy::Lease& lease : node.membership().Live()) {
    if (lease.node == node.self().id) stats[lease.node.str()] = NodeStats(node, lease);
  }
  return stats;
}

// With what the other nodes say of themselves.
void CatAllNodes(const std::shared_ptr<RequestContext>& context, deploy::NodeCore& node, const Peers& peers,
                 Answer answer) {
  const OnceAnswer once(std::move(answer));
  AskNodes(peers, node, context, OtherNodes(node), "/_nodes/stats",
           [context, &node, once](Result<std::vector<PeerAnswer>> others) {
             if (!others) return once(std::move(others).error());
             json::object stats = OwnStatsById(node);
             for (PeerAnswer& other : *others) {
               json::value* theirs = other.body ? other.body->if_contains("nodes") : nullptr;
               if (theirs != nullptr && theirs->is_object()) MergeObjects(stats, std::move(theirs->as_object()));
             }
             once(CatNodes(*context, node, stats));
           });
}

}  // namespace

void AddNodeRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers) {
  const std::vector<std::string> params = {"timeout", "flat_settings"};
  for (const char* pattern : {"/_nodes", "/_nodes/{node_id}", "/_nodes/{node_id}/{metric}"}) {
    table.Add({.method = "GET",
               .pattern = pattern,
               .handler = [&node](const RequestContext& context) -> Result<net::HttpReply> {
                 ASSIGN_OR_RETURN(const json::object body, InfoBody(context, node));
                 return JsonReply(context, body);
               },
               .params = params});
  }
  for (const char* pattern :
       {"/_nodes/stats", "/_nodes/stats/{metric}", "/_nodes/{node_id}/stats", "/_nodes/{node_id}/stats/{metric}"}) {
    table.Add(FannedOut({.method = "GET", .pattern = pattern, .params = params}, StatsFanOut(node), node, peers));
  }
  std::vector<std::string> cat_params = CatParams();
  cat_params.insert(cat_params.end(), {"full_id", "local", "cluster_manager_timeout", "master_timeout"});
  Route cat{.method = "GET", .pattern = "/_cat/nodes", .params = cat_params};
  if (peers == nullptr) {
    cat.handler = [&node](const RequestContext& context) { return CatNodes(context, node, OwnStatsById(node)); };
  } else {
    cat.async = [&node, peers](const std::shared_ptr<RequestContext>& context, Answer answer) {
      CatAllNodes(context, node, *peers, std::move(answer));
    };
  }
  table.Add(std::move(cat));
}

}  // namespace mlnode::rest
