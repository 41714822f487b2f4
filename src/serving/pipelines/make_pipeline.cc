#include "serving/pipelines/make_pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "serving/pipelines/highlighting_settings.h"

namespace mlnode::serving {
namespace {

using models::FunctionName;

bool IsTorch(const LoadSpec& spec) { return spec.format == engines::ModelFormat::kTorchScript; }

// Modules made by sentence-transformers take one dictionary and pool by themselves.
bool PoolsItself(const LoadSpec& spec) {
  return IsTorch(spec) && spec.config.framework_type == "SENTENCE_TRANSFORMERS";
}

bool IsHighlighter(const LoadSpec& spec) {
  return spec.function == FunctionName::kQuestionAnswering && IsSentenceHighlighting(spec.config);
}

// Whether a TorchScript module of the function is given only ids and mask, whatever more its schema takes.
bool TakesNoTypes(const LoadSpec& spec) {
  return spec.function == FunctionName::kSparseEncoding || spec.function == FunctionName::kQuestionAnswering ||
         PoolsItself(spec);
}

}  // namespace

Result<std::size_t> MaxTokens(const LoadSpec& spec, const text::Tokenizer& tokenizer) {
  std::size_t wanted = std::min(tokenizer.FileMaxLength().value_or(kDefaultMaxTokens), kDefaultMaxTokens);
  if (spec.config.model_max_length) wanted = static_cast<std::size_t>(*spec.config.model_max_length);
  if (IsHighlighter(spec)) wanted = ReadHighlightingSettings(spec.config).limits.max_tokens;
  if (wanted > kMostTokens) {
    return MakeError(
        Code::kInvalidArgument,
        fmt::format("model_max_length is {}; this node runs sequences of at most {} tokens", wanted, kMostTokens));
  }
  return std::max(wanted, kLeastTokens);
}

GraphCall CallOf(const LoadSpec& spec) {
  GraphCall call{.inputs = {"input_ids", "attention_mask", "token_type_ids"}};
  if (IsHighlighter(spec)) {
    call.inputs.emplace_back(kSentenceIds);
    call.output_rule = engines::OutputRule::kWhole;
  } else if (IsTorch(spec) && TakesNoTypes(spec)) {
    call.inputs.pop_back();
  }
  return call;
}

Result<std::unique_ptr<Pipeline>> MakePipeline(const PipelineParts& parts) {
  switch (parts.spec.function) {
    case FunctionName::kTextEmbedding:
      return PoolsItself(parts.spec) ? MakeModuleEmbedding(parts) : MakePooledEmbedding(parts);
    case FunctionName::kSparseEncoding:
      return MakeSparseEncoding(parts);
    case FunctionName::kSparseTokenize:
      return MakeSparseTokenize(parts);
    case FunctionName::kTextSimilarity:
      return MakeTextSimilarity(parts);
    case FunctionName::kQuestionAnswering:
      return IsHighlighter(parts.spec) ? MakeSentenceHighlighting(parts) : MakeQuestionAnswering(parts);
    case FunctionName::kRemote:
      break;
  }
  return MakeError(Code::kUnimplemented, "Models of function REMOTE are not run on this node.");
}

}  // namespace mlnode::serving
