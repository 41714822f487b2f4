// query/query_clause.h: a parsed query: a tree of clauses, each of which matches a document with a score or does not.
// Scores: constant 1.0 times boost, but bool (sum of must and should; 0.0 when it only filters) and words in a text
// field (BM25 over the documents searched, query/text_statistics.h). Keyword fields score 1.0, as the peer's have
// since 3.0. Threads: immutable. Cost of Score: O(clauses × field size).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "query/date_math.h"
#include "query/field_path.h"
#include "query/parse_error.h"
#include "query/search.h"
#include "query/text_statistics.h"

namespace re2 {
class RE2;
}

namespace mlnode::query {

// One search under way.
struct Evaluation {
  EpochMillis now = 0;  // what "now" means in ranges
  TextStatistics& texts;
};

class Clause {
 public:
  virtual ~Clause() = default;
  // nullopt: no match.
  virtual std::optional<double> Score(const SearchDocument& document, Evaluation& search) const = 0;
};
using ClausePtr = std::shared_ptr<const Clause>;

// One side of a range.
struct RangeBound {
  json::value value;
  std::optional<DateMath> date = {};  // when the value reads as one; it counts where the document holds a number
  bool inclusive = false;
  bool round_up = false;  // rounding of the date leads to the end of its unit
};

// Which words a field must hold.
struct WantedWords {
  std::vector<std::string> words;
  std::size_t at_least = 1;  // different ones
  bool in_order = false;     // all of them, next to one another
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
// terms, ids. The number of values costs little: they are looked up.
ClausePtr AnyOf(FieldPath field, const std::vector<json::value>& values, double boost);
ClausePtr Term(FieldPath field, const json::value& value, double boost);
ClausePtr Exists(FieldPath field, double boost);
// Words of a text field; precondition: field.analysed().
ClausePtr HoldsWords(FieldPath field, WantedWords wanted, double boost);
ClausePtr Range(FieldPath field, std::optional<RangeBound> lower, std::optional<RangeBound> upper, double boost);
ClausePtr Glob(FieldPath field, GlobPattern pattern, double boost);  // wildcard, prefix
// `pattern` is anchored and was compiled with a bound on its memory.
ClausePtr Regexp(FieldPath field, std::shared_ptr<const re2::RE2> pattern, double boost);
ClausePtr Bool(BoolParts parts, double boost);
ClausePtr ConstantScore(ClausePtr filter, double boost);

// The value of "query" in the body `origin` knows. Errors: reason "parsing_exception", "x_content_parse_exception" or
// none with the peer's texts, also for what the peer's DSL has and this version does not; more than 1,024 clauses or
// words.
Result<ClausePtr> ParseQuery(const json::value& query, const Origin& origin = Origin());

}  // namespace mlnode::query
