#include "serving/pipelines/pooling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace mlnode::serving {
namespace {

std::span<const float> Row(const TokenRows& rows, std::size_t i) { return rows.values.subspan(i * rows.dim, rows.dim); }

// out += weight * row
void AddScaled(std::span<const float> row, float weight, std::span<float> out) {
  const float* const from = row.data();
  float* const to = out.data();
  for (std::size_t d = 0; d < out.size(); ++d) to[d] += weight * from[d];
}

void Scale(std::span<float> vector, float by) {
  for (float& value : vector) value *= by;
}

void SumRows(const TokenRows& rows, std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::size_t i = 0; i < rows.rows(); ++i) AddScaled(Row(rows, i), 1.0F, out);
}

// The weight of the i-th token is i + 1: later ones have seen more of the text.
void WeightedMean(const TokenRows& rows, std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0F);
  const auto n = static_cast<double>(rows.rows());
  const double total = n * (n + 1) / 2;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    AddScaled(Row(rows, i), static_cast<float>(static_cast<double>(i + 1) / total), out);
  }
}

void MaxRows(const TokenRows& rows, std::span<float> out) {
  const auto first = Row(rows, 0);
  std::copy(first.begin(), first.end(), out.begin());
  for (std::size_t i = 1; i < rows.rows(); ++i) {
    const auto row = Row(rows, i);
    for (std::size_t d = 0; d < out.size(); ++d) {
      // Written so that a NaN on either side stays.
      out[d] = row[d] <= out[d] || std::isnan(out[d]) ? out[d] : row[d];
    }
  }
}

void CopyRow(std::span<const float> row, std::span<float> out) { std::copy(row.begin(), row.end(), out.begin()); }

}  // namespace

void Pool(models::Pooling mode, const TokenRows& rows, std::span<float> out) {
  const auto count = static_cast<float>(rows.rows());
  switch (mode) {
    case models::Pooling::kMean:
      SumRows(rows, out);
      return Scale(out, 1.0F / count);
    case models::Pooling::kMeanSqrtLen:
      SumRows(rows, out);
      return Scale(out, 1.0F / std::sqrt(count));
    case models::Pooling::kMax:
      return MaxRows(rows, out);
    case models::Pooling::kWeightedMean:
      return WeightedMean(rows, out);
    case models::Pooling::kCls:
      return CopyRow(Row(rows, 0), out);
    case models::Pooling::kLastToken:
      return CopyRow(Row(rows, rows.rows() - 1), out);
    case models::Pooling::kNone:
      return;
  }
}

void NormalizeL2(std::span<float> vector) {
  constexpr double kEpsilon = 1e-12;
  double squares = 0;  // in double: neither order nor size of the values matters
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  Scale(vector, static_cast<float>(1.0 / std::max(std::sqrt(squares), kEpsilon)));
}

bool AllFinite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7F800000U;
  bool finite = true;
  for (const float value : values) finite &= (std::bit_cast<std::uint32_t>(value) & kExponent) != kExponent;
  return finite;
}

}  // namespace mlnode::serving
