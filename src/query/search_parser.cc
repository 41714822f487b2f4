#include <algorithm>
#include <array>

#include "query/parse_error.h"
#include "query/search_request_impl.h"

namespace mlnode::query {
namespace {

// Keys of the peer's search body that this version does not have.
constexpr auto kKnownElsewhere = std::to_array<std::string_view>({"highlight",
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
                                                                  "pit",
                                                                  "indices_boost",
                                                                  "ext",
                                                                  "stats",
                                                                  "terminate_after",
                                                                  "derived",
                                                                  "search_pipeline",
                                                                  "runtime_mappings",
                                                                  "include_named_queries_score",
                                                                  "verbose_pipeline",
                                                                  "scroll"});

struct Field {
  std::string_view key;
  const json::value& value;
  const Origin& origin;

  Error Unknown() const {
    return origin.Parsing(value,
                          "Unknown key for a " + std::string(TokenName(value)) + " in [" + std::string(key) + "].");
  }
};

Result<std::int64_t> ReadCount(const Field& field) {
  const auto& [key, value, origin] = field;
  const std::optional<double> number = value.is_structured() ? std::nullopt : ScalarNumber(value);
  if (!number) return field.Unknown();
  if (*number != static_cast<double>(static_cast<std::int64_t>(std::clamp(*number, -2e9, 2e9))))
    return MakeError(Code::kInvalidArgument, "[" + std::string(key) + "] must be a whole number below 2^31, but was [" +
                                                 ScalarText(value) + "]");
  return static_cast<std::int64_t>(*number);
}

Status ReadPaging(const Field& field, SearchRequest::Impl& out) {
  const std::string_view key = field.key;
  ASSIGN_OR_RETURN(const std::int64_t count, ReadCount(field));
  if (count < 0) {
    std::string message = "[" + std::string(key) + "] parameter cannot be negative";
    if (key == "size") message += ", found [" + std::to_string(count) + "]";
    return MakeError(Code::kInvalidArgument, std::move(message));
  }
  (key == "size" ? out.size : out.from) = count;
  return {};
}

Status ReadTracking(const Field& field, SearchRequest::Impl& out) {
  const std::string text = ScalarText(field.value);
  if (text == "true") {
    out.tracked_hits = std::numeric_limits<std::int64_t>::max();
  } else if (text == "false" || text == "-1") {
    out.tracked_hits.reset();
  } else {
    ASSIGN_OR_RETURN(const std::int64_t limit, ReadCount(field));
    if (limit < 0)
      return MakeError(Code::kInvalidArgument,
                       "[track_total_hits] parameter must be positive or equals to -1, got " + std::to_string(limit));
    out.tracked_hits = limit;
  }
  return {};
}

// Nothing here takes long enough to be cut short: a time is read so that a wrong one is told.
Status ReadTimeout(const Field& field) {
  constexpr auto kUnits = std::to_array<std::string_view>({"nanos", "micros", "ms", "s", "m", "h", "d"});
  const std::string text = ScalarText(field.value);
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const bool known = std::find(kUnits.begin(), kUnits.end(), text.substr(digits)) != kUnits.end();
  if (text == "-1" || text == "0" || (digits > 0 && known)) return {};
  return MakeError(Code::kInvalidArgument, "failed to parse setting [timeout] with value [" + text +
                                               "] as a time value: unit is missing or unrecognized");
}

Status ReadQueryPart(const Field& field, SearchRequest::Impl& out) {
  if (!field.value.is_object()) return field.Unknown();
  if (field.key == "query") {
    ASSIGN_OR_RETURN(out.query, ParseQuery(field.value, field.origin));
  } else if (field.key == "post_filter") {
    ASSIGN_OR_RETURN(out.post_filter, ParseQuery(field.value, field.origin));
  } else {
    ASSIGN_OR_RETURN(out.aggregations, ParseAggregations(field.value, field.origin));
  }
  return {};
}

Status ReadScoring(const Field& field, SearchRequest::Impl& out) {
  if (field.key == "min_score") {
    out.min_score = field.value.is_structured() ? std::nullopt : ScalarNumber(field.value);
    if (!out.min_score) return field.Unknown();
    return {};
  }
  if (!field.value.is_bool()) return field.Unknown();
  if (field.key == "track_scores") out.track_scores = field.value.get_bool();
  return {};  // version and seq_no_primary_term are always shown, as the peer's plugin does
}

Status ReadKey(const Field& field, SearchRequest::Impl& out) {
  const std::string_view key = field.key;
  if (key == "query" || key == "post_filter" || key == "aggs" || key == "aggregations") {
    return ReadQueryPart(field, out);
  }
  if (key == "from" || key == "size") return ReadPaging(field, out);
  if (key == "track_total_hits") return ReadTracking(field, out);
  if (key == "timeout") return ReadTimeout(field);
  if (key == "min_score" || key == "track_scores" || key == "version" || key == "seq_no_primary_term") {
    return ReadScoring(field, out);
  }
  if (key == "sort") {
    ASSIGN_OR_RETURN(out.sort, ParseSort(field.value, field.origin));
  } else if (key == "_source") {
    ASSIGN_OR_RETURN(out.source, SourceFilter::Parse(field.value, field.origin));
  } else if (std::find(kKnownElsewhere.begin(), kKnownElsewhere.end(), key) != kKnownElsewhere.end()) {
    return field.origin.NotBuilt(field.value, "search option [" + std::string(key) + "]");
  } else {
    return field.Unknown();
  }
  return {};
}

}  // namespace

Result<SearchRequest> SearchRequest::Parse(const json::object& body) {
  Impl impl;
  const Origin origin(body);
  for (const json::key_value_pair& entry : body) RETURN_IF_ERROR(ReadKey({entry.key(), entry.value(), origin}, impl));
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
