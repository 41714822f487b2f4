#include "engines/batch_plan.h"

#include <algorithm>
#include <numeric>

namespace mlnode::engines {
namespace {

// A row joins a rectangle only if at most a quarter of the row would be padding; beyond that a rectangle of its own
// costs less.
constexpr std::size_t kWorstFill = 4;

std::size_t PaddedLength(std::size_t length, const BatchLimits& limits) {
  if (limits.fixed_length != 0) return limits.fixed_length;
  const std::size_t rounded = (length + limits.length_step - 1) / limits.length_step * limits.length_step;
  return std::max(length, std::min(rounded, limits.max_length));
}

bool Joins(const Rectangle& rectangle, std::size_t padded, const BatchLimits& limits) {
  const std::size_t rows = rectangle.sequences.size() + 1;
  if (limits.max_rows != 0 && rows > limits.max_rows) return false;
  if (rows * rectangle.length > limits.token_budget) return false;
  return padded + std::max(limits.length_step, rectangle.length / kWorstFill) >= rectangle.length;
}

}  // namespace

std::vector<Rectangle> PlanRectangles(std::span<const std::size_t> offsets, const BatchLimits& limits) {
  const auto length = [&](std::size_t i) { return offsets[i + 1] - offsets[i]; };
  std::vector<std::size_t> order(offsets.size() - 1);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(
      order, [&](std::size_t a, std::size_t b) { return length(a) != length(b) ? length(a) > length(b) : a < b; });
  std::vector<Rectangle> plan;
  for (const std::size_t sequence : order) {
    const std::size_t padded = PaddedLength(length(sequence), limits);
    if (plan.empty() || !Joins(plan.back(), padded, limits)) plan.push_back({.sequences = {}, .length = padded});
    plan.back().sequences.push_back(sequence);
  }
  return plan;
}

}  // namespace mlnode::engines
