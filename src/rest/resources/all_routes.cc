#include "rest/resources/resources.h"

namespace mlnode::rest {

void AddAllRoutes(RouteTable& table, deploy::NodeCore& node, const Readiness& readiness, const Peers* peers) {
  AddRootRoutes(table, node);
  AddClusterRoutes(table, node, readiness);
  AddNodeRoutes(table, node, peers);
  AddCatRoutes(table, node);
  AddHealthRoutes(table, node, readiness);
  AddModelRoutes(table, node);
  AddModelSearchRoutes(table, node);
  AddModelGroupRoutes(table, node);
  AddConnectorRoutes(table, node);
  AddControllerRoutes(table, node);
  AddDeployRoutes(table, node);
  AddTaskRoutes(table, node);
  AddPredictRoutes(table, node, peers);
  AddStreamRoutes(table, node, peers);
  AddBatchRoutes(table, node, peers);
  AddProfileRoutes(table, node, peers);
  AddStatsRoutes(table, node, peers);
  AddExplainRoutes(table, node, peers);
  AddOpenApiRoutes(table);
}

}  // namespace mlnode::rest
