// rest/route_table.h: which handler answers which method and path (spec/rest-conventions §3).
// Exact segments win over {placeholders}, a trailing slash is ignored, segments are percent-decoded after matching.
// Once a pattern matched, its methods are all there is: PUT models/_search is a wrong method, not the model named
// _search. Threads: filled before the server starts, then read by any. Cost of Find: O(segments).
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/unique_function.h"
#include "net/http_message.h"
#include "rest/request_context.h"

namespace mlnode::rest {

// Runs on `background`; may block on the store.
using Handler = std::function<Result<net::HttpReply>(const RequestContext&)>;
// Runs on an io thread, or on `cpu` where the body was not JSON, and must not block; `answer` is called once, on any
// thread.
using Answer = UniqueFunction<void(Result<net::HttpReply>)>;
using AsyncHandler = std::function<void(std::shared_ptr<RequestContext>, Answer)>;

enum class BodyUse : std::uint8_t {
  kNone,  // a body is an error
  kJson,  // read as JSON, YAML or CBOR; whether it may be absent is the handler's business
  kRaw,   // bytes
};

// Longest body of a route that does not say otherwise: far above any document (512 KiB).
inline constexpr std::size_t kDefaultBodyLimit = 10UL * 1024 * 1024;

// Query parameters of every route.
inline constexpr std::array<std::string_view, 5> kCommonParams = {"pretty", "human", "error_trace", "filter_path",
                                                                  "format"};

struct Route {
  std::string method = {};
  std::string pattern = {};  // "/_plugins/_ml/models/{model_id}"
  Handler handler = {};      // exactly one of the two is set
  AsyncHandler async = {};
  BodyUse body = BodyUse::kNone;
  std::vector<std::string> params = {};  // query parameters besides the common ones
  std::size_t max_body_bytes = kDefaultBodyLimit;
  std::string too_large = {};    // message beyond max_body_bytes; empty: one that names the limit
  std::string replaced_by = {};  // the pattern that a deprecated one should be replaced with
  std::size_t index = 0;         // position in RouteTable::routes(); set by Add
};

struct RouteMatch {
  const Route* route = nullptr;
  StringPairs path_params;
  std::vector<std::string_view> allowed;  // without a route: the methods of this path; empty: no such path
};

class RouteTable {
 public:
  RouteTable();
  ~RouteTable();
  // A bug (the same method and pattern twice, no handler) ends the process.
  void Add(Route route);
  // The same under an old pattern with the same placeholders; its answers carry a Warning header.
  void AddAlias(std::string_view old_pattern, const Route& route);
  // kInvalidArgument for a segment that does not decode.
  Result<RouteMatch> Find(std::string_view method, std::string_view path) const;
  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

 private:
  struct Node;
  std::vector<std::unique_ptr<Route>> routes_;
  std::unique_ptr<Node> root_;
};

// kInvalidArgument in the peer's words when the query has a parameter the route does not know, with suggestions.
Status CheckQueryParams(const RequestContext& context);
// The same for placeholders of the path, for a handler that did not read them since the request has a body.
Status CheckPathRead(const RequestContext& context);
// kInvalidArgument for a body on a route that takes none, kTooLarge beyond the route's limit.
Status CheckBody(const RequestContext& context, std::size_t body_bytes);

}  // namespace mlnode::rest
