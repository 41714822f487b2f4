// core/batch/token_batch.h: putting the sequences of ragged batches (core/tensor.h) together.
#pragma once

#include <cstddef>

#include "core/tensor.h"

namespace mlnode {

// Appends sequences [first, end) of `from` to `to`. Missing type ids count as zeros; `to` gets the features of the
// first batch that has sequences, and later ones have the same in the same order (both are of one model). Pure; one
// copy of each value.
void AppendSequences(const TokenBatch& from, std::size_t first, std::size_t end, TokenBatch& to);

}  // namespace mlnode
