// query/source_filter.h: which parts of a document a hit shows ("_source").
// A pattern names a field by its dotted path, * stands for any run of characters; a field named brings all below it. An
// exclude wins over an include. Threads: immutable.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "query/parse_error.h"

namespace mlnode::query {

class SourceFilter {
 public:
  SourceFilter() = default;
  SourceFilter(std::vector<std::string> includes, std::vector<std::string> excludes)
      : includes_(std::move(includes)), excludes_(std::move(excludes)) {}
  // true | false | "a" | ["a", "b*"] | {"includes": …, "excludes": …}. Reason "parsing_exception" otherwise.
  static Result<SourceFilter> Parse(const json::value& given, const Origin& origin = Origin());

  // False for `_source: false`: hits carry no _source at all.
  bool shows_source() const { return shows_source_; }
  void Exclude(const std::vector<std::string>& patterns) {
    excludes_.insert(excludes_.end(), patterns.begin(), patterns.end());
  }
  json::object Apply(const json::object& source) const;

 private:
  std::vector<std::string> includes_, excludes_;
  bool shows_source_ = true;
};

}  // namespace mlnode::query
