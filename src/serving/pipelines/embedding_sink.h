// serving/pipelines/embedding_sink.h: where an engine's answers become embeddings: pooled, normalised, checked.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "models/model_config.h"
#include "serving/pipeline.h"

namespace mlnode::serving {

// Which output is pooled, and what the warm-up found it to be.
struct EmbeddingOutput {
  int index = 0;
  std::string name;
  std::size_t dim = 0;        // 0: not yet known
  bool per_token = true;      // [tokens, dim]; else [dim], already pooled by the graph
  bool leading_axis = false;  // a vector is shown as [1, dim], with any pooling (§7.1, pipeline B)
};

// One tensor "sentence_embedding" a text: FLOAT32 [dim]; [1, dim] with pooling MAX and with NONE of a pooled output;
// [tokens, dim] with NONE of a token output. All vectors of a request lie in one allocation.
class EmbeddingSink final : public AnswerSink, public std::enable_shared_from_this<EmbeddingSink> {
 public:
  EmbeddingSink(const models::ModelConfig& config, const EmbeddingOutput& output, const TokenBatch& batch);
  Status Take(std::size_t i, const std::vector<TensorView>& outputs) override;
  Documents Finish() override;

 private:
  std::span<float> Place(std::size_t text);
  const models::Pooling pooling_;
  const bool normalize_;
  const EmbeddingOutput output_;
  const bool keeps_tokens_;                 // NONE of a token output
  const std::vector<std::size_t> offsets_;  // of the batch
  std::once_flag allocated_;
  std::vector<float> values_;
};

}  // namespace mlnode::serving
