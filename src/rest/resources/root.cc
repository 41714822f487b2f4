// GET / and HEAD /: who answers, in the peer's shape (spec/rest-conventions §4.1).
#include "rest/json_reply.h"
#include "rest/resources/resources.h"
#include "rest/version.h"

namespace mlnode::rest {
namespace {

json::object Root(const deploy::NodeIdentity& self) {
  json::object version;
  version["distribution"] = "opensearch";
  version["number"] = kCompatibleVersion;
  version["build_type"] = "tar";
  version["build_hash"] = "unknown";
  version["build_date"] = "unknown";
  version["build_snapshot"] = false;
  version["lucene_version"] = "none";
  version["minimum_wire_compatibility_version"] = kMinimumWireVersion;
  version["minimum_index_compatibility_version"] = kMinimumIndexVersion;
  json::object body;
  body["name"] = self.name;
  body["cluster_name"] = self.cluster_name;
  body["cluster_uuid"] = self.cluster_uuid;
  body["version"] = std::move(version);
  body["tagline"] = "The OpenSearch Project: https://opensearch.org/";
  body["mlnode"] = {{"version", self.version}};
  return body;
}

}  // namespace

void AddRootRoutes(RouteTable& table, deploy::NodeCore& node) {
  const Handler root = [&node](const RequestContext& context) -> Result<net::HttpReply> {
    return JsonReply(context, Root(node.self()));
  };
  table.Add({.method = "GET", .pattern = "/", .handler = root});
  table.Add({.method = "HEAD", .pattern = "/", .handler = root});
}

}  // namespace mlnode::rest
