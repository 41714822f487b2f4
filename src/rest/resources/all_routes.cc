#include "rest/resources/resources.h"

namespace mlnode::rest {

void AddAllRoutes(RouteTable& table, deploy::NodeCore& node, const Readiness& readiness) {
  AddRootRoutes(table, node);
  AddClusterRoutes(table, node, readiness);
  AddNodeRoutes(table, node);
  AddCatRoutes(table, node);
  AddHealthRoutes(table, node, readiness);
  AddModelRoutes(table, node);
  AddModelSearchRoutes(table, node);
  AddModelGroupRoutes(table, node);
  AddConnectorRoutes(table, node);
  AddControllerRoutes(table, node);
  AddDeployRoutes(table, node);
  AddTaskRoutes(table, node);
  AddPredictRoutes(table, node);
  AddStreamRoutes(table, node);
  AddBatchRoutes(table, node);
  AddProfileRoutes(table, node);
  AddStatsRoutes(table, node);
  AddExplainRoutes(table, node);
  AddOpenApiRoutes(table);
}

}  // namespace mlnode::rest
