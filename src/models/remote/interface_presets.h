// models/remote/interface_presets.h: the interface of a remote model that is given none, where its service is known
// (spec/remote §7). Pure; any thread.
#pragma once

#include <optional>

#include "connectors/connector.h"
#include "core/json.h"

namespace mlnode::models {

// In the form that ParseInterface leaves; nullopt: the service or the model is none of the known ones.
std::optional<json::object> PresetInterface(const connectors::Connector& connector);

}  // namespace mlnode::models
