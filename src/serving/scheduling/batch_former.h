// serving/scheduling/batch_former.h: which of the sequences that wait make one batch. Pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "serving/scheduling/batch_load.h"
#include "serving/scheduling/cost_model.h"

namespace mlnode::serving {

// Work is split over idle lanes once it has so many tokens: fewer gain more from company than from a second lane.
// Measured: research on packed encoders reaches its full rate at 512 to 1,024 tokens, half of it at about 250.
inline constexpr std::size_t kMinSpreadTokens = 256;

struct BatchLimits {
  std::size_t tokens = 1'024;
  double micros = std::numeric_limits<double>::infinity();  // estimated engine time
  const CostModel* cost = nullptr;                          // for `micros`; null: no such limit
};

// What one of several idle lanes takes of `tokens`: as much as each of the others that are worth waking.
std::size_t SpreadTokens(std::size_t tokens, std::size_t idle_lanes);

struct BatchChoice {
  enum class Stop : std::uint8_t { kNothingLeft, kTokens, kTime };
  std::vector<std::uint32_t> chosen;  // indices of `lengths`, ascending
  BatchLoad load;
  Stop stop = Stop::kNothingLeft;  // why the rest was left
};
// `lengths`: of the sequences that wait, the longest-waiting first. The first is always in, whatever its length; of the
// others those of like length before those of another, and among like ones the longest-waiting before the newer, as
// long as they fit. Cost: O(lengths).
BatchChoice ChooseSequences(std::span<const std::uint32_t> lengths, const BatchLimits& limits);

// True when sequences of both may stand in one batch: the same further features of tokens.
bool SameFeatures(const TokenBatch& a, const TokenBatch& b);

// Appends the named sequences of `from` to `to`. An absent type_ids stands for zeros where the other has them. The
// features of the first that is appended are those of the batch; precondition: the same in all.
void AppendSequences(const TokenBatch& from, std::span<const std::uint32_t> sequences, TokenBatch& to);

}  // namespace mlnode::serving
