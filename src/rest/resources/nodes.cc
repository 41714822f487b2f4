// GET _nodes, _nodes/{ids}, _nodes/stats, _cat/nodes (spec/rest-conventions §4.3, 4.4).
#include <stdlib.h>

#include <algorithm>
#include <array>

#include "core/log.h"
#include "rest/json_reply.h"
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
  form["attributes"] = json::object();
}

json::object NodeInfo(deploy::NodeCore&, const deploy::Lease& lease) {
  json::object info;
  AddIdentity(lease, info);
  info["version"] = kCompatibleVersion;
  info["build_type"] = "tar";
  info["build_hash"] = "unknown";
  info["http"] = {{"bound_address", json::array{lease.address}}, {"publish_address", lease.address}};
  info["plugins"] = json::array{{{"name", "opensearch-ml"}, {"version", fmt::format("{}.0", kCompatibleVersion)}}};
  info["mlnode"] = {{"version", lease.version}, {"started_at", lease.started_at}};
  return info;
}

// Load averages and memory are known of this node only.
json::object NodeStats(deploy::NodeCore& node, const deploy::Lease& lease) {
  json::object stats;
  const EpochMillis now = node.clock().WallMillis();
  stats["timestamp"] = now;
  AddIdentity(lease, stats);
  if (lease.node != node.self().id) return stats;
  if (std::array<double, 3> load{}; getloadavg(load.data(), 3) == 3) {
    stats["os"] = {{"timestamp", now},
                   {"cpu", {{"load_average", {{"1m", load[0]}, {"5m", load[1]}, {"15m", load[2]}}}}}};
  }
  stats["mlnode"] = {
      {"memory", {{"limit_bytes", node.budget().limit()}, {"reserved_bytes", node.budget().Reserved()}}}};
  return stats;
}

using NodeForm = json::object (*)(deploy::NodeCore&, const deploy::Lease&);

Result<net::HttpReply> GetNodes(const RequestContext& context, deploy::NodeCore& node, NodeForm form) {
  const std::string& filter = context.PathParam("node_id");  // empty on the routes without one: all
  std::vector<std::string_view> parts = SplitCommas(filter);
  if (std::all_of(parts.begin(), parts.end(), IsMetric)) parts = {"_all"};
  json::object nodes;
  for (const deploy::Lease& lease : node.membership().Live()) {
    const bool chosen = std::any_of(parts.begin(), parts.end(),
                                    [&](std::string_view part) { return Selects(part, lease, node.self().id); });
    if (chosen) nodes[lease.node.str()] = form(node, lease);
  }
  json::object body;
  body["_nodes"] = {{"total", nodes.size()}, {"successful", nodes.size()}, {"failed", 0}};
  body["cluster_name"] = node.self().cluster_name;
  body["nodes"] = std::move(nodes);
  return JsonReply(context, body);
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

// Load averages and memory are known of this node only; other nodes show "-".
CatRow NodeRow(deploy::NodeCore& node, const deploy::Lease& lease, bool manager, bool full_id) {
  std::array<double, 3> load{};
  const bool self = lease.node == node.self().id;
  const bool known = self && getloadavg(load.data(), 3) == 3;
  const auto load_text = [&](std::size_t i) { return known ? fmt::format("{:.2f}", load[i]) : std::string("-"); };
  const std::uint64_t limit = std::max<std::uint64_t>(1, node.budget().limit());
  const std::string memory = self ? fmt::format("{}", node.budget().Reserved() * 100 / limit) : "-";
  return {{"id", full_id ? lease.node.str() : lease.node.str().substr(0, 4)},
          {"ip", HostOf(lease.address)},
          {"http_address", lease.address},
          {"version", std::string(kCompatibleVersion)},
          {"heap.percent", memory},
          {"ram.percent", memory},
          {"cpu", "-"},
          {"load_1m", load_text(0)},
          {"load_5m", load_text(1)},
          {"load_15m", load_text(2)},
          {"node.role", RoleLetters(lease)},
          {"node.roles", fmt::format("{}", fmt::join(lease.roles, ","))},
          {"cluster_manager", manager ? "*" : "-"},
          {"master", manager ? "*" : "-"},
          {"name", lease.name}};
}

Result<net::HttpReply> CatNodes(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const bool full_id, context.BoolQuery("full_id", false));
  CatTable table;
  table.default_columns = {"ip",        "heap.percent", "ram.percent",     "cpu", "load_1m", "load_5m", "load_15m",
                           "node.role", "node.roles",   "cluster_manager", "name"};
  table.aliases = {{"nodeId", "id"},      {"i", "ip"},      {"n", "name"},           {"r", "node.role"},
                   {"role", "node.role"}, {"v", "version"}, {"m", "cluster_manager"}};
  // Every node does the manager's work; the first by id stands for it where clients expect one.
  for (const deploy::Lease& lease : node.membership().Live()) {
    table.rows.push_back(NodeRow(node, lease, table.rows.empty(), full_id));
  }
  return CatReply(context, table);
}

}  // namespace

void AddNodeRoutes(RouteTable& table, deploy::NodeCore& node) {
  const std::vector<std::string> params = {"timeout", "flat_settings"};
  const std::pair<const char*, NodeForm> paths[] = {{"/_nodes", NodeInfo},
                                                    {"/_nodes/{node_id}", NodeInfo},
                                                    {"/_nodes/{node_id}/{metric}", NodeInfo},
                                                    {"/_nodes/stats", NodeStats},
                                                    {"/_nodes/stats/{metric}", NodeStats},
                                                    {"/_nodes/{node_id}/stats", NodeStats},
                                                    {"/_nodes/{node_id}/stats/{metric}", NodeStats}};
  for (const auto& [pattern, form] : paths) {
    table.Add({.method = "GET",
               .pattern = pattern,
               .handler = [&node, form = form](const RequestContext& context) { return GetNodes(context, node, form); },
               .params = params});
  }
  std::vector<std::string> cat_params = CatParams();
  cat_params.insert(cat_params.end(), {"full_id", "local", "cluster_manager_timeout", "master_timeout"});
  table.Add({.method = "GET",
             .pattern = "/_cat/nodes",
             .handler = [&node](const RequestContext& context) { return CatNodes(context, node); },
             .params = cat_params});
}

}  // namespace mlnode::rest
