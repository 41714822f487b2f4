// query/aggregation.h: counts over all hits of a search: terms, the only aggregation clients of the peer use here.
// Threads: pure.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "query/field_path.h"
#include "query/parse_error.h"

namespace mlnode::query {

struct BucketOrder {
  bool by_key = false;  // else by count
  bool descending = true;
};

struct TermsAggregation {
  std::string name;
  FieldPath field;
  std::int64_t size = 10;
  std::int64_t min_count = 1;
  std::vector<BucketOrder> order = {BucketOrder()};  // equal buckets: by key, ascending
};

// The value of "aggs"; precondition: an object. Errors in the peer's words, also for what it has and this version does
// not; a text field; more than 64 aggregations.
Result<std::vector<TermsAggregation>> ParseAggregations(const json::value& given, const Origin& origin = Origin());

// {"doc_count_error_upper_bound": 0, "sum_other_doc_count": …, "buckets": [{"key", "doc_count"}]}; a boolean's key is 1
// or 0 with "key_as_string". A document counts once for each different value it has. Cost: O(documents × values).
json::object CountTerms(const TermsAggregation& aggregation, const std::vector<const SearchDocument*>& documents);

}  // namespace mlnode::query
