// serving/warm_up.h: the first runs of a loaded model: does it answer texts of every length, what does its answer look
// like, and does a text get the same answer in company as alone?
#pragma once

#include <functional>

#include "serving/text_embedding.h"

namespace mlnode::serving {

struct WarmUpResult {
  EmbeddingOutput output;
  bool batched = true;  // one batch of all probes agreed with the probes one by one
};

// Runs probe texts from one word to max_tokens on the calling thread, first alone, then together. `wanted` is asked
// before each run; its error ends the warm-up. Needs model.engine, tokenizer and max_tokens. Errors: those of the
// engine and tokenizer; kInvalidArgument when an output has a type, rank or size that cannot be pooled or holds NaN or
// infinity.
Result<WarmUpResult> WarmUp(const EmbeddingModel& model, const models::ModelConfig& config,
                            const std::function<Status()>& wanted);

}  // namespace mlnode::serving
