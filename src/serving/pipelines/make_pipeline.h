// serving/pipelines/make_pipeline.h: which pipeline a model gets, and what its engine must know before it loads the
// graph. One factory a function; spec/predict-local has the rules of each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engines/engine.h"
#include "serving/artifact_cache.h"
#include "serving/load_spec.h"
#include "serving/pipeline.h"

namespace mlnode::serving {

// Longest sequence of a model whose config and files name no length (spec §6).
inline constexpr std::size_t kDefaultMaxTokens = 512;
// The longest that may be asked for: attention takes memory that grows with the square.
inline constexpr std::size_t kMostTokens = 32'768;
inline constexpr std::size_t kLeastTokens = 8;  // what Tokenizer::Encode takes

// model_max_length of the config where it is given, else the tokenizer file's truncation, at most kDefaultMaxTokens; of
// a sentence highlighter what its all_config says. kInvalidArgument: beyond kMostTokens.
Result<std::size_t> MaxTokens(const LoadSpec& spec, const text::Tokenizer& tokenizer);

// LoadOptions::inputs and output_rule for the function.
struct GraphCall {
  std::vector<std::string> inputs;
  engines::OutputRule output_rule = engines::OutputRule::kRows;
};
GraphCall CallOf(const LoadSpec& spec);

// What a pipeline is made of. All outlive it.
struct PipelineParts {
  const LoadSpec& spec;  // copied from
  const Artifact& artifact;
  const text::Tokenizer& tokenizer;
  const engines::LoadedModel* engine;  // null for SPARSE_TOKENIZE
  std::size_t max_tokens;
};
// May read files of the artifact and go through the vocabulary. kInvalidArgument: the graph has too few outputs,
// idf.json is not what it should be; kUnimplemented: REMOTE.
Result<std::unique_ptr<Pipeline>> MakePipeline(const PipelineParts& parts);

// TEXT_EMBEDDING whose graph answers tokens or one vector: pooled here (§7, pipelines B and C).
Result<std::unique_ptr<Pipeline>> MakePooledEmbedding(const PipelineParts& parts);
// TEXT_EMBEDDING whose module pools by itself and returns everything it has (§7, pipeline A).
Result<std::unique_ptr<Pipeline>> MakeModuleEmbedding(const PipelineParts& parts);
Result<std::unique_ptr<Pipeline>> MakeSparseEncoding(const PipelineParts& parts);        // §8
Result<std::unique_ptr<Pipeline>> MakeSparseTokenize(const PipelineParts& parts);        // §9
Result<std::unique_ptr<Pipeline>> MakeTextSimilarity(const PipelineParts& parts);        // §10
Result<std::unique_ptr<Pipeline>> MakeQuestionAnswering(const PipelineParts& parts);     // §11.1
Result<std::unique_ptr<Pipeline>> MakeSentenceHighlighting(const PipelineParts& parts);  // §11.2

}  // namespace mlnode::serving
