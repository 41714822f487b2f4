#include "query/source_filter.h"

#include "query/field_path.h"
#include "query/query_clause.h"

namespace mlnode::query {
namespace {

bool MatchesAny(const std::vector<std::string>& patterns, std::string_view path) {
  for (const std::string& pattern : patterns) {
    if (GlobMatches({.text = pattern}, path)) return true;
  }
  return false;
}

class Filtering {
 public:
  Filtering(const std::vector<std::string>& includes, const std::vector<std::string>& excludes)
      : includes_(includes), excludes_(excludes) {}

  // `wanted`: an ancestor was included, or there are no includes.
  json::object Object(const json::object& source, const std::string& prefix, bool wanted) const {
    json::object out;
    for (const json::key_value_pair& entry : source) {
      const std::string path = prefix.empty() ? std::string(entry.key()) : prefix + "." + std::string(entry.key());
      if (MatchesAny(excludes_, path)) continue;
      const bool inside = wanted || MatchesAny(includes_, path);
      if (!entry.value().is_structured()) {
        if (inside) out[entry.key()] = entry.value();
        continue;
      }
      json::value kept = Value(entry.value(), path, inside);
      const bool empty = kept.is_object() ? kept.get_object().empty() : kept.get_array().empty();
      if (inside || !empty) out[entry.key()] = std::move(kept);
    }
    return out;
  }

 private:
  json::value Value(const json::value& value, const std::string& path, bool wanted) const {
    if (const json::object* object = value.if_object()) return Object(*object, path, wanted);
    json::array out;
    for (const json::value& element : value.get_array()) {
      if (element.is_structured()) {
        json::value kept = Value(element, path, wanted);
        const bool empty = kept.is_object() ? kept.get_object().empty() : kept.get_array().empty();
        if (wanted || !empty) out.push_back(std::move(kept));
      } else if (wanted) {
        out.push_back(element);
      }
    }
    return out;
  }
  const std::vector<std::string>& includes_;
  const std::vector<std::string>& excludes_;
};

Result<std::vector<std::string>> ReadPatterns(const json::value& value, std::string_view key, const Origin& origin) {
  std::vector<std::string> patterns;
  if (value.is_string()) return std::vector{ScalarText(value)};
  if (!value.is_array())
    return origin.Parsing(
        value, "Expected [START_ARRAY] or [VALUE_STRING] in [" + std::string(key) + "] but found " + ToJson(value));
  for (const json::value& element : value.get_array()) {
    if (!element.is_string())
      return origin.Parsing(element,
                            "Expected [VALUE_STRING] in [" + std::string(key) + "] but found " + ToJson(element));
    patterns.push_back(ScalarText(element));
  }
  constexpr std::size_t kMaxPatterns = 1024;
  if (patterns.size() > kMaxPatterns)
    return MakeError(Code::kInvalidArgument, "[" + std::string(key) + "] may hold at most 1024 patterns, but holds " +
                                                 std::to_string(patterns.size()));
  return patterns;
}

}  // namespace

Result<SourceFilter> SourceFilter::Parse(const json::value& given, const Origin& origin) {
  SourceFilter filter;
  if (const bool* shows = given.if_bool()) {
    filter.shows_source_ = *shows;
    return filter;
  }
  if (const json::object* object = given.if_object()) {
    for (const json::key_value_pair& entry : *object) {
      if (entry.key() == "includes" || entry.key() == "include") {
        ASSIGN_OR_RETURN(filter.includes_, ReadPatterns(entry.value(), entry.key(), origin));
      } else if (entry.key() == "excludes" || entry.key() == "exclude") {
        ASSIGN_OR_RETURN(filter.excludes_, ReadPatterns(entry.value(), entry.key(), origin));
      } else {
        return origin.Parsing(entry.value(), "Unknown key for a START_OBJECT in [" + std::string(entry.key()) + "].");
      }
    }
    return filter;
  }
  ASSIGN_OR_RETURN(filter.includes_, ReadPatterns(given, "_source", origin));
  return filter;
}

json::object SourceFilter::Apply(const json::object& source) const {
  return Filtering(includes_, excludes_).Object(source, "", includes_.empty());
}

}  // namespace mlnode::query
