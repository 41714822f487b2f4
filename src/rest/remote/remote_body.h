// rest/remote/remote_body.h: bodies of predictions by remote models (spec/remote §5): parameters, or documents on the
// routes that name another function. Pure; any thread; about 200 MB/s: not for an io thread beyond small bodies.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "connectors/compiled_connector.h"
#include "models/function_traits.h"

namespace mlnode::rest {

struct RemoteBody {
  connectors::RemoteInput input;
  std::optional<json::object> dlq;  // of batch predictions
};

// Does a remote model take bodies of this function: parameters, text_docs, or query_text with text_docs.
bool RemoteTakes(models::FunctionName asked);

// `asked`: the function that the route names, REMOTE where it names none. Unknown keys are ignored. kInvalidArgument in
// the peer's words: "request body is required", "Empty text docs", "No text documents were provided", "No query text
// was provided", "DLQ bucketName or region cannot be null", an unknown action_type, what the JSON parser says.
Result<RemoteBody> ParseRemoteBody(models::FunctionName asked, const std::string& body);

// Batch jobs have routes of their own, which know the switch, the limit of jobs and the tasks: a prediction that asks
// for one by `action_type` is refused, kInvalidArgument with the route to use.
Status CheckPredictAction(connectors::ActionType action);

// The request as the model's interface sees it (spec/remote §7), JSON text. Texts among the parameters that are JSON
// are turned back into it, unless `schema` (a JSON Schema's text) says that the parameter is a string.
std::string RemoteInstance(const connectors::RemoteInput& input, std::string_view schema);

}  // namespace mlnode::rest
