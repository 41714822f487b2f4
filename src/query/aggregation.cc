#include "query/aggregation.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "core/similar_names.h"
#include "query/sort.h"

namespace mlnode::query {
namespace {

constexpr std::size_t kMaxAggregations = 64;
constexpr std::int64_t kMaxBuckets = 65'535;  // the peer's search.max_buckets
// Aggregations of the peer that this version does not have.
constexpr auto kKnownElsewhere = std::to_array<std::string_view>({"avg",
                                                                  "min",
                                                                  "max",
                                                                  "sum",
                                                                  "stats",
                                                                  "extended_stats",
                                                                  "value_count",
                                                                  "cardinality",
                                                                  "percentiles",
                                                                  "filter",
                                                                  "filters",
                                                                  "range",
                                                                  "date_range",
                                                                  "histogram",
                                                                  "date_histogram",
                                                                  "top_hits",
                                                                  "missing",
                                                                  "nested",
                                                                  "significant_terms",
                                                                  "rare_terms",
                                                                  "composite"});

std::string Bracketed(std::string_view text) { return "[" + std::string(text) + "]"; }

Status ReadOneOrder(const json::value& given, const Origin& origin, std::vector<BucketOrder>& order) {
  const json::object* object = given.if_object();
  if (object == nullptr || object->size() != 1) {
    return origin.Parsing(given, "Must specify exactly one field for [order] in each of its objects");
  }
  const std::string_view path = object->begin()->key();
  const std::string direction = ScalarText(object->begin()->value());
  if (path != "_count" && path != "_key") {
    return MakeError(Code::kInvalidArgument,
                     "Invalid aggregation order path " + Bracketed(path) + ": this version orders by _count and _key");
  }
  if (direction != "asc" && direction != "desc") {
    return origin.Parsing(object->begin()->value(), "Unknown order direction " + Bracketed(direction));
  }
  order.push_back({.by_key = path == "_key", .descending = direction == "desc"});
  return {};
}

Status ReadOrder(const json::value& given, const Origin& origin, std::vector<BucketOrder>& order) {
  order.clear();
  const json::array* array = given.if_array();
  if (array == nullptr) return ReadOneOrder(given, origin, order);
  if (array->size() > 2) return origin.Parsing(given, "[order] names more than two orders");
  for (const json::value& element : *array) RETURN_IF_ERROR(ReadOneOrder(element, origin, order));
  return {};
}

Result<std::int64_t> ReadCount(const json::key_value_pair& entry, std::int64_t least, const std::string& name) {
  const std::optional<double> number = entry.value().is_structured() ? std::nullopt : ScalarNumber(entry.value());
  if (number && *number >= static_cast<double>(least) && *number <= 2'147'483'647.0) {
    return static_cast<std::int64_t>(*number);
  }
  return MakeError(Code::kInvalidArgument, Bracketed(entry.key()) + " must be a number of at least " +
                                               std::to_string(least) + ". Found " + Bracketed(ToJson(entry.value())) +
                                               " in " + Bracketed(name));
}

Result<TermsAggregation> ParseTerms(const std::string& name, const json::object& body, const Origin& origin) {
  TermsAggregation out{.name = name, .field = FieldPath("")};
  for (const json::key_value_pair& entry : body) {
    const std::string_view key = entry.key();
    if (key == "field" && entry.value().is_string()) {
      out.field = FieldPath(ScalarText(entry.value()));
    } else if (key == "size") {
      ASSIGN_OR_RETURN(out.size, ReadCount(entry, 1, name));
      out.size = std::min(out.size, kMaxBuckets);
    } else if (key == "min_doc_count") {
      ASSIGN_OR_RETURN(out.min_count, ReadCount(entry, 0, name));
    } else if (key == "order") {
      RETURN_IF_ERROR(ReadOrder(entry.value(), origin, out.order));
    } else if (key == "include" || key == "exclude" || key == "missing" || key == "script" || key == "format" ||
               key == "value_type") {
      return origin.NotBuilt(entry.value(), "[terms] option " + Bracketed(key));
    } else if (key != "shard_size" && key != "shard_min_doc_count" && key != "show_term_doc_count_error" &&
               key != "execution_hint" && key != "collect_mode") {  // there is one shard and one way to count
      return origin.Field(entry.value(), "[terms] unknown field " + Bracketed(key));
    }
  }
  if (out.field.name().empty()) {
    return MakeError(Code::kInvalidArgument, "Required one of fields [field, script], but none were specified. ");
  }
  if (out.field.analysed()) return NoFieldData(out.field.name());
  return out;
}

Error UnknownType(const json::key_value_pair& type, const Origin& origin) {
  if (std::find(kKnownElsewhere.begin(), kKnownElsewhere.end(), type.key()) != kKnownElsewhere.end()) {
    return origin.NotBuilt(type.value(), "aggregation " + Bracketed(type.key()));
  }
  std::vector<std::string_view> known(kKnownElsewhere.begin(), kKnownElsewhere.end());
  known.emplace_back("terms");
  return origin.UnknownName(
      type.value(), "Unknown aggregation type " + Bracketed(type.key()) + DidYouMean(type.key(), known), type.key());
}

// {"<type>": {...}}: exactly one type.
Result<TermsAggregation> ParseOne(const json::key_value_pair& given, const Origin& origin) {
  const std::string name(given.key());
  if (name.empty() || name.find_first_of("[]>") != std::string::npos) {
    return origin.Parsing(given.value(), "Invalid aggregation name " + Bracketed(name) +
                                             ". Aggregation names can contain any character except '[', ']', and '>'");
  }
  const json::object* definition = given.value().if_object();
  if (definition == nullptr) {
    return origin.Parsing(given.value(), "Aggregation definition for [" + name + " starts with a [" +
                                             std::string(TokenName(given.value())) + "], expected a [START_OBJECT].");
  }
  if (definition->empty())
    return origin.Parsing(given.value(), "Missing definition for aggregation " + Bracketed(name));
  const json::key_value_pair& type = *definition->begin();
  if (definition->size() > 1) {
    const json::key_value_pair& second = *std::next(definition->begin());
    return origin.Parsing(second.value(), "Found two aggregation type definitions in " + Bracketed(name) + ": " +
                                              Bracketed(type.key()) + " and " + Bracketed(second.key()));
  }
  if (!type.value().is_object()) {
    return origin.Parsing(type.value(), "Expected [START_OBJECT] under " + Bracketed(type.key()) + ", but got a " +
                                            Bracketed(TokenName(type.value())) + " in " + Bracketed(name));
  }
  if (type.key() != "terms") return UnknownType(type, origin);
  return ParseTerms(name, type.value().get_object(), origin);
}

struct Bucket {
  json::value key;
  std::int64_t count = 0;
};

// The buckets in order; values are the same when their JSON is.
std::vector<Bucket> Buckets(const TermsAggregation& aggregation, const std::vector<const SearchDocument*>& documents) {
  std::map<std::string, Bucket> counted;
  for (const SearchDocument* document : documents) {
    std::map<std::string, json::value> values;
    aggregation.field.AnyValue(*document, [&](const json::value& value) {
      if (!value.is_structured()) values.emplace(ToJson(value), value);
      return false;
    });
    for (const auto& [text, value] : values) {
      Bucket& bucket = counted.try_emplace(text, Bucket{.key = value}).first->second;
      ++bucket.count;
    }
  }
  std::vector<Bucket> buckets;
  for (auto& [text, bucket] : counted) {
    if (bucket.count >= aggregation.min_count) buckets.push_back(std::move(bucket));
  }
  std::sort(buckets.begin(), buckets.end(), [&](const Bucket& a, const Bucket& b) {
    const int by_key = CompareScalars(a.key, b.key);
    for (const BucketOrder& order : aggregation.order) {
      const int by_count = a.count < b.count ? -1 : (a.count > b.count ? 1 : 0);
      const int compared = order.by_key ? by_key : by_count;
      if (compared != 0) return (compared < 0) != order.descending;
    }
    return by_key < 0;
  });
  return buckets;
}

}  // namespace

Result<std::vector<TermsAggregation>> ParseAggregations(const json::value& given, const Origin& origin) {
  std::vector<TermsAggregation> aggregations;
  const json::object& object = given.get_object();
  if (object.size() > kMaxAggregations) {
    return MakeError(Code::kInvalidArgument,
                     "[aggs] may hold at most 64 aggregations, but holds " + std::to_string(object.size()));
  }
  for (const json::key_value_pair& entry : object) {
    ASSIGN_OR_RETURN(TermsAggregation aggregation, ParseOne(entry, origin));
    aggregations.push_back(std::move(aggregation));
  }
  return aggregations;
}

json::object CountTerms(const TermsAggregation& aggregation, const std::vector<const SearchDocument*>& documents) {
  const std::vector<Bucket> buckets = Buckets(aggregation, documents);
  json::array shown;
  std::int64_t others = 0;
  for (const Bucket& bucket : buckets) {
    if (static_cast<std::int64_t>(shown.size()) == aggregation.size) {
      others += bucket.count;
      continue;
    }
    json::object form;
    if (const bool* flag = bucket.key.if_bool()) {
      form["key"] = *flag ? 1 : 0;
      form["key_as_string"] = *flag ? "true" : "false";
    } else {
      form["key"] = bucket.key;
    }
    form["doc_count"] = bucket.count;
    shown.push_back(std::move(form));
  }
  return {{"doc_count_error_upper_bound", 0}, {"sum_other_doc_count", others}, {"buckets", std::move(shown)}};
}

}  // namespace mlnode::query
