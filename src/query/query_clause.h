// query/query_clause.h: a parsed query: a tree of clauses, each of which matches a document with a score or does not.
// Scores: constant 1.0 times boost, but bool (sum of must and should; 0.0 when it only filters) and match (words found
// over the square root of the field's length in words: a stand-in for the peer's BM25, which no client asserts on).
// Threads: immutable. Cost of Score: O(clauses × field size).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "query/field_path.h"
#include "query/search.h"

namespace mlnode::query {

class Clause {
 public:
  virtual ~Clause() = default;
  // nullopt: no match. `now` is what "now" means in ranges.
  virtual std::optional<double> Score(const SearchDocument& document, EpochMillis now) const = 0;
};
using ClausePtr = std::shared_ptr<const Clause>;

// One side of a range: a value, or an offset from now.
struct RangeBound {
  json::value value;
  std::optional<std::int64_t> from_now_ms = {};
  bool inclusive = false;
};

struct BoolParts {
  std::vector<ClausePtr> must, filter, should, must_not;
  int minimum_should_match = 0;
};

struct GlobPattern {
  std::string text;  // * any run, ? one byte, \ takes the next literally
  bool ignore_case = false;
};
bool GlobMatches(const GlobPattern& pattern, std::string_view value);

ClausePtr MatchAll(double boost);
ClausePtr MatchNone();
ClausePtr AnyOf(FieldPath field, std::vector<json::value> values, double boost);  // term, terms, ids
ClausePtr Exists(FieldPath field, double boost);
ClausePtr Match(FieldPath field, const json::value& text, bool all_words, double boost);
ClausePtr Range(FieldPath field, std::optional<RangeBound> lower, std::optional<RangeBound> upper, double boost);
ClausePtr Glob(FieldPath field, GlobPattern pattern, double boost);  // wildcard, prefix
ClausePtr Bool(BoolParts parts, double boost);

// The value of "query". Errors: reason "parsing_exception" or "illegal_argument_exception" with the peer's texts;
// kUnimplemented for queries the DSL knows and this version does not; more than 1,024 clauses or words.
Result<ClausePtr> ParseQuery(const json::value& query);

}  // namespace mlnode::query
