// GET and POST models/_search over models and their chunk documents (spec/lifecycle §8).
#include <tuple>

#include "core/log.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::vector<query::SearchDocument> Documents(const std::vector<deploy::DeployService::View>& views) {
  std::vector<query::SearchDocument> documents;
  for (const auto& view : views) {
    const models::Model& model = view.model;
    auto source = std::make_shared<json::object>(deploy::RenderModel(model, view.plan, view.deployment));
    source->erase("is_hidden");  // printed by GET, never stored
    documents.push_back({model.id.str(), std::move(source), model.doc_version, model.revision});
    for (const std::uint32_t part : model.received_parts) {
      documents.push_back({fmt::format("{}_{}", model.id.str(), part),
                           std::make_shared<json::object>(models::ChunkForm(model, part)), 1, model.revision});
    }
  }
  return documents;
}

Result<net::HttpReply> SearchModels(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const query::SearchRequest request, ReadSearchRequest(context));
  const query::SearchTarget target{.index = std::string(kModelIndex),
                                   .default_excludes = {"content", "model_content", "ui_metadata"},
                                   .always_excludes = {"connector.credential"}};
  std::vector<deploy::DeployService::View> views = node.deploys().List();
  SortOldestFirst(views, [](const auto& view) { return std::tie(view.model.created_time, view.model.id); });
  return SearchReply(context, request, Documents(views), target, node.clock());
}

}  // namespace

void AddModelSearchRoutes(RouteTable& table, deploy::NodeCore& node) {
  for (const char* method : {"GET", "POST"}) {
    table.Add({.method = method,
               .pattern = fmt::format("{}/models/_search", kMlBase),
               .handler = [&node](const RequestContext& context) { return SearchModels(context, node); },
               .body = BodyUse::kJson,
               .params = SearchParams()});
  }
}

}  // namespace mlnode::rest
