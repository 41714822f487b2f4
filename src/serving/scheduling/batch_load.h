// serving/scheduling/batch_load.h: how much work sequences are, whatever model computes them. Exact integers, so that
// what was added can be taken away again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mlnode::serving {

struct BatchLoad {
  std::size_t sequences = 0;
  std::size_t tokens = 0;
  std::uint64_t squares = 0;  // sum of squared lengths: what attention costs

  static BatchLoad Of(std::size_t length) {
    return {.sequences = 1, .tokens = length, .squares = static_cast<std::uint64_t>(length) * length};
  }
  BatchLoad& operator+=(const BatchLoad& other) {
    sequences += other.sequences;
    tokens += other.tokens;
    squares += other.squares;
    return *this;
  }
  // Precondition: `other` was added before.
  BatchLoad& operator-=(const BatchLoad& other) {
    sequences -= other.sequences;
    tokens -= other.tokens;
    squares -= other.squares;
    return *this;
  }
  friend BatchLoad operator+(BatchLoad a, const BatchLoad& b) { return a += b; }
  bool operator==(const BatchLoad&) const = default;
};

}  // namespace mlnode::serving
