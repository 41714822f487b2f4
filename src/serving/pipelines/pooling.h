// serving/pipelines/pooling.h: from the vectors of a sequence's tokens to one vector. Formulas: spec/predict-local
// §7.3, without padding (the engine removed it), so every token counts. Pure functions; sums in float, row by row, as
// the peer's; no allocation.
#pragma once

#include <cstddef>
#include <span>

#include "models/model_config.h"

namespace mlnode::serving {

// Rows of one sequence: row-major [rows, dim], rows >= 1, dim >= 1. Borrowed.
struct TokenRows {
  std::span<const float> values;
  std::size_t dim;
  std::size_t rows() const { return values.size() / dim; }
};

// Writes the pooled vector of `dim` values to `out`. NaN in a value that counts reaches `out`.
// Precondition: mode is not kNone, which pools nothing; out.size() == rows.dim.
void Pool(models::Pooling mode, const TokenRows& rows, std::span<float> out);

// Scales to unit length: v / max(|v|, 1e-12).
void NormalizeL2(std::span<float> vector);

// False when a value is NaN or infinite.
bool AllFinite(std::span<const float> values);

}  // namespace mlnode::serving
