// rest/resources/resources.h: what each resource adds to the route table. One file a resource; each handler parses,
// calls the domain and shapes the answer, nothing else. All arguments outlive the table.
#pragma once

#include "deploy/node_core.h"
#include "rest/cluster/peers.h"
#include "rest/readiness.h"
#include "rest/route_table.h"

namespace mlnode::rest {

inline constexpr std::string_view kMlBase = "/_plugins/_ml";

void AddRootRoutes(RouteTable& table, deploy::NodeCore& node);
void AddClusterRoutes(RouteTable& table, deploy::NodeCore& node, const Readiness& readiness);
void AddNodeRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers);
void AddCatRoutes(RouteTable& table, deploy::NodeCore& node);
void AddHealthRoutes(RouteTable& table, deploy::NodeCore& node, const Readiness& readiness);
void AddModelRoutes(RouteTable& table, deploy::NodeCore& node);
void AddModelSearchRoutes(RouteTable& table, deploy::NodeCore& node);
void AddModelGroupRoutes(RouteTable& table, deploy::NodeCore& node);
void AddConnectorRoutes(RouteTable& table, deploy::NodeCore& node);
void AddControllerRoutes(RouteTable& table, deploy::NodeCore& node);
void AddDeployRoutes(RouteTable& table, deploy::NodeCore& node);
void AddTaskRoutes(RouteTable& table, deploy::NodeCore& node);
void AddPredictRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers);
void AddStreamRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers);
void AddBatchRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers);
void AddProfileRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers);
void AddStatsRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers);
void AddExplainRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers);
void AddOpenApiRoutes(RouteTable& table);

// All of the above. `peers` null: the node is alone.
void AddAllRoutes(RouteTable& table, deploy::NodeCore& node, const Readiness& readiness, const Peers* peers = nullptr);

}  // namespace mlnode::rest
