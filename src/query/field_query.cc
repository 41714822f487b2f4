#include "query/field_query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "query/regexp_pattern.h"

namespace mlnode::query {
namespace {

constexpr std::size_t kMaxClauses = 1024;        // the peer's indices.query.bool.max_clause_count
constexpr std::size_t kMaxPatternBytes = 1'000;  // the time of a match grows with pattern times value

std::string Bracketed(std::string_view text) { return "[" + std::string(text) + "]"; }

// {"field": value-or-object}: exactly one field.
Result<const json::key_value_pair*> SingleField(const QueryBody& query) {
  const json::object& body = query.body->get_object();
  if (body.empty()) return MakeError(Code::kInvalidArgument, "field name is null or empty");
  if (body.size() > 1) {
    const auto second = std::next(body.begin());
    return query.origin->Parsing(second->value(),
                                 Bracketed(query.kind) + " query doesn't support multiple fields, found " +
                                     Bracketed(body.begin()->key()) + " and " + Bracketed(second->key()));
  }
  return &*body.begin();
}

// What stands under a field: {"<one of value_keys>": v, "boost": b, ...} or a bare v.
struct FieldValue {
  std::string_view field;
  json::value value;
  double boost = 1.0;
  bool ignore_case = false;
  bool all_words = false;
  const json::value* minimum = nullptr;
};

bool Contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Options of the peer that change nothing here: there is no fuzziness and one way to run a query.
bool HasNoEffect(std::string_view kind, std::string_view key) {
  constexpr auto kOfMatch = std::to_array<std::string_view>(
      {"lenient", "max_expansions", "prefix_length", "fuzzy_rewrite", "fuzzy_transpositions", "zero_terms_query",
       "auto_generate_synonyms_phrase_query"});
  if (key == "_name" || key == "rewrite") return true;
  if (kind == "regexp") return key == "max_determinized_states";
  return kind == "match" && Contains(kOfMatch, key);
}

Status ReadOption(const QueryBody& query, const json::key_value_pair& entry, FieldValue& out) {
  const std::string_view key = entry.key();
  const bool is_match = query.kind == "match";
  if (key == "boost") {
    ASSIGN_OR_RETURN(out.boost, ParseBoost(query, entry.value()));
  } else if (key == "case_insensitive" && !is_match && query.kind != "match_phrase") {
    if (!entry.value().is_bool()) {
      return query.origin->Parsing(entry.value(), Bracketed(query.kind) + " case_insensitive must be true or false");
    }
    out.ignore_case = entry.value().get_bool();
  } else if (key == "operator" && is_match) {
    const std::string text = ScalarText(entry.value());
    if (text != "or" && text != "OR" && text != "and" && text != "AND") {
      return MakeError(Code::kInvalidArgument, "operator needs to be either and or or, but not [" + text + "]");
    }
    out.all_words = text == "and" || text == "AND";
  } else if (key == "minimum_should_match" && is_match) {
    out.minimum = &entry.value();
  } else if (key == "flags" && query.kind == "regexp") {
    if (!entry.value().is_string()) return Unsupported(query, entry);  // all of them are refused in the pattern itself
  } else if (key == "fuzziness" || key == "analyzer" || key == "slop") {
    return query.origin->NotBuilt(entry.value(), Bracketed(query.kind) + " option " + Bracketed(key));
  } else if (!HasNoEffect(query.kind, key)) {
    return Unsupported(query, entry);
  }
  return {};
}

Result<FieldValue> ReadFieldValue(const QueryBody& query, std::initializer_list<std::string_view> value_keys) {
  ASSIGN_OR_RETURN(const json::key_value_pair* field, SingleField(query));
  FieldValue out{.field = field->key(), .value = {}};
  const json::value* place = &field->value();
  if (const json::object* object = field->value().if_object()) {
    for (const json::key_value_pair& entry : *object) {
      if (Contains({value_keys.begin(), value_keys.size()}, entry.key())) {
        place = &entry.value();
        out.value = entry.value();
      } else {
        RETURN_IF_ERROR(ReadOption(query, entry, out));
      }
    }
  } else {
    out.value = field->value();
  }
  if (out.value.is_array()) {
    return query.origin->Parsing(*place, Bracketed(query.kind) + " query does not support array of values");
  }
  if (out.value.is_object()) {
    return query.origin->Parsing(*place, Bracketed(query.kind) + " query does not support an object as value");
  }
  if (out.value.is_null()) return MakeError(Code::kInvalidArgument, "value cannot be null");
  return out;
}

Status CheckPattern(const QueryBody& query, std::string_view field, std::string_view pattern) {
  if (pattern.size() <= kMaxPatternBytes) return {};
  return MakeError(Code::kInvalidArgument, Bracketed(query.kind) + " pattern of field " + Bracketed(field) + " has " +
                                               std::to_string(pattern.size()) + " bytes, the limit is " +
                                               std::to_string(kMaxPatternBytes));
}

// A glob that matches the text itself.
std::string Literally(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

Result<ClausePtr> ParseTerm(const QueryBody& query, ClauseBudget&) {
  ASSIGN_OR_RETURN(const FieldValue given, ReadFieldValue(query, {"value", "term"}));
  if (!given.ignore_case) return Term(FieldPath(given.field), given.value, given.boost);
  const std::string text = ScalarText(given.value);
  RETURN_IF_ERROR(CheckPattern(query, given.field, text));
  return Glob(FieldPath(given.field), {Literally(text), true}, given.boost);
}

Result<ClausePtr> ParseMatch(const QueryBody& query, ClauseBudget& budget) {
  ASSIGN_OR_RETURN(const FieldValue given, ReadFieldValue(query, {"query"}));
  FieldPath field(given.field);
  if (!field.analysed()) return Term(std::move(field), given.value, given.boost);
  WantedWords wanted{.words = Words(ScalarText(given.value)), .in_order = query.kind == "match_phrase"};
  RETURN_IF_ERROR(budget.Take(wanted.words.size()));
  std::vector<std::string> different = wanted.words;
  std::sort(different.begin(), different.end());
  different.erase(std::unique(different.begin(), different.end()), different.end());
  const auto count = static_cast<int>(different.size());
  int at_least = given.all_words ? count : 1;
  if (given.minimum != nullptr) {
    ASSIGN_OR_RETURN(at_least, ParseMinimum(*given.minimum, count));
  }
  wanted.at_least = static_cast<std::size_t>(at_least);
  return HoldsWords(std::move(field), std::move(wanted), given.boost);
}

// One of gt, gte, lt, lte.
Result<std::optional<RangeBound>> ReadBound(const QueryBody& query, std::string_view key, const json::value& value) {
  if (value.is_null()) return std::optional<RangeBound>();
  if (value.is_structured()) {
    return query.origin->Parsing(value, "[range] query does not support an array or object as bound");
  }
  RangeBound bound{.value = value, .inclusive = key.ends_with('e'), .round_up = key == "gt" || key == "lte"};
  if (const json::string* text = value.if_string()) {
    ASSIGN_OR_RETURN(bound.date, DateMath::Parse(*text));
  }
  return std::optional(std::move(bound));
}

Result<ClausePtr> ParseRange(const QueryBody& query, ClauseBudget&) {
  ASSIGN_OR_RETURN(const json::key_value_pair* field, SingleField(query));
  if (!field->value().is_object()) return Unsupported(query, *field);
  std::optional<RangeBound> lower, upper;
  double boost = 1.0;
  for (const json::key_value_pair& entry : field->value().get_object()) {
    const std::string_view key = entry.key();
    if (key == "gt" || key == "gte") {
      ASSIGN_OR_RETURN(lower, ReadBound(query, key, entry.value()));
    } else if (key == "lt" || key == "lte") {
      ASSIGN_OR_RETURN(upper, ReadBound(query, key, entry.value()));
    } else if (key == "boost") {
      ASSIGN_OR_RETURN(boost, ParseBoost(query, entry.value()));
    } else if (key == "format" && ScalarText(entry.value()).find("epoch_millis") != std::string::npos) {
      continue;
    } else if (key == "from" || key == "to" || key == "include_lower" || key == "include_upper" || key == "time_zone" ||
               key == "format" || key == "relation") {
      return query.origin->NotBuilt(entry.value(), "[range] option " + Bracketed(key));
    } else if (key != "_name") {
      return Unsupported(query, entry);
    }
  }
  return Range(FieldPath(field->key()), std::move(lower), std::move(upper), boost);
}

Result<ClausePtr> ParseGlob(const QueryBody& query, ClauseBudget&) {
  ASSIGN_OR_RETURN(const FieldValue given, ReadFieldValue(query, {"value", query.kind}));
  std::string pattern = ScalarText(given.value);
  RETURN_IF_ERROR(CheckPattern(query, given.field, pattern));
  if (query.kind == "prefix") pattern = Literally(pattern) + '*';
  return Glob(FieldPath(given.field), {std::move(pattern), given.ignore_case}, given.boost);
}

Result<ClausePtr> ParseRegexp(const QueryBody& query, ClauseBudget& budget) {
  ASSIGN_OR_RETURN(const FieldValue given, ReadFieldValue(query, {"value"}));
  const std::string pattern = ScalarText(given.value);
  RETURN_IF_ERROR(CheckPattern(query, given.field, pattern));
  RETURN_IF_ERROR(budget.Take(63));  // a compiled pattern is larger than other clauses
  ASSIGN_OR_RETURN(auto compiled, CompileRegexp(pattern, given.ignore_case));
  return Regexp(FieldPath(given.field), std::move(compiled), given.boost);
}

constexpr auto kKinds =
    std::to_array<std::string_view>({"term", "match", "match_phrase", "range", "wildcard", "prefix", "regexp"});

}  // namespace

Status ClauseBudget::Take(std::size_t clauses) {
  taken_ += std::min(clauses, kMaxClauses + 1);
  if (taken_ <= kMaxClauses) return {};
  return MakeError(Code::kInvalidArgument,
                   "Query contains too many nested clauses; maxClauseCount is set to " + std::to_string(kMaxClauses));
}

std::span<const std::string_view> FieldQueryKinds() { return kKinds; }

Result<ClausePtr> ParseFieldQuery(const QueryBody& query, ClauseBudget& budget) {
  if (query.kind == "term") return ParseTerm(query, budget);
  if (query.kind == "match" || query.kind == "match_phrase") return ParseMatch(query, budget);
  if (query.kind == "range") return ParseRange(query, budget);
  if (query.kind == "regexp") return ParseRegexp(query, budget);
  return ParseGlob(query, budget);
}

Result<double> ParseBoost(const QueryBody& query, const json::value& value) {
  const std::optional<double> number = ScalarNumber(value);
  if (!number) {
    return query.origin->Parsing(value, Bracketed(query.kind) + " boost must be a number, but was " + ToJson(value));
  }
  if (*number < 0) {
    return MakeError(Code::kInvalidArgument, "negative [boost] are not allowed in " + Bracketed(ToJson(value)) +
                                                 ", use a value between 0 and 1 to deboost");
  }
  if (*number > std::numeric_limits<float>::max()) {
    return MakeError(Code::kInvalidArgument,
                     Bracketed(query.kind) + " boost " + Bracketed(ToJson(value)) + " is beyond the range of a float");
  }
  return *number;
}

Result<int> ParseMinimum(const json::value& value, int clauses) {
  std::string text = ScalarText(value);
  const bool percent = text.ends_with('%');
  if (percent) text.pop_back();
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || number < -100'000 || number > 100'000) {
    return MakeError(Code::kInvalidArgument,
                     "minimum_should_match must be a number or a percentage, but was " + Bracketed(ScalarText(value)));
  }
  const int count = percent ? clauses * number / 100 : number;
  return std::max(0, count < 0 || (percent && number < 0) ? clauses + count : count);
}

Error Unsupported(const QueryBody& query, const json::key_value_pair& entry) {
  return query.origin->Parsing(entry.value(),
                               Bracketed(query.kind) + " query does not support " + Bracketed(entry.key()));
}

}  // namespace mlnode::query
