#include "query/sort.h"

namespace mlnode::query {
namespace {

Result<bool> ParseOrder(const json::value& value) {
  const std::string text = ScalarText(value);
  if (text == "desc" || text == "DESC") return true;
  if (text == "asc" || text == "ASC") return false;
  return MakeError(Code::kInvalidArgument, "Unknown SortOrder [" + text + "]");
}

Status ReadOption(const json::key_value_pair& option, const Origin& origin, SortKey& key) {
  if (option.key() == "order") {
    ASSIGN_OR_RETURN(key.descending, ParseOrder(option.value()));
  } else if (option.key() == "missing") {
    const std::string text = ScalarText(option.value());
    if (text != "_first" && text != "_last")
      return origin.NotBuilt(option.value(), "sort option [missing] other than _first and _last, [" + text + "],");
    key.missing_first = text == "_first";
  } else if (option.key() == "mode" || option.key() == "nested" || option.key() == "numeric_type" ||
             option.key() == "format") {
    return origin.NotBuilt(option.value(), "sort option [" + std::string(option.key()) + "]");
  } else if (option.key() != "unmapped_type") {
    return origin.Field(option.value(), "[field_sort] unknown field [" + std::string(option.key()) + "]");
  }
  return {};
}

Result<SortKey> ParseKey(std::string_view name, const json::value* options, const Origin& origin) {
  SortKey key{.field = FieldPath(name)};
  key.descending = key.by_score();
  if (key.field.analysed()) return NoFieldData(name);
  if (options == nullptr) return key;
  if (const json::object* object = options->if_object()) {
    for (const json::key_value_pair& option : *object) RETURN_IF_ERROR(ReadOption(option, origin, key));
    return key;
  }
  ASSIGN_OR_RETURN(key.descending, ParseOrder(*options));
  return key;
}

Status ParseElement(const json::value& element, const Origin& origin, std::vector<SortKey>& keys) {
  if (const json::string* name = element.if_string()) {
    ASSIGN_OR_RETURN(SortKey key, ParseKey(*name, nullptr, origin));
    keys.push_back(std::move(key));
    return {};
  }
  const json::object* object = element.if_object();
  if (object == nullptr)
    return MakeError(Code::kInvalidArgument,
                     "malformed sort format, either start array, start object, or an actual string");
  for (const json::key_value_pair& entry : *object) {
    if (entry.key() == "_script" || entry.key() == "_geo_distance")
      return origin.NotBuilt(entry.value(), "sort by [" + std::string(entry.key()) + "]");
    ASSIGN_OR_RETURN(SortKey key, ParseKey(entry.key(), &entry.value(), origin));
    keys.push_back(std::move(key));
  }
  return {};
}

}  // namespace

int CompareScalars(const json::value& left, const json::value& right) {
  if (left.is_number() != right.is_number()) return left.is_number() ? -1 : 1;
  if (left.is_number()) {
    const double a = ScalarNumber(left).value_or(0), b = ScalarNumber(right).value_or(0);
    return a < b ? -1 : (a > b ? 1 : 0);
  }
  return ScalarText(left).compare(ScalarText(right));
}

Error NoFieldData(std::string_view field) {
  return MakeError(
      Code::kInvalidArgument,
      "Text fields are not optimised for operations that require per-document field data like aggregations and "
      "sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, "
      "set fielddata=true on [" +
          std::string(field) +
          "] in order to load field data by uninverting the inverted index. Note that this can use significant "
          "memory.");
}

Result<std::vector<SortKey>> ParseSort(const json::value& given, const Origin& origin) {
  std::vector<SortKey> keys;
  if (const json::array* array = given.if_array()) {
    for (const json::value& element : *array) RETURN_IF_ERROR(ParseElement(element, origin, keys));
  } else {
    RETURN_IF_ERROR(ParseElement(given, origin, keys));
  }
  constexpr std::size_t kMaxKeys = 64;
  if (keys.size() > kMaxKeys)
    return MakeError(Code::kInvalidArgument,
                     "[sort] may name at most 64 fields, but names " + std::to_string(keys.size()));
  return keys;
}

json::array SortValues(const std::vector<SortKey>& keys, const SearchDocument& document, double score) {
  json::array values;
  for (const SortKey& key : keys) {
    if (key.by_score()) {
      values.emplace_back(score);
      continue;
    }
    json::value best;
    key.field.AnyValue(document, [&](const json::value& value) {
      if (value.is_structured()) return false;
      const bool better = best.is_null() || (CompareScalars(value, best) < 0) != key.descending;
      if (better) best = value;
      return false;
    });
    values.push_back(std::move(best));
  }
  return values;
}

bool SortsBefore(const std::vector<SortKey>& keys, const json::array& left, const json::array& right) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const json::value& a = left[i];
    const json::value& b = right[i];
    if (a.is_null() != b.is_null()) return a.is_null() == keys[i].missing_first;
    if (a.is_null()) continue;
    const int order = CompareScalars(a, b);
    if (order != 0) return (order < 0) != keys[i].descending;
  }
  return false;
}

}  // namespace mlnode::query
