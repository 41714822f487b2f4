#include "serving/scheduling/batch_former.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/batch/token_batch.h"

namespace mlnode::serving {
namespace {

// How unlike a length is to that of the first sequence, in classes: what is padded to a multiple of 8 loses nothing
// below that, and an eighth, a quarter, half of the length are what an engine that pads would waste at most.
constexpr std::uint32_t kPaddingStep = 8;
constexpr std::array<std::uint32_t, 3> kParts = {8, 4, 2};
constexpr std::size_t kUnlike = kParts.size();

std::size_t Unlikeness(std::uint32_t length, std::uint32_t first) {
  const std::uint32_t apart = length > first ? length - first : first - length;
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    if (apart <= std::max(kPaddingStep, std::max(length, first) / kParts[i])) return i;
  }
  return kUnlike;
}

// Adds what fits; says why something did not.
class Packer {
 public:
  Packer(const BatchLimits& limits, BatchChoice& choice) : limits_(limits), choice_(choice) {}
  void Offer(std::uint32_t index, std::uint32_t length) {
    const BatchLoad with = choice_.load + BatchLoad::Of(length);
    if (with.sequences > 1 && with.tokens > limits_.tokens) return Leave(BatchChoice::Stop::kTokens);
    if (with.sequences > 1 && limits_.cost != nullptr && limits_.cost->Micros(with) > limits_.micros) {
      return Leave(BatchChoice::Stop::kTime);
    }
    choice_.load = with;
    choice_.chosen.push_back(index);
  }

 private:
  void Leave(BatchChoice::Stop why) {
    if (choice_.stop == BatchChoice::Stop::kNothingLeft) choice_.stop = why;
  }
  const BatchLimits& limits_;
  BatchChoice& choice_;
};

}  // namespace

std::size_t SpreadTokens(std::size_t tokens, std::size_t idle_lanes) {
  const std::size_t worth = (tokens + kMinSpreadTokens - 1) / kMinSpreadTokens;
  const std::size_t parts = std::max<std::size_t>(1, std::min(worth, idle_lanes));
  return (tokens + parts - 1) / parts;
}

BatchChoice ChooseSequences(std::span<const std::uint32_t> lengths, const BatchLimits& limits) {
  BatchChoice choice;
  if (lengths.empty()) return choice;
  std::array<std::vector<std::uint32_t>, kUnlike + 1> classes;
  for (std::uint32_t i = 0; i < lengths.size(); ++i) classes[Unlikeness(lengths[i], lengths[0])].push_back(i);
  Packer packer(limits, choice);
  for (const auto& alike : classes) {
    for (const std::uint32_t i : alike) packer.Offer(i, lengths[i]);
  }
  std::sort(choice.chosen.begin(), choice.chosen.end());
  return choice;
}

bool SameFeatures(const TokenBatch& a, const TokenBatch& b) {
  return std::equal(
      a.features.begin(), a.features.end(), b.features.begin(), b.features.end(),
      [](const TokenFeature& x, const TokenFeature& y) { return x.name == y.name && x.padding == y.padding; });
}

void AppendSequences(const TokenBatch& from, std::span<const std::uint32_t> sequences, TokenBatch& to) {
  for (const std::uint32_t sequence : sequences) mlnode::AppendSequences(from, sequence, sequence + 1, to);
}

}  // namespace mlnode::serving
