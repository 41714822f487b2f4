// models/time_to_live.h: how long a deployed model may go unused (spec/deploy §2.4, deploy_setting.model_ttl_minutes).
#pragma once

#include <chrono>
#include <optional>

#include "core/json.h"

namespace mlnode::models {

// Of a model's document as it is stored or shown, so that a change is in force without a deploy. nullopt: for ever
// (nothing said, a negative number, or nothing that is a number). 0: not at all.
std::optional<std::chrono::minutes> TimeToLive(const json::object& document);

}  // namespace mlnode::models
