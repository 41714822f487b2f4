// engines/run_check.h: what every engine checks before it computes, so that all of them refuse the same batches alike.
#pragma once

#include <vector>

#include "engines/engine.h"

namespace mlnode::engines {

// kInvalidArgument: an index of `wanted` that is not an output, a batch that breaks the invariants of TokenBatch, a
// feature that is not as long as the ids, a sequence longer than max_tokens, a negative id. Cost: O(tokens), no
// allocation.
Status CheckRun(const TokenBatch& batch, const std::vector<int>& wanted, std::size_t outputs, std::int64_t max_tokens);

}  // namespace mlnode::engines
