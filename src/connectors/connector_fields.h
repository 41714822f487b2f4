// connectors/connector_fields.h: the parts that a connector's body and its stored document have in common: actions,
// client_config, maps of texts (spec/remote §1.1, 2, 3). Pure; any thread.
#pragma once

#include "connectors/connector.h"

namespace mlnode::connectors {

inline constexpr std::size_t kMaxActions = 100;

// kInvalidArgument in the peer's words ("url can't be null", ...); unknown keys are ignored.
Result<std::vector<Action>> ParseActions(const json::array& given);
json::array ActionsForm(const std::vector<Action>& actions);

// kInvalidArgument: a field of another type or outside its range (named), "Unsupported retry backoff policy".
Result<ClientConfig> ParseClientConfig(const json::object& given);
json::object ClientConfigForm(const ClientConfig& config);

// Texts by name; numbers and booleans as their text. kInvalidArgument names `field` and the key, not the value, for one
// that is an object, an array or null.
Result<std::map<std::string, std::string, std::less<>>> ParseTexts(const json::object& given, std::string_view field);
// Every value becomes text, others than strings as compact JSON; null is dropped.
Parameters ParametersOf(const json::object& given);

// The protocols that this version speaks. kInvalidArgument in the peer's words; kUnimplemented: the MCP protocols.
Result<Protocol> ParseProtocol(std::string_view name);

}  // namespace mlnode::connectors
