// connectors/templates/payload.h: URL, headers and body of one outgoing request from an action and the merged
// parameters (spec/remote §2.1 to 2.3). Pure; any thread.
#pragma once

#include <string>

#include "connectors/connector.h"
#include "net/http_message.h"

namespace mlnode::connectors {

// A request's "parameters" as text: strings as they are, others as compact JSON.
Parameters AsText(const json::object& parameters);
// Later over earlier; the request's are escaped for JSON (unless no_escape_params names them, or they are a JSON object
// or array), the connector's are not (spec/remote §2.1, 2.2).
Parameters Merge(const Parameters& connector, const Parameters& request, const Parameters& pre_processed);

// kInvalidArgument in the peer's words: "Some parameter placeholder not filled in payload: a, b", "Invalid payload:
// ...", "Content length is 0. Aborting request to remote model".
Result<std::string> MakeBody(const Action& action, const Parameters& parameters);
Result<std::string> MakeUrl(const Action& action, const Parameters& parameters);
// Secrets first, then parameters. kInvalidArgument: a parameter in a header that must not have one (checked when the
// connector is made, too: CheckHeaderTemplates), unresolved, control characters, sizes (8 KiB each, 64 KiB in all).
// The values of secrets never appear in an error. Adds Content-Type: application/json when absent.
Result<net::Headers> MakeHeaders(const Action& action, const Secrets& secrets, const Parameters& parameters);
Status CheckHeaderTemplates(const Action& action);

}  // namespace mlnode::connectors
