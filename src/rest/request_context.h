// rest/request_context.h: one request as handlers see it: where it was routed, what its URL says, who asks.
// Threads: built on an io thread, then handed on; one thread at a time. Texts point into the exchange, which it keeps
// alive.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/id.h"
#include "core/json.h"
#include "core/result.h"
#include "net/http_server.h"

namespace mlnode::rest {

struct Route;

using StringPairs = std::vector<std::pair<std::string, std::string>>;

// What a prediction did, for Server-Timing, metrics and the slow log.
struct PredictTrace {
  std::string model;
  Duration parse{}, queue{}, tokenize{}, engine{}, write{};
  std::size_t documents = 0, tokens = 0, truncated = 0;
};

struct RequestContext {
  std::shared_ptr<net::HttpExchange> exchange;
  const Route* route = nullptr;               // null: no route matched
  std::string_view path;                      // as sent, without the query
  StringPairs path_params;                    // percent-decoded
  StringPairs query_params;                   // percent-decoded, in order
  std::string request_id;                     // the client's X-Opaque-Id, or our own
  std::optional<PredictTrace> trace;          // set by predict
  std::optional<std::string> json_body = {};  // of a body that came as YAML or CBOR: rest/content/convert.h
  std::optional<NodeId> peer = {};            // set: another node of the cluster sent it (net/peer_signature.h)
  net::Headers reply_headers = {};            // of the answer besides its own, whatever it becomes

  const net::HttpRequest& http() const { return exchange->request(); }
  // JSON text where the route reads JSON.
  const std::string& body() const { return json_body ? *json_body : exchange->request().body; }
  // Empty when the route's pattern has no {name}.
  const std::string& PathParam(std::string_view name) const;
  std::optional<std::string_view> Query(std::string_view name) const;
  // "true", "false"; a bare name means true. kInvalidArgument in the peer's words.
  Result<bool> BoolQuery(std::string_view name, bool fallback) const;
  bool Pretty() const;
};

// The path and the query of a request target. kInvalidArgument for what is not UTF-8, and for a percent sign that is
// not followed by two hex digits.
struct Target {
  std::string_view path;
  StringPairs query;
};
Result<Target> ParseTarget(std::string_view target);
Result<std::string> PercentDecode(std::string_view text, bool plus_is_space);

// The body as a JSON object. Empty: `required` decides between reason "parse_exception" with `missing` and an empty
// object.
Result<json::object> ObjectBody(const RequestContext& context, bool required,
                                std::string_view missing = "request body is required");

}  // namespace mlnode::rest
