// query/field_query.h: the queries about one field: term, match, match_phrase, range, wildcard, prefix, regexp.
// Private to this room. Threads: pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "query/parse_error.h"
#include "query/query_clause.h"

namespace mlnode::query {

// What one query may still cost: clauses, and words or values by the 64.
class ClauseBudget {
 public:
  // kInvalidArgument in the peer's words once all is spent.
  Status Take(std::size_t clauses);

 private:
  std::size_t taken_ = 0;
};

struct QueryBody {
  std::string_view kind;    // "term"
  const json::value* body;  // an object: what stands under the kind
  const Origin* origin;
};

std::span<const std::string_view> FieldQueryKinds();
// Precondition: query.kind is one of them.
Result<ClausePtr> ParseFieldQuery(const QueryBody& query, ClauseBudget& budget);

// Not negative and within a float.
Result<double> ParseBoost(const QueryBody& query, const json::value& value);
// 2, "2", -1 (all but one), "75%", "-25%" of so many clauses; never negative.
Result<int> ParseMinimum(const json::value& value, int clauses);
// "[kind] query does not support [key]"
Error Unsupported(const QueryBody& query, const json::key_value_pair& entry);

}  // namespace mlnode::query
