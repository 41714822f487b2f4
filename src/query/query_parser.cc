// Builds clauses from the JSON of a query: one function a kind, found in a table.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "query/parse_error.h"
#include "query/query_clause.h"

namespace mlnode::query {
namespace {

constexpr std::size_t kMaxTerms = 65'536;        // the peer's index.max_terms_count
constexpr std::size_t kMaxPatternBytes = 1'000;  // the time of a match grows with pattern times value
// 300 years either way: an offset from now and what is added to it stay far from the ends of 64 bits.
constexpr std::int64_t kMaxOffsetMillis = 300LL * 366 * 86'400'000;
constexpr int kMaxClauses = 1024;  // the peer's indices.query.bool.max_clause_count

// Queries the peer's DSL has and this version does not.
constexpr auto kKnownElsewhere = std::to_array<std::string_view>({"query_string",
                                                                  "simple_query_string",
                                                                  "regexp",
                                                                  "nested",
                                                                  "fuzzy",
                                                                  "match_phrase",
                                                                  "match_phrase_prefix",
                                                                  "multi_match",
                                                                  "match_bool_prefix",
                                                                  "function_score",
                                                                  "constant_score",
                                                                  "dis_max",
                                                                  "boosting",
                                                                  "script",
                                                                  "script_score",
                                                                  "has_child",
                                                                  "has_parent",
                                                                  "parent_id",
                                                                  "knn",
                                                                  "neural",
                                                                  "neural_sparse",
                                                                  "hybrid",
                                                                  "more_like_this",
                                                                  "percolate",
                                                                  "terms_set",
                                                                  "wrapper",
                                                                  "geo_distance",
                                                                  "geo_shape",
                                                                  "rank_feature",
                                                                  "distance_feature",
                                                                  "pinned",
                                                                  "intervals",
                                                                  "template"});

class QueryParser {
 public:
  Result<ClausePtr> Parse(const json::value& value);

 private:
  Result<ClausePtr> Dispatch(std::string_view kind, const json::object& body);
  Result<ClausePtr> ParseTerm(const json::object& body);
  Result<ClausePtr> ParseTerms(const json::object& body);
  Result<ClausePtr> ParseIds(const json::object& body);
  Result<ClausePtr> ParseExists(const json::object& body);
  Result<ClausePtr> ParseMatch(const json::object& body);
  Result<ClausePtr> ParseRange(const json::object& body);
  Result<ClausePtr> ParseGlob(std::string_view kind, const json::object& body);
  Result<ClausePtr> ParseBool(const json::object& body);
  Result<std::vector<ClausePtr>> ParseList(const json::value& value);
  Status Count(std::size_t clauses) {
    count_ += static_cast<int>(std::min<std::size_t>(clauses, kMaxClauses + 1));
    if (count_ <= kMaxClauses) return {};
    return MakeError(Code::kInvalidArgument,
                     "Query contains too many nested clauses; maxClauseCount is set to " + std::to_string(kMaxClauses));
  }
  int count_ = 0;
};

Error Unsupported(std::string_view kind, std::string_view key) {
  return ParsingError("[" + std::string(kind) + "] query does not support [" + std::string(key) + "]");
}

Result<double> BoostOf(std::string_view kind, const json::value& value) {
  const std::optional<double> number = ScalarNumber(value);
  if (!number) return ParsingError("[" + std::string(kind) + "] boost must be a number, but was " + ToJson(value));
  if (*number < 0)
    return MakeError(Code::kInvalidArgument, "negative [boost] are not allowed in [" + ToJson(value) +
                                                 "], use a value between 0 and 1 to deboost");
  if (*number > std::numeric_limits<float>::max())
    return MakeError(Code::kInvalidArgument,
                     "[" + std::string(kind) + "] boost [" + ToJson(value) + "] is beyond the range of a float");
  return *number;
}

// {"field": value-or-object}: exactly one field.
struct OneField {
  std::string_view name;
  const json::value* value;
};
Result<OneField> SingleField(std::string_view kind, const json::object& body) {
  if (body.empty()) return MakeError(Code::kInvalidArgument, "field name is null or empty");
  if (body.size() > 1) {
    const auto second = std::next(body.begin());
    return ParsingError("[" + std::string(kind) + "] query doesn't support multiple fields, found [" +
                        std::string(body.begin()->key()) + "] and [" + std::string(second->key()) + "]");
  }
  return OneField{body.begin()->key(), &body.begin()->value()};
}

// Reads {"<one of value_keys>": v, "boost": b, ...} or a bare v.
struct FieldValue {
  json::value value;
  double boost = 1.0;
  bool ignore_case = false;
  bool all_words = false;
};
Status ReadFieldOption(std::string_view kind, const json::key_value_pair& entry, FieldValue& out) {
  const std::string_view key = entry.key();
  if (key == "boost") {
    ASSIGN_OR_RETURN(out.boost, BoostOf(kind, entry.value()));
  } else if (key == "case_insensitive" && kind != "match") {
    if (!entry.value().is_bool())
      return ParsingError("[" + std::string(kind) + "] case_insensitive must be true or false");
    out.ignore_case = entry.value().get_bool();
  } else if (key == "operator" && kind == "match") {
    const std::string text = ScalarText(entry.value());
    if (text != "or" && text != "OR" && text != "and" && text != "AND")
      return MakeError(Code::kInvalidArgument, "operator needs to be either and or or, but not [" + text + "]");
    out.all_words = text == "and" || text == "AND";
  } else if (key != "_name" && key != "rewrite") {
    return Unsupported(kind, key);
  }
  return {};
}
Result<FieldValue> ReadFieldValue(std::string_view kind, const json::value& given,
                                  std::initializer_list<std::string_view> value_keys) {
  FieldValue out;
  if (const json::object* object = given.if_object()) {
    for (const json::key_value_pair& entry : *object) {
      bool is_value = false;
      for (std::string_view key : value_keys) is_value = is_value || entry.key() == key;
      if (is_value) {
        out.value = entry.value();
      } else {
        RETURN_IF_ERROR(ReadFieldOption(kind, entry, out));
      }
    }
  } else {
    out.value = given;
  }
  if (out.value.is_array()) return ParsingError("[" + std::string(kind) + "] query does not support array of values");
  if (out.value.is_object())
    return ParsingError("[" + std::string(kind) + "] query does not support an object as value");
  if (out.value.is_null()) return MakeError(Code::kInvalidArgument, "value cannot be null");
  return out;
}

Status CheckPattern(std::string_view kind, std::string_view field, std::string_view pattern) {
  if (pattern.size() <= kMaxPatternBytes) return {};
  return MakeError(Code::kInvalidArgument, "[" + std::string(kind) + "] pattern of field [" + std::string(field) +
                                               "] has " + std::to_string(pattern.size()) + " bytes, the limit is " +
                                               std::to_string(kMaxPatternBytes));
}

// now, now-1d, now+2h-30m. Months, years and rounding (/d) are not built.
Result<std::int64_t> ParseNowOffset(std::string_view text) {
  std::int64_t offset = 0;
  std::string_view rest = text.substr(3);
  while (!rest.empty()) {
    const char sign = rest.front();
    std::int64_t amount = 0;
    const auto parsed = std::from_chars(rest.data() + 1, rest.data() + rest.size(), amount);
    const bool valid =
        (sign == '+' || sign == '-') && parsed.ec == std::errc() && parsed.ptr != rest.data() + rest.size();
    const char unit = valid ? *parsed.ptr : '\0';
    std::int64_t millis = 0;
    switch (unit) {
      case 's':
        millis = 1000;
        break;
      case 'm':
        millis = 60'000;
        break;
      case 'h':
      case 'H':
        millis = 3'600'000;
        break;
      case 'd':
        millis = 86'400'000;
        break;
      case 'w':
        millis = 7 * 86'400'000LL;
        break;
      default:
        return MakeError(Code::kUnimplemented,
                         "date math [" + std::string(text) +
                             "] is not supported: use now with +N or -N and one of the units s, m, h, d, w");
    }
    if (amount < 0 || amount > kMaxOffsetMillis / millis)
      return MakeError(Code::kInvalidArgument,
                       "date math [" + std::string(text) + "]: an amount must be between 0 and 300 years");
    offset += (sign == '-' ? -1 : 1) * amount * millis;
    if (offset < -kMaxOffsetMillis || offset > kMaxOffsetMillis)
      return MakeError(Code::kInvalidArgument, "date math [" + std::string(text) + "] leads beyond 300 years from now");
    rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()) + 1);
  }
  return offset;
}

Result<std::optional<RangeBound>> ReadBound(const json::value& value, bool inclusive) {
  if (value.is_null()) return std::optional<RangeBound>();
  if (value.is_structured()) return ParsingError("[range] query does not support an array or object as bound");
  RangeBound bound{.value = value, .inclusive = inclusive};
  if (const json::string* text = value.if_string(); text != nullptr && text->starts_with("now")) {
    ASSIGN_OR_RETURN(bound.from_now_ms, ParseNowOffset(*text));
  }
  return std::optional(std::move(bound));
}

Result<ClausePtr> QueryParser::Parse(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return ParsingError("[_na] query malformed, must start with start_object");
  if (object->empty()) return MakeError(Code::kInvalidArgument, "query malformed, empty clause found");
  const json::key_value_pair& first = *object->begin();
  const std::string kind(first.key());
  if (!first.value().is_object())
    return ParsingError("[" + kind + "] query malformed, no start_object after query name");
  RETURN_IF_ERROR(Count(1));
  ASSIGN_OR_RETURN(ClausePtr clause, Dispatch(kind, first.value().get_object()));
  if (object->size() > 1)
    return ParsingError("[" + kind + "] malformed query, expected [END_OBJECT] but found [FIELD_NAME]");
  return clause;
}

Result<ClausePtr> QueryParser::Dispatch(std::string_view kind, const json::object& body) {
  if (kind == "match_all" || kind == "match_none") {
    double boost = 1.0;
    for (const json::key_value_pair& entry : body) {
      if (entry.key() == "_name") continue;
      if (entry.key() != "boost")
        return ParsingError("[" + std::string(kind) + "] unknown field [" + std::string(entry.key()) + "]");
      ASSIGN_OR_RETURN(boost, BoostOf(kind, entry.value()));
    }
    return kind == "match_all" ? MatchAll(boost) : MatchNone();
  }
  if (kind == "term") return ParseTerm(body);
  if (kind == "terms") return ParseTerms(body);
  if (kind == "ids") return ParseIds(body);
  if (kind == "bool") return ParseBool(body);
  if (kind == "exists") return ParseExists(body);
  if (kind == "match") return ParseMatch(body);
  if (kind == "range") return ParseRange(body);
  if (kind == "wildcard" || kind == "prefix") return ParseGlob(kind, body);
  for (std::string_view known : kKnownElsewhere) {
    if (kind == known)
      return MakeError(Code::kUnimplemented, "query [" + std::string(kind) + "] is not supported by this version");
  }
  return ParsingError("unknown query [" + std::string(kind) + "]");
}

Result<ClausePtr> QueryParser::ParseTerm(const json::object& body) {
  ASSIGN_OR_RETURN(const OneField field, SingleField("term", body));
  ASSIGN_OR_RETURN(const FieldValue given, ReadFieldValue("term", *field.value, {"value", "term"}));
  if (!given.ignore_case) return AnyOf(FieldPath(field.name), {given.value}, given.boost);
  RETURN_IF_ERROR(CheckPattern("term", field.name, ScalarText(given.value)));
  std::string pattern;
  for (char c : ScalarText(given.value)) {
    if (c == '*' || c == '?' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return Glob(FieldPath(field.name), {std::move(pattern), true}, given.boost);
}

Result<ClausePtr> QueryParser::ParseTerms(const json::object& body) {
  double boost = 1.0;
  std::optional<OneField> field;
  for (const json::key_value_pair& entry : body) {
    const std::string_view key = entry.key();
    if (key == "boost") {
      ASSIGN_OR_RETURN(boost, BoostOf("terms", entry.value()));
    } else if (key != "_name") {
      if (entry.value().is_object())
        return MakeError(Code::kUnimplemented, "[terms] lookup of values in another index is not supported: field [" +
                                                   std::string(key) + "]");
      if (!entry.value().is_array()) return Unsupported("terms", key);
      if (field) return ParsingError("[terms] query does not support multiple fields");
      field = OneField{key, &entry.value()};
    }
  }
  if (!field)
    return ParsingError(
        "[terms] query requires a field name, followed by array of terms or a document lookup specification");
  const json::array& values = field->value->get_array();
  if (values.size() > kMaxTerms)
    return MakeError(Code::kInvalidArgument, "[terms] field [" + std::string(field->name) + "] has " +
                                                 std::to_string(values.size()) + " values, the limit is " +
                                                 std::to_string(kMaxTerms));
  for (const json::value& value : values) {
    if (value.is_structured() || value.is_null())
      return ParsingError("[terms] query does not support values other than numbers, strings and booleans: field [" +
                          std::string(field->name) + "]");
  }
  RETURN_IF_ERROR(Count(values.size() / 64));  // comparisons are cheaper than clauses
  return AnyOf(FieldPath(field->name), {values.begin(), values.end()}, boost);
}

Result<ClausePtr> QueryParser::ParseIds(const json::object& body) {
  std::vector<json::value> ids;
  double boost = 1.0;
  for (const json::key_value_pair& entry : body) {
    if (entry.key() == "boost") {
      ASSIGN_OR_RETURN(boost, BoostOf("ids", entry.value()));
    } else if (entry.key() == "values") {
      if (!entry.value().is_array()) return ParsingError("[ids] values must be an array of ids");
      for (const json::value& id : entry.value().get_array()) {
        if (id.is_structured() || id.is_null()) return ParsingError("[ids] values must be an array of ids");
        ids.emplace_back(ScalarText(id));
      }
    } else if (entry.key() != "_name") {
      return ParsingError("[ids] unknown field [" + std::string(entry.key()) + "]");
    }
  }
  RETURN_IF_ERROR(Count(ids.size() / 64));
  return AnyOf(FieldPath("_id"), std::move(ids), boost);
}

Result<ClausePtr> QueryParser::ParseExists(const json::object& body) {
  std::optional<std::string> field;
  double boost = 1.0;
  for (const json::key_value_pair& entry : body) {
    if (entry.key() == "field" && entry.value().is_string()) {
      field = ScalarText(entry.value());
    } else if (entry.key() == "boost") {
      ASSIGN_OR_RETURN(boost, BoostOf("exists", entry.value()));
    } else if (entry.key() != "_name") {
      return Unsupported("exists", entry.key());
    }
  }
  if (!field || field->empty()) return ParsingError("[exists] must be provided with a [field]");
  return Exists(FieldPath(*field), boost);
}

Result<ClausePtr> QueryParser::ParseMatch(const json::object& body) {
  ASSIGN_OR_RETURN(const OneField field, SingleField("match", body));
  ASSIGN_OR_RETURN(const FieldValue given, ReadFieldValue("match", *field.value, {"query"}));
  RETURN_IF_ERROR(Count(ScalarText(given.value).size() / 64));
  return Match(FieldPath(field.name), given.value, given.all_words, given.boost);
}

Result<ClausePtr> QueryParser::ParseRange(const json::object& body) {
  ASSIGN_OR_RETURN(const OneField field, SingleField("range", body));
  if (!field.value->is_object())
    return ParsingError("[range] query does not support [" + std::string(field.name) + "]");
  std::optional<RangeBound> lower, upper;
  double boost = 1.0;
  for (const json::key_value_pair& entry : field.value->get_object()) {
    const std::string_view key = entry.key();
    if (key == "gt" || key == "gte") {
      ASSIGN_OR_RETURN(lower, ReadBound(entry.value(), key == "gte"));
    } else if (key == "lt" || key == "lte") {
      ASSIGN_OR_RETURN(upper, ReadBound(entry.value(), key == "lte"));
    } else if (key == "boost") {
      ASSIGN_OR_RETURN(boost, BoostOf("range", entry.value()));
    } else if (key == "format" && ScalarText(entry.value()) == "epoch_millis") {
      continue;
    } else if (key == "from" || key == "to" || key == "include_lower" || key == "include_upper" || key == "time_zone" ||
               key == "format" || key == "relation") {
      return MakeError(Code::kUnimplemented,
                       "[range] option [" + std::string(key) + "] is not supported: use gt, gte, lt, lte");
    } else if (key != "_name") {
      return Unsupported("range", key);
    }
  }
  return Range(FieldPath(field.name), std::move(lower), std::move(upper), boost);
}

Result<ClausePtr> QueryParser::ParseGlob(std::string_view kind, const json::object& body) {
  ASSIGN_OR_RETURN(const OneField field, SingleField(kind, body));
  ASSIGN_OR_RETURN(FieldValue given, ReadFieldValue(kind, *field.value, {"value", kind}));
  std::string pattern = ScalarText(given.value);
  RETURN_IF_ERROR(CheckPattern(kind, field.name, pattern));
  if (kind == "prefix") {
    std::string literal;
    for (char c : pattern) {
      if (c == '*' || c == '?' || c == '\\') literal += '\\';
      literal += c;
    }
    pattern = literal + '*';
  }
  return Glob(FieldPath(field.name), {std::move(pattern), given.ignore_case}, given.boost);
}

Result<std::vector<ClausePtr>> QueryParser::ParseList(const json::value& value) {
  std::vector<ClausePtr> clauses;
  if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array) {
      ASSIGN_OR_RETURN(ClausePtr clause, Parse(element));
      clauses.push_back(std::move(clause));
    }
    return clauses;
  }
  ASSIGN_OR_RETURN(ClausePtr clause, Parse(value));
  clauses.push_back(std::move(clause));
  return clauses;
}

// "2", 2, -1 (all but one), "75%", "-25%".
Result<int> ParseMinimum(const json::value& value, int should) {
  std::string text = ScalarText(value);
  const bool percent = text.ends_with('%');
  if (percent) text.pop_back();
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || std::abs(number) > 100'000)
    return MakeError(Code::kInvalidArgument,
                     "minimum_should_match must be a number or a percentage, but was [" + ScalarText(value) + "]");
  const int count = percent ? should * number / 100 : number;
  return std::max(0, count < 0 || (percent && number < 0) ? should + count : count);
}

Result<ClausePtr> QueryParser::ParseBool(const json::object& body) {
  BoolParts parts;
  double boost = 1.0;
  const json::value* minimum = nullptr;
  for (const json::key_value_pair& entry : body) {
    const std::string_view key = entry.key();
    std::vector<ClausePtr>* target = key == "must"       ? &parts.must
                                     : key == "filter"   ? &parts.filter
                                     : key == "should"   ? &parts.should
                                     : key == "must_not" ? &parts.must_not
                                                         : nullptr;
    if (target != nullptr) {
      ASSIGN_OR_RETURN(*target, ParseList(entry.value()));
    } else if (key == "boost") {
      ASSIGN_OR_RETURN(boost, BoostOf("bool", entry.value()));
    } else if (key == "minimum_should_match") {
      minimum = &entry.value();
    } else if (key != "_name" && key != "adjust_pure_negative") {
      return Unsupported("bool", key);
    }
  }
  parts.minimum_should_match = !parts.should.empty() && parts.must.empty() && parts.filter.empty() ? 1 : 0;
  if (minimum != nullptr) {
    ASSIGN_OR_RETURN(parts.minimum_should_match, ParseMinimum(*minimum, static_cast<int>(parts.should.size())));
  }
  return Bool(std::move(parts), boost);
}

}  // namespace

Result<ClausePtr> ParseQuery(const json::value& query) { return QueryParser().Parse(query); }

}  // namespace mlnode::query
