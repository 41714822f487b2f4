// serving/pipelines/inputs.h: texts to tokens as the pipelines of single texts do it. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engines/engine.h"
#include "models/model_config.h"
#include "serving/pipeline.h"

namespace mlnode::serving {

// Whether the graph declares an input of this name, or declares none at all.
bool Takes(const engines::LoadedModel& engine, std::string_view input);

// Each at most kMaxTextBytes.
std::vector<std::string_view> CutTexts(std::span<const std::string_view> texts);

struct TextInputs {
  const text::Tokenizer& tokenizer;
  std::size_t max_tokens = 512;
  bool takes_types = true;  // the graph has an input token_type_ids
};
// Appends one sequence a text; with `prefix` (null: none) before each, cut apart from it.
Status EncodeTexts(const TextInputs& inputs, std::span<const std::string_view> texts, const std::string* prefix,
                   Encoding& out);
// Appends one sequence a pair (first, text).
Status EncodePairs(const TextInputs& inputs, std::string_view first, std::span<const std::string_view> texts,
                   Encoding& out);

// One question and one context: kInvalidArgument in the peer's words.
Status CheckQuestion(const PredictRequest& request);
// Requests of one question and one context each, the last longer than max_tokens.
std::vector<PredictRequest> QuestionProbes(std::size_t max_tokens);

// The rules of asymmetric models (spec/predict-local §7.4): kInvalidArgument in the peer's words.
Status CheckAsymmetric(const models::ModelConfig& config, const PredictRequest& request);
// Null: none.
const std::string* PrefixOf(const models::ModelConfig& config, const PredictRequest& request);

}  // namespace mlnode::serving
