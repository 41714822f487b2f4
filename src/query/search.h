// query/search.h: the search DSL over documents in memory: parse once, evaluate over any list (spec/rest-conventions
// §6). Threads: pure functions. Cost: O(documents × clauses).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"

namespace mlnode::query {

struct SearchDocument {
  std::string id;
  std::shared_ptr<const json::object> source;
  std::uint64_t version = 0;
  std::uint64_t seq_no = 0;
};

// A parsed request body. Copyable, immutable.
class SearchRequest {
 public:
  // Supported now: query (match_all, match_none, term, terms, ids, bool, exists, constant_score, match, match_phrase,
  // range with date math, wildcard, prefix, regexp), post_filter, aggs (terms), from, size, sort, _source, min_score,
  // track_scores, track_total_hits, timeout, version, seq_no_primary_term. Everything else the DSL knows is refused as
  // "not supported by this version", naming the key; what it does not know in the peer's words ("unknown query [foo]",
  // "Unknown key for a START_OBJECT in [foo]."): reason "parsing_exception" or "x_content_parse_exception". Errors have
  // a json_pointer. from + size > 10,000: the peer's text.
  static Result<SearchRequest> Parse(const json::object& body);

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct SearchTarget {
  std::string index;                          // "_index" of each hit
  std::vector<std::string> default_excludes;  // left out of _source when the request has no _source of its own
  std::vector<std::string> always_excludes;
  EpochMillis now = 0;  // what "now" means in a range
};

// The whole response body (spec §6.3) but for "took", which the caller puts first.
// Fields "x.keyword" are the exact value of x; `text_fields` (name, description) are analysed: lower-cased words, OR.
Result<json::object> Search(const SearchRequest& request, std::span<const SearchDocument> documents,
                            const SearchTarget& target);

}  // namespace mlnode::query
