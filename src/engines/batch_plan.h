// engines/batch_plan.h: how an engine that computes on rectangles cuts a ragged batch into padded ones.
// Pure function. Padding is what makes a batch slow: 32 texts in arrival order ran slower than one by one (measured
// 2026-11-23).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mlnode::engines {

struct BatchLimits {
  std::size_t token_budget = 1024;  // rows times padded length of one rectangle; a longer single sequence goes alone
  std::size_t length_step = 8;      // lengths are rounded up to a multiple: fewer shapes for the engine to prepare
  std::size_t max_length = 512;     // rounding never goes beyond it
  std::size_t fixed_length = 0;     // the only length that the graph takes; 0 = any
  std::size_t max_rows = 0;         // 0 = by the budget alone; 1 = one by one
};

struct Rectangle {
  std::vector<std::size_t> sequences;  // indices into the batch, longest first
  std::size_t length = 0;              // padded
};

// Every sequence appears in exactly one rectangle and fits it. `offsets` as in TokenBatch; no sequence is empty or
// longer than max_length. Cost: O(n log n).
std::vector<Rectangle> PlanRectangles(std::span<const std::size_t> offsets, const BatchLimits& limits);

}  // namespace mlnode::engines
