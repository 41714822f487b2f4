// rest/resources/document_reply.h: answers in the shape of the peer's document index (spec/rest-conventions §5, 6.3).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "query/search.h"
#include "rest/request_context.h"
#include "storage/store.h"

namespace mlnode::rest {

inline constexpr std::string_view kModelIndex = ".plugins-ml-model";
inline constexpr std::string_view kModelGroupIndex = ".plugins-ml-model-group";
inline constexpr std::string_view kTaskIndex = ".plugins-ml-task";
inline constexpr std::string_view kConnectorIndex = ".plugins-ml-connector";
inline constexpr std::string_view kControllerIndex = ".plugins-ml-controller";

// {"_index","_id","_version","result","forced_refresh","_shards","_seq_no","_primary_term"}
net::HttpReply DeletedReply(const RequestContext& context, std::string_view index, const std::string& id,
                            const storage::Written& written, std::string_view result = "deleted");
// The same with result "updated", or "noop" when all was so already.
net::HttpReply UpdatedReply(const RequestContext& context, std::string_view index, const std::string& id,
                            const storage::Written& written, bool changed = true);

// Whether the node holds no document that a client made. The peer has no indices then, and says so in other words.
// Cost: O(documents).
bool IsFresh(const storage::Store& store);

// The body, or ?source= with ?source_content_type=; neither: the peer's parse_exception.
Result<query::SearchRequest> ReadSearchRequest(const RequestContext& context);
// Query parameters of every _search route.
std::vector<std::string> SearchParams();

// The order of hits that nothing else orders: oldest first, as the peer's index has them. `made` gives (time, id) of an
// item.
template <class Item, class Made>
void SortOldestFirst(std::vector<Item>& items, Made made) {
  std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) { return made(a) < made(b); });
}

// Evaluates, with "now" as `clock` says, and answers. No documents at all is the peer's answer for an index that does
// not exist yet.
Result<net::HttpReply> SearchReply(const RequestContext& context, const query::SearchRequest& request,
                                   const std::vector<query::SearchDocument>& documents, query::SearchTarget target,
                                   const Clock& clock);

}  // namespace mlnode::rest
