// query/text_statistics.h: what the score of a word needs to know about all documents of a search (BM25).
// Computed per field when first asked for. Threads: one; made for one search. Cost: O(bytes of the field in all
// documents), once a field.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "query/field_path.h"
#include "query/search.h"

namespace mlnode::query {

struct FieldStatistics {
  std::size_t documents = 0;  // that have the field
  std::size_t words = 0;      // in all of them
  std::map<std::string, std::size_t, std::less<>> documents_with;
};

class TextStatistics {
 public:
  explicit TextStatistics(std::span<const SearchDocument> documents) : documents_(documents) {}
  const FieldStatistics& Of(const FieldPath& field);
  // The score of a word that a document of `length` words has `count` times: Okapi BM25 as Lucene computes it, k1
  // = 1.2, b = 0.75, without its constant factor k1 + 1.
  static double Bm25(const FieldStatistics& field, std::string_view word, std::size_t count, std::size_t length);

 private:
  std::span<const SearchDocument> documents_;
  std::map<std::string, FieldStatistics, std::less<>> fields_;
};

}  // namespace mlnode::query
