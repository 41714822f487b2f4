// models/rules/model_rules.h: of a model's document what every prediction is judged by, without reading the rest of it:
// a prediction asks for this on an io thread. Pure; any thread; about a microsecond.
#pragma once

#include <cstdint>
#include <optional>

#include "core/json.h"
#include "core/result.h"
#include "models/function_traits.h"
#include "models/rules/rate_limiter.h"
#include "storage/store.h"

namespace mlnode::models {

struct ModelRules {
  FunctionName function = FunctionName::kTextEmbedding;
  bool is_enabled = true;
  std::optional<Allowance> limit;  // none: a rate_limiter that is absent or has one half only
  bool has_interface = false;      // models/rules/model_interface.h reads it
};

Result<ModelRules> ReadModelRules(const storage::Document& model);  // kDataLoss names the field
// What one user may ask of the model of this controller; nullopt: as much as they like. kDataLoss.
Result<std::optional<Allowance>> ReadUserAllowance(const storage::Document& controller, std::string_view user);

}  // namespace mlnode::models
