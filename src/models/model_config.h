// models/model_config.h: the model_config of a model: rules of spec/lifecycle §2.3 and spec/predict-local §4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "models/function_traits.h"

namespace mlnode::models {

enum class Pooling : std::uint8_t { kMean, kMeanSqrtLen, kMax, kWeightedMean, kCls, kLastToken, kNone };
Result<Pooling> ParsePooling(std::string_view name);  // any case, "_" optional; "Wrong pooling method"

struct ModelConfig {
  std::string model_type;
  std::optional<std::int64_t> embedding_dimension;
  std::string framework_type;  // upper case
  Pooling pooling = Pooling::kMean;
  bool normalize_result = false;
  std::optional<std::int64_t> model_max_length;
  std::optional<std::string> query_prefix, passage_prefix;
  std::string all_config;  // JSON text as it was given; empty: absent
  bool force_f32 = false;  // additional_config or all_config says "precision": "f32"
};

// Validates and normalises a model_config as given by a client; the result is what is stored and shown (enums upper
// case, normalize_result only when true, unknown keys dropped). Errors are the peer's texts ("model type is null",
// ...).
Result<json::object> NormalizeModelConfig(FunctionName function, const json::object& given);
// Reads a stored one. Never fails on what NormalizeModelConfig produced.
Result<ModelConfig> ReadModelConfig(const json::object& stored);

}  // namespace mlnode::models
