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
  // Supported now: query (match_all, match_none, term, terms, ids, bool, exists, match, range, wildcard, prefix), from,
  // size, sort, _source, track_total_hits, version, seq_no_primary_term. Everything else the DSL knows answers
  // kUnimplemented naming the key; what it does not know: reason "parsing_exception" in the peer's words ("unknown
  // query [foo]", "Unknown key for a START_OBJECT in [foo]."). from + size > 10,000: kInvalidArgument, the peer's text.
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
