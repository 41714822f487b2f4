#include <algorithm>
#include <array>

#include "query/parse_error.h"
#include "query/search_request_impl.h"

namespace mlnode::query {
namespace {

// Keys of the peer's search body that this version does not have.
constexpr auto kKnownElsewhere = std::to_array<std::string_view>({"aggs",
                                                                  "aggregations",
                                                                  "highlight",
                                                                  "suggest",
                                                                  "rescore",
                                                                  "collapse",
                                                                  "fields",
                                                                  "stored_fields",
                                                                  "docvalue_fields",
                                                                  "script_fields",
                                                                  "search_after",
                                                                  "slice",
                                                                  "profile",
                                                                  "explain",
                                                                  "post_filter",
                                                                  "pit",
                                                                  "indices_boost",
                                                                  "ext",
                                                                  "stats",
                                                                  "terminate_after",
                                                                  "min_score",
                                                                  "track_scores",
                                                                  "derived",
                                                                  "search_pipeline",
                                                                  "runtime_mappings",
                                                                  "include_named_queries_score",
                                                                  "verbose_pipeline",
                                                                  "scroll",
                                                                  "timeout"});

Error UnknownKey(std::string_view key, const json::value& value) {
  return ParsingError("Unknown key for a " + std::string(TokenName(value)) + " in [" + std::string(key) + "].");
}

Result<std::int64_t> ReadCount(std::string_view key, const json::value& value) {
  const std::optional<double> number = value.is_structured() ? std::nullopt : ScalarNumber(value);
  if (!number) return UnknownKey(key, value);
  if (*number != static_cast<double>(static_cast<std::int64_t>(std::clamp(*number, -2e9, 2e9))))
    return MakeError(Code::kInvalidArgument, "[" + std::string(key) + "] must be a whole number below 2^31, but was [" +
                                                 ScalarText(value) + "]");
  return static_cast<std::int64_t>(*number);
}

Status ReadPaging(std::string_view key, const json::value& value, SearchRequest::Impl& out) {
  ASSIGN_OR_RETURN(const std::int64_t count, ReadCount(key, value));
  if (count < 0) {
    std::string message = "[" + std::string(key) + "] parameter cannot be negative";
    if (key == "size") message += ", found [" + std::to_string(count) + "]";
    return MakeError(Code::kInvalidArgument, std::move(message));
  }
  (key == "size" ? out.size : out.from) = count;
  return {};
}

Status ReadTracking(const json::value& value, SearchRequest::Impl& out) {
  const std::string text = ScalarText(value);
  if (text == "true") {
    out.tracked_hits = std::numeric_limits<std::int64_t>::max();
  } else if (text == "false") {
    out.tracked_hits.reset();
  } else {
    ASSIGN_OR_RETURN(const std::int64_t limit, ReadCount("track_total_hits", value));
    if (limit < 0)
      return MakeError(Code::kInvalidArgument,
                       "[track_total_hits] parameter must be positive or equals to -1, got " + std::to_string(limit));
    out.tracked_hits = limit;
  }
  return {};
}

Status ReadKey(std::string_view key, const json::value& value, SearchRequest::Impl& out) {
  if (key == "query") {
    if (!value.is_object()) return UnknownKey(key, value);
    ASSIGN_OR_RETURN(out.query, ParseQuery(value));
  } else if (key == "from" || key == "size") {
    return ReadPaging(key, value, out);
  } else if (key == "sort") {
    ASSIGN_OR_RETURN(out.sort, ParseSort(value));
  } else if (key == "_source") {
    ASSIGN_OR_RETURN(out.source, SourceFilter::Parse(value));
  } else if (key == "track_total_hits") {
    return ReadTracking(value, out);
  } else if (key == "version" || key == "seq_no_primary_term") {
    if (!value.is_bool()) return UnknownKey(key, value);  // both are always shown, as the peer's plugin does
  } else {
    for (std::string_view known : kKnownElsewhere) {
      if (key == known)
        return MakeError(Code::kUnimplemented,
                         "search option [" + std::string(key) + "] is not supported by this version");
    }
    return UnknownKey(key, value);
  }
  return {};
}

}  // namespace

Result<SearchRequest> SearchRequest::Parse(const json::object& body) {
  Impl impl;
  for (const json::key_value_pair& entry : body) RETURN_IF_ERROR(ReadKey(entry.key(), entry.value(), impl));
  if (impl.from + impl.size > kMaxResultWindow) {
    Error error = MakeError(
        Code::kInvalidArgument,
        "Result window is too large, from + size must be less than or equal to: [10000] but was [" +
            std::to_string(impl.from + impl.size) +
            "]. See the scroll api for a more efficient way to request large data sets. This limit can be set "
            "by changing the [index.max_result_window] index level setting.");
    error.reason = "status_exception";
    return error;
  }
  if (impl.sort.size() == 1 && impl.sort[0].by_score() && impl.sort[0].descending)
    impl.sort.clear();  // the default order
  SearchRequest request;
  request.impl_ = std::make_shared<const Impl>(std::move(impl));
  return request;
}

}  // namespace mlnode::query
