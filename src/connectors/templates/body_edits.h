// connectors/templates/body_edits.h: what happens to a body after its placeholders are filled (spec/remote §2, 2.2).
// Pure; any thread.
#pragma once

#include <string>

#include "connectors/connector.h"

namespace mlnode::connectors {

// supports_structured_output: parameter `_<field>_json` replaces the field of the body, `_<field>_additions_json` is
// merged into it, for response_format, generationConfig and toolConfig. A body that no such parameter changes keeps its
// text. kInvalidArgument: a parameter that is no JSON, or an addition that is no object.
Result<std::string> AddStructuredOutput(std::string body, const Parameters& parameters);
// For the parameter `model` of Amazon's Nova embeddings: members of singleEmbeddingParams that hold no content go.
std::string DropEmptyNovaMembers(std::string body, const Parameters& parameters);

}  // namespace mlnode::connectors
