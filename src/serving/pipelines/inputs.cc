#include "serving/pipelines/inputs.h"

#include <algorithm>

#include "core/utf8.h"

namespace mlnode::serving {
namespace {

void Count(const TextInputs& inputs, const text::EncodeStats& stats, Encoding& out) {
  out.stats.tokens += stats.tokens;
  out.stats.truncated += stats.truncated;
  if (!inputs.takes_types) out.batch.type_ids.clear();
}

}  // namespace

bool Takes(const engines::LoadedModel& engine, std::string_view input) {
  const auto& inputs = engine.inputs();
  return inputs.empty() || std::ranges::find(inputs, input, &engines::Port::name) != inputs.end();
}

std::vector<std::string_view> CutTexts(std::span<const std::string_view> texts) {
  std::vector<std::string_view> cut;
  cut.reserve(texts.size());
  for (const std::string_view text : texts) cut.push_back(TruncateUtf8(text, kMaxTextBytes));
  return cut;
}

Status EncodeTexts(const TextInputs& inputs, std::span<const std::string_view> texts, const std::string* prefix,
                   Encoding& out) {
  std::vector<std::string_view> cut = CutTexts(texts);
  std::vector<std::string> prefixed;
  if (prefix != nullptr) {
    prefixed.reserve(cut.size());
    for (std::string_view& text : cut) text = prefixed.emplace_back(*prefix + std::string(text));
  }
  ASSIGN_OR_RETURN(const text::EncodeStats stats, inputs.tokenizer.Encode(cut, inputs.max_tokens, out.batch));
  Count(inputs, stats, out);
  return {};
}

Status EncodePairs(const TextInputs& inputs, std::string_view first, std::span<const std::string_view> texts,
                   Encoding& out) {
  ASSIGN_OR_RETURN(
      const text::EncodeStats stats,
      inputs.tokenizer.EncodePairs(TruncateUtf8(first, kMaxTextBytes), CutTexts(texts), inputs.max_tokens, out.batch));
  Count(inputs, stats, out);
  return {};
}

Status CheckQuestion(const PredictRequest& request) {
  if (!request.pair) return MakeError(Code::kInvalidArgument, "Question is not provided");
  if (request.texts.size() == 1) return {};
  return MakeError(Code::kInvalidArgument, "A question has one context.");
}

std::vector<PredictRequest> QuestionProbes(std::size_t max_tokens) {
  std::vector<std::string> contexts = ProbeTexts(max_tokens);
  contexts.front() = "The weather is nice, it is beautiful day. The sun is shining. The sky is blue.";
  std::vector<PredictRequest> probes;
  for (std::string& context : contexts) probes.push_back(MakeProbe({std::move(context)}, "How is the weather?"));
  return probes;
}

Status CheckAsymmetric(const models::ModelConfig& config, const PredictRequest& request) {
  const bool asymmetric = config.query_prefix || config.passage_prefix;
  if (request.has_parameters && !asymmetric) {
    return MakeError(
        Code::kInvalidArgument,
        "When passing AsymmetricTextEmbeddingParameters, the model requires to be registered with at least one "
        "of `query_prefix` or `passage_prefix`.");
  }
  if (!request.has_parameters && asymmetric) {
    return MakeError(
        Code::kInvalidArgument,
        "The embedding model chosen is asymmetric. To use it, you must declare whether the input is of type "
        "`QUERY` or of type `PASSAGE`.");
  }
  return {};
}

const std::string* PrefixOf(const models::ModelConfig& config, const PredictRequest& request) {
  const auto& prefix = request.content_type == ContentType::kPassage ? config.passage_prefix : config.query_prefix;
  return prefix ? &*prefix : nullptr;
}

}  // namespace mlnode::serving
