// connectors/mapping/tensors.h: from values of a provider's answer to tensors (spec/remote §5.3). Pure; any thread.
// Errors: kInvalidArgument, the peer's texts.
#pragma once

#include <string_view>
#include <vector>

#include "connectors/compiled_connector.h"

namespace mlnode::connectors {

using Tensors = std::vector<RemoteTensor>;

// The peer's data type that a path ends in (".int8"), case aside; else FLOAT32.
std::string_view DataTypeOf(std::string_view path);

// A list of lists of numbers: one "sentence_embedding" each. An empty list: none.
Result<Tensors> EmbeddingRows(const json::value& value, std::string_view data_type);
// A list of numbers: one tensor.
Result<Tensors> EmbeddingRow(const json::value& value, std::string_view data_type);
// A list of objects with `index` and `score`: one "similarity" each, in the order of `index`, which must be 0 to n - 1,
// each once (else kInternal: the peer fails there).
Result<Tensors> Scores(const json::value& value, std::string_view score);
// An object with `jobArn`: itself, and processedJobArn.
Result<Tensors> BatchJob(const json::value& value);
// The answer of another ml-commons: its tensors, flat; another object: one tensor "response".
Result<Tensors> Passthrough(const json::value& value);
// What a script returned: one tensor, or a list of them, with the fields name, data_type, shape, data, result,
// dataAsMap.
Result<Tensors> ScriptTensors(const json::value& value);
// One tensor "response" of an object as it is, of anything else under "response".
Tensors Response(const json::value& value);
// The same of the text of a JSON object, whose numbers and order stay.
Tensors ResponseText(std::string object_text);

}  // namespace mlnode::connectors
