// connectors/templates/payload.h: headers and body of one outgoing request from an action and the merged
// parameters (spec/remote §2.1 to 2.3); its URL: templates/action_url.h. Pure; any thread.
#pragma once

#include <string>

#include "connectors/connector.h"
#include "net/http_message.h"

namespace mlnode::connectors {

// A request's "parameters" as text: strings as they are, others as compact JSON.
Parameters AsText(const json::object& parameters);
// Later over earlier: connector, request, pre-processed, request again. The request's and the pre-processed are escaped
// for JSON (unless no_escape_params names them, or they are a JSON object or array, or response_filter), the
// connector's are not (spec/remote §2.1, 2.2).
Parameters Merge(const Parameters& connector, const Parameters& request, const Parameters& pre_processed);
// `"${parameters.x:-null}"` of the body becomes a bare null when the request says null for x, whatever the connector's
// default.
void DropNulls(const Action& action, const json::object& request, Parameters& merged);

// `"${parameters.x:-null}"` without x is a bare null. kInvalidArgument in the peer's words: "Invalid payload: ..." (no
// JSON or NDJSON; the first 10,000 bytes are shown), "Some parameter placeholder not filled in payload: a, b" (inside a
// string; not with skip_validating_missing_parameters), "Content length is 0. Aborting request to remote model", and
// what Substitute says. Without a request_body the body is parameter http_body, which need not be JSON. UTF-8, whatever
// parameter charset says: charset.h encodes. `scan_left`: FillLimits, here and below.
Result<std::string> MakeBody(const Action& action, const Parameters& parameters, std::size_t* scan_left = nullptr);

// header_fields.cc:
// Secrets first, as they are, then parameters (never inside a secret; a parameter never leads to a secret).
// kInvalidArgument: a parameter in a header that must not have one (checked when the connector is made, too:
// CheckHeaderTemplates), unresolved, control characters, sizes (8 KiB each, 64 KiB in all). Texts name the header,
// never its value. Adds Content-Type: application/json when absent; leaves out Content-Length, Transfer-Encoding and
// Connection, which are the HTTP client's to say.
Result<net::Headers> MakeHeaders(const Action& action, const Secrets& secrets, const Parameters& parameters,
                                 std::size_t* scan_left = nullptr);
// kInvalidArgument: a parameter in a header that must not have one, a name that is no HTTP token.
Status CheckHeaderTemplates(const Action& action);

// Bytes of all names and values.
std::size_t BytesOf(const Parameters& parameters);
// Parameters by "parameters.x", and by "parameters.x.toString()" escaped as the content of a JSON string. For one
// thread; borrows the parameters.
class ParameterLookup {
 public:
  explicit ParameterLookup(const Parameters& parameters) : parameters_(parameters) {}
  std::optional<std::string_view> operator()(std::string_view name);

 private:
  const Parameters& parameters_;
  Parameters escaped_;  // nodes stay where they are
};

}  // namespace mlnode::connectors
