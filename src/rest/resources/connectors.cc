// Connectors, as far as a node that makes none can answer: none is found. Making them is not built (README, Limits).
#include <fmt/format.h>

#include <array>

#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

constexpr auto kCollection = storage::Collection::kConnectors;

// kNotFound, or why a connector that a newer version left in the store is out of reach.
Error OutOfReach(const std::string& id, deploy::NodeCore& node) {
  const auto stored = node.store().GetFresh({kCollection, id});
  if (!stored) return stored.error();
  return MakeError(
      Code::kUnimplemented,
      fmt::format("Connector [{}] was stored by a newer version; this one does not serve connectors.", id));
}

Result<net::HttpReply> GetConnector(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("connector_id");
  Error error = OutOfReach(id, node);
  if (error.code != Code::kNotFound) return error;
  if (IsFresh(node.store())) return MakeError(Code::kNotFound, "Failed to find connector");
  return MakeError(Code::kNotFound, fmt::format("Failed to find connector with the provided connector id: {}", id));
}

Result<net::HttpReply> DeleteConnector(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("connector_id");
  Error error = OutOfReach(id, node);
  if (error.code != Code::kNotFound) return error;
  if (IsFresh(node.store())) return MakeError(Code::kNotFound, "Failed to find connector");
  return DeletedReply(context, kConnectorIndex, id, {.revision = 0, .version = 1}, "not_found");
}

Result<net::HttpReply> SearchConnectors(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const query::SearchRequest request, ReadSearchRequest(context));
  const query::SearchTarget target{
      .index = std::string(kConnectorIndex), .default_excludes = {}, .always_excludes = {"credential"}};
  const storage::Snapshot snapshot = node.store().Read(std::array{kCollection});
  std::vector<query::SearchDocument> documents;
  for (const storage::DocumentPtr& document : snapshot.documents) {
    documents.push_back(
        {document->key.id, std::make_shared<json::object>(document->body), document->version, document->revision});
  }
  return SearchReply(context, request, documents, target, node.clock());
}

}  // namespace

void AddConnectorRoutes(RouteTable& table, deploy::NodeCore& node) {
  const auto on_node = [&node](auto handle) {
    return [&node, handle](const RequestContext& context) { return handle(context, node); };
  };
  const std::string base = fmt::format("{}/connectors", kMlBase);
  for (const char* method : {"GET", "POST"}) {
    table.Add({.method = method,
               .pattern = base + "/_search",
               .handler = on_node(SearchConnectors),
               .body = BodyUse::kJson,
               .params = SearchParams()});
  }
  table.Add({.method = "GET", .pattern = base + "/{connector_id}", .handler = on_node(GetConnector)});
  table.Add({.method = "DELETE", .pattern = base + "/{connector_id}", .handler = on_node(DeleteConnector)});
}

}  // namespace mlnode::rest
