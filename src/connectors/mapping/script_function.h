// connectors/mapping/script_function.h: what pre- and post-processing scripts share: ${parameters.x} in their source,
// and what they see as `params` (spec/remote §2.2, 5.4). Immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "connectors/connector.h"
#include "connectors/script/script.h"

namespace mlnode::connectors {

struct RemoteInput;

class ScriptFunction {
 public:
  // Compiled once, or, when the source has ${parameters.x}, checked now with empty strings in their place and compiled
  // for each call. kInvalidArgument: outside the subset.
  static Result<ScriptFunction> Make(std::string_view source);
  // `parameters`: merged, not escaped; each is put into the source as a string literal.
  Result<json::value> Run(const json::object& params, const Parameters& parameters) const;

 private:
  std::string source_;                      // empty: compiled once
  std::shared_ptr<const Script> compiled_;  // null: for each call
};

// `params` of a script on documents: texts are escaped as the content of a JSON string, for the script puts them into
// one; with parameter pre_process_function.convert_input_to_json_string each value is JSON text.
json::object DocumentParams(const RemoteInput& input, std::size_t first, std::size_t count,
                            const Parameters& parameters);
// Of a script on native parameters: their texts; with pre_process_function.convert_remote_inference_param_to_object
// those that are a JSON object or array as such.
json::object NativeParams(const RemoteInput& input, const Parameters& parameters);

// One word that begins with the family's name: no script.
bool IsBuiltInName(std::string_view function, std::string_view family);
Error UnknownBuiltIn(std::string_view field, std::string_view function);
bool IsSet(const Parameters& parameters, std::string_view name);

}  // namespace mlnode::connectors
