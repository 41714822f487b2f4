// GET _cat/plugins and _cat/indices: what clients of the peer look for before they begin: is the plug-in there, and
// which of its indices exist (spec/rest-conventions §4.4).
#include <array>

#include "core/log.h"
#include "rest/resources/cat_table.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"
#include "rest/version.h"

namespace mlnode::rest {
namespace {

using storage::Collection;

Result<net::HttpReply> CatPlugins(const RequestContext& context, deploy::NodeCore& node) {
  CatTable table;
  table.default_columns = {"name", "component", "version"};
  table.aliases = {{"n", "name"}, {"c", "component"}, {"v", "version"}};
  for (const deploy::Lease& lease : node.membership().Live()) {
    table.rows.push_back({{"id", lease.node.str()},
                          {"name", lease.name},
                          {"component", "opensearch-ml"},
                          {"version", fmt::format("{}.0", kCompatibleVersion)}});
  }
  return CatReply(context, std::move(table));
}

// A collection that holds documents is shown as the index the peer would keep them in.
Result<net::HttpReply> CatIndices(const RequestContext& context, deploy::NodeCore& node) {
  constexpr std::pair<Collection, std::string_view> kIndices[] = {{Collection::kConnectors, kConnectorIndex},
                                                                  {Collection::kControllers, kControllerIndex},
                                                                  {Collection::kModels, kModelIndex},
                                                                  {Collection::kModelGroups, kModelGroupIndex},
                                                                  {Collection::kTasks, kTaskIndex}};
  CatTable table;
  table.default_columns = {"health", "status", "index", "uuid", "pri", "rep", "docs.count", "docs.deleted"};
  table.aliases = {{"h", "health"},       {"s", "status"},      {"i", "index"},
                   {"idx", "index"},      {"id", "uuid"},       {"p", "pri"},
                   {"r", "rep"},          {"dc", "docs.count"}, {"docsCount", "docs.count"},
                   {"dd", "docs.deleted"}};
  for (const auto& [collection, index] : kIndices) {
    const std::array collections{collection};
    const std::size_t documents = node.store().Read(collections).documents.size();
    if (documents == 0) continue;
    table.rows.push_back({{"health", "green"},
                          {"status", "open"},
                          {"index", std::string(index)},
                          {"uuid", "-"},
                          {"pri", "1"},
                          {"rep", "0"},
                          {"docs.count", fmt::format("{}", documents)},
                          {"docs.deleted", "0"}});
  }
  return CatReply(context, std::move(table));
}

}  // namespace

void AddCatRoutes(RouteTable& table, deploy::NodeCore& node) {
  struct Table {
    const char* pattern;
    Result<net::HttpReply> (*handle)(const RequestContext&, deploy::NodeCore&);
    std::vector<std::string> params;
  };
  const Table tables[] = {{"/_cat/plugins", CatPlugins, {"local", "cluster_manager_timeout", "master_timeout"}},
                          {"/_cat/indices",
                           CatIndices,
                           {"local", "cluster_manager_timeout", "master_timeout", "expand_wildcards", "health", "pri",
                            "include_unloaded_segments"}}};
  for (const Table& cat : tables) {
    std::vector<std::string> params = CatParams();
    params.insert(params.end(), cat.params.begin(), cat.params.end());
    table.Add({.method = "GET",
               .pattern = cat.pattern,
               .handler = [&node, handle = cat.handle](const RequestContext& context) { return handle(context, node); },
               .params = std::move(params)});
  }
}

}  // namespace mlnode::rest
