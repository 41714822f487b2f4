// serving/pipelines/highlighting_settings.h: what a sentence highlighter's model_config says (spec/predict-local
// §11.2).
#pragma once

#include <string_view>

#include "models/model_config.h"
#include "text/tokenizer.h"

namespace mlnode::serving {

inline constexpr std::string_view kSentenceIds = "sentence_ids";  // the graph's input

// model_type "sentence_highlighting", in any case.
bool IsSentenceHighlighting(const models::ModelConfig& config);

struct HighlightingSettings {
  text::ChunkLimits limits;      // token_max_length, token_overlap_stride
  bool with_overflowing = true;  // false: only what the first piece holds is read
};
// Of all_config. What is missing or makes no sense has its default; "padding" changes nothing here.
HighlightingSettings ReadHighlightingSettings(const models::ModelConfig& config);

}  // namespace mlnode::serving
