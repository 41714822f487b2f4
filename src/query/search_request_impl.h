// query/search_request_impl.h: what a SearchRequest holds. Private to this room.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "query/aggregation.h"
#include "query/query_clause.h"
#include "query/sort.h"
#include "query/source_filter.h"

namespace mlnode::query {

inline constexpr std::int64_t kMaxResultWindow = 10'000;  // the peer's index.max_result_window
inline constexpr std::int64_t kDefaultTrackedHits = 10'000;

struct SearchRequest::Impl {
  ClausePtr query = MatchAll(1.0);
  ClausePtr post_filter;  // of hits, after aggregating; null: none
  std::vector<TermsAggregation> aggregations;
  std::optional<double> min_score;
  bool track_scores = false;  // scores are shown though something else orders the hits
  std::int64_t from = 0, size = 10;
  std::vector<SortKey> sort;  // empty: by score
  std::optional<SourceFilter> source;
  // Hits counted exactly up to here; nullopt: no total in the answer.
  std::optional<std::int64_t> tracked_hits = kDefaultTrackedHits;
};

}  // namespace mlnode::query
