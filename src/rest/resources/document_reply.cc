#include "rest/resources/document_reply.h"

#include <array>

#include "core/json/json_place.h"
#include "rest/json_reply.h"

namespace mlnode::rest {
namespace {

Result<query::SearchRequest> ParseSearch(std::string_view text) {
  ASSIGN_OR_RETURN(const json::object body, ParseJsonObject(text));
  return query::SearchRequest::Parse(body);
}

}  // namespace

net::HttpReply DeletedReply(const RequestContext& context, std::string_view index, const std::string& id,
                            const storage::Written& written, std::string_view result) {
  json::object body;
  body["_index"] = index;
  body["_id"] = id;
  body["_version"] = written.version;
  body["result"] = result;
  body["forced_refresh"] = true;
  body["_shards"] = {{"total", 1}, {"successful", 1}, {"failed", 0}};
  body["_seq_no"] = written.revision;
  body["_primary_term"] = 1;
  return JsonReply(context, body);
}

net::HttpReply UpdatedReply(const RequestContext& context, std::string_view index, const std::string& id,
                            const storage::Written& written, bool changed) {
  return DeletedReply(context, index, id, written, changed ? "updated" : "noop");
}

bool IsFresh(const storage::Store& store) {
  using storage::Collection;
  constexpr std::array kMadeByClients = {Collection::kModels, Collection::kModelGroups, Collection::kTasks,
                                         Collection::kControllers, Collection::kConnectors};
  return store.Read(kMadeByClients).documents.empty();
}

Result<query::SearchRequest> ReadSearchRequest(const RequestContext& context) {
  if (context.body().empty()) {
    if (const auto source = context.Query("source")) {
      const auto type = context.Query("source_content_type");
      if (!type || !type->starts_with("application/json")) {
        return MakeError(Code::kInvalidArgument, "[source] needs [source_content_type=application/json]");
      }
      auto request = ParseSearch(*source);
      if (!request) return Locate(std::move(request).error(), *source);  // its places are in the parameter
      return request;
    }
  }
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true, "request body or source parameter is required"));
  return query::SearchRequest::Parse(body);
}

std::vector<std::string> SearchParams() { return {"source", "source_content_type"}; }

Result<net::HttpReply> SearchReply(const RequestContext& context, const query::SearchRequest& request,
                                   const std::vector<query::SearchDocument>& documents, query::SearchTarget target,
                                   const Clock& clock) {
  target.now = clock.WallMillis();
  ASSIGN_OR_RETURN(json::object found, query::Search(request, documents, target));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - context.http().received);
  json::object body;
  body["took"] = took.count();
  for (auto& [key, value] : found) body[key] = std::move(value);
  return JsonReply(context, body);
}

}  // namespace mlnode::rest
