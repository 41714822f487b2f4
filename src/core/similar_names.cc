#include "core/similar_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace mlnode {
namespace {

constexpr double kLeastSimilarity = 0.5;

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

// 1 = equal, 0 = nothing in common. Names that differ much in length are not compared letter by letter.
double Similarity(std::string_view a, std::string_view b) {
  const std::size_t longest = std::max(a.size(), b.size());
  if (longest == 0) return 1;
  const auto least_distance = static_cast<double>(longest - std::min(a.size(), b.size()));
  const auto length = static_cast<double>(longest);
  if (1 - least_distance / length <= kLeastSimilarity) return 0;
  return 1 - static_cast<double>(EditDistance(a, b)) / length;
}

}  // namespace

std::string DidYouMean(std::string_view given, std::span<const std::string_view> known) {
  std::vector<std::pair<double, std::string_view>> similar;
  for (const std::string_view name : known) {
    if (const double score = Similarity(given, name); score > kLeastSimilarity) similar.emplace_back(-score, name);
  }
  if (similar.empty()) return {};
  std::sort(similar.begin(), similar.end());
  if (similar.size() == 1) return fmt::format(" did you mean [{}]?", similar.front().second);
  std::vector<std::string_view> names;
  for (const auto& [score, name] : similar) names.push_back(name);
  return fmt::format(" did you mean any of [{}]?", fmt::join(names, ", "));
}

}  // namespace mlnode
