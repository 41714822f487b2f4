#include "serving/scheduling/batch_former.h"

#include <algorithm>
#include <array>
#include <numeric>

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
  if (to.offsets.size() == 1) {
    for (const TokenFeature& feature : from.features) {
      to.features.push_back({.name = feature.name, .values = {}, .padding = feature.padding});
    }
  }
  if (!from.type_ids.empty()) to.type_ids.resize(to.ids.size(), 0);
  for (const std::uint32_t sequence : sequences) {
    const auto begin = static_cast<std::ptrdiff_t>(from.offsets[sequence]);
    const auto end = static_cast<std::ptrdiff_t>(from.offsets[sequence + 1]);
    const auto append = [begin, end](const std::vector<std::int64_t>& source, std::vector<std::int64_t>& target) {
      target.insert(target.end(), source.begin() + begin, source.begin() + end);
    };
    append(from.ids, to.ids);
    if (!from.type_ids.empty()) append(from.type_ids, to.type_ids);
    for (std::size_t f = 0; f < to.features.size(); ++f) append(from.features[f].values, to.features[f].values);
    to.offsets.push_back(to.ids.size());
  }
  if (!to.type_ids.empty()) to.type_ids.resize(to.ids.size(), 0);
}

}  // namespace mlnode::serving
