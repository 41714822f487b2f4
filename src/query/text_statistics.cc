#include "query/text_statistics.h"

#include <cmath>
#include <set>
#include <vector>

namespace mlnode::query {

const FieldStatistics& TextStatistics::Of(const FieldPath& field) {
  const auto [entry, is_new] = fields_.try_emplace(field.name());
  FieldStatistics& statistics = entry->second;
  if (!is_new) return statistics;
  for (const SearchDocument& document : documents_) {
    const std::vector<std::string> words = field.AllWords(document);
    if (words.empty()) continue;
    ++statistics.documents;
    statistics.words += words.size();
    for (const std::string& word : std::set<std::string>(words.begin(), words.end())) ++statistics.documents_with[word];
  }
  return statistics;
}

double TextStatistics::Bm25(const FieldStatistics& field, std::string_view word, std::size_t count,
                            std::size_t length) {
  constexpr double kK1 = 1.2, kB = 0.75;
  const auto found = field.documents_with.find(word);
  const double with = found == field.documents_with.end() ? 1.0 : static_cast<double>(found->second);
  const auto documents = static_cast<double>(field.documents);
  const double rarity = std::log(1 + (documents - with + 0.5) / (with + 0.5));
  const double average = static_cast<double>(field.words) / documents;
  const double norm = kK1 * (1 - kB + kB * static_cast<double>(length) / average);
  return rarity * static_cast<double>(count) / (static_cast<double>(count) + norm);
}

}  // namespace mlnode::query
