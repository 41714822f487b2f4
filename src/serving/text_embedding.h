// serving/text_embedding.h: TEXT_EMBEDDING on a graph that answers tokens (spec/predict-local §7, pipeline C): prefix,
// tokenize, run, pool, normalise. One tensor "sentence_embedding" a text: FLOAT32 [dim]; [1, dim] with pooling MAX and
// with NONE of a pooled output; [tokens, dim] with NONE of a token output.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/executor.h"
#include "engines/engine.h"
#include "serving/artifact_cache.h"
#include "serving/memory_budget.h"
#include "serving/scheduler.h"
#include "serving/servable.h"
#include "text/tokenizer.h"

namespace mlnode::serving {

// Texts of one request; beyond it kTooLarge. The largest request the default token limit of the queue (2,000,000)
// lets through with 20 tokens a text, and a bound on what is kept for each text before any token is counted.
inline constexpr std::size_t kMaxTexts = 100'000;
// Of one text, what lies behind is not read: the tokenizer holds many times a text's size while it works. Only the
// first 512 tokens count, so that this changes nothing unless a token takes more than 2 KiB on average.
inline constexpr std::size_t kMaxTextBytes = 1UL << 20U;

// Which output is pooled, as the warm-up found it.
struct EmbeddingOutput {
  int index = 0;
  std::string name;
  std::size_t dim = 0;
  bool per_token = true;  // [tokens, dim]; else [dim], already pooled by the graph
};

// What a load leaves in memory. Members go in reverse order: the reservation is given back when all else is gone.
struct EmbeddingModel {
  MemoryBudget::Reservation reservation;
  std::shared_ptr<const Artifact> artifact;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::unique_ptr<engines::LoadedModel> engine;
  EmbeddingOutput output;
  std::size_t max_tokens = 0;
  ServableInfo info;
  std::atomic<SteadyTime> last_used = SteadyTime();  // LocalModel::last_used
  CancelFlag withdrawn = std::make_shared<std::atomic<bool>>(false);
};

// §7.2: NONE takes the second output where there is one, the others the first.
int PooledOutputIndex(models::Pooling pooling, std::size_t outputs);

// Where the engine's answer for one text is put: pooled, normalised, checked. All vectors of a request lie in one
// allocation, made when the first is taken: a request that waits holds none. Threads: Take for different texts at once.
class EmbeddingSink {
 public:
  EmbeddingSink(const models::ModelConfig& config, const EmbeddingOutput& output, const TokenBatch& batch);
  // kInternal: another shape than the warm-up saw, NaN or infinity (output and text are named).
  Status Take(std::size_t text, const TensorView& answer);
  // Once all texts are taken. The tensors share `self`.
  static std::vector<std::vector<NamedTensor>> Documents(const std::shared_ptr<EmbeddingSink>& self);

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

struct PredictEnvironment {
  Scheduler& queue;
  Executor& cpu;
  const Clock& clock;
};
std::shared_ptr<Servable> MakeTextEmbedding(std::shared_ptr<EmbeddingModel> model, LoadSpec spec,
                                            PredictEnvironment environment);

}  // namespace mlnode::serving
