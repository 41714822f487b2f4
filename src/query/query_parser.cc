// Builds clauses from the JSON of a query: the clauses that hold others, and what is about no field of its own.
#include <algorithm>
#include <array>
#include <vector>

#include "core/similar_names.h"
#include "query/field_query.h"
#include "query/parse_error.h"
#include "query/query_clause.h"

namespace mlnode::query {
namespace {

constexpr std::size_t kMaxTerms = 65'536;        // the peer's index.max_terms_count
constexpr std::size_t kComparisonsAClause = 64;  // comparisons are cheaper than clauses

constexpr auto kOwnKinds =
    std::to_array<std::string_view>({"match_all", "match_none", "terms", "ids", "bool", "exists", "constant_score"});
// Queries the peer's DSL has and this version does not.
constexpr auto kKnownElsewhere = std::to_array<std::string_view>({"query_string",
                                                                  "simple_query_string",
                                                                  "nested",
                                                                  "fuzzy",
                                                                  "match_phrase_prefix",
                                                                  "multi_match",
                                                                  "match_bool_prefix",
                                                                  "function_score",
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

bool Contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Bracketed(std::string_view text) { return "[" + std::string(text) + "]"; }

class QueryParser {
 public:
  explicit QueryParser(const Origin& origin) : origin_(origin) {}
  Result<ClausePtr> Parse(const json::value& value);

 private:
  Result<ClausePtr> Dispatch(const QueryBody& query);
  Result<ClausePtr> ParseMatchAll(const QueryBody& query);
  Result<ClausePtr> ParseTerms(const QueryBody& query);
  Result<ClausePtr> ParseIds(const QueryBody& query);
  Result<ClausePtr> ParseExists(const QueryBody& query);
  Result<ClausePtr> ParseConstantScore(const QueryBody& query);
  Result<ClausePtr> ParseBool(const QueryBody& query);
  Result<std::vector<ClausePtr>> ParseList(const json::value& value);
  Error UnknownKind(const QueryBody& query) const;

  const Origin& origin_;
  ClauseBudget budget_;
};

Result<ClausePtr> QueryParser::Parse(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return origin_.Parsing(value, "[_na] query malformed, must start with start_object");
  if (object->empty()) return MakeError(Code::kInvalidArgument, "query malformed, empty clause found");
  const json::key_value_pair& first = *object->begin();
  const QueryBody query{.kind = first.key(), .body = &first.value(), .origin = &origin_};
  if (!first.value().is_object()) {
    return origin_.Parsing(first.value(), Bracketed(query.kind) + " query malformed, no start_object after query name");
  }
  RETURN_IF_ERROR(budget_.Take(1));
  ASSIGN_OR_RETURN(ClausePtr clause, Dispatch(query));
  if (object->size() > 1) {
    return origin_.Parsing(std::next(object->begin())->value(),
                           Bracketed(query.kind) + " malformed query, expected [END_OBJECT] but found [FIELD_NAME]");
  }
  return clause;
}

Result<ClausePtr> QueryParser::Dispatch(const QueryBody& query) {
  if (query.kind == "match_all" || query.kind == "match_none") return ParseMatchAll(query);
  if (query.kind == "terms") return ParseTerms(query);
  if (query.kind == "ids") return ParseIds(query);
  if (query.kind == "bool") return ParseBool(query);
  if (query.kind == "exists") return ParseExists(query);
  if (query.kind == "constant_score") return ParseConstantScore(query);
  if (Contains(FieldQueryKinds(), query.kind)) return ParseFieldQuery(query, budget_);
  return UnknownKind(query);
}

Error QueryParser::UnknownKind(const QueryBody& query) const {
  if (Contains(kKnownElsewhere, query.kind)) return origin_.NotBuilt(*query.body, "query " + Bracketed(query.kind));
  std::vector<std::string_view> known(kOwnKinds.begin(), kOwnKinds.end());
  known.insert(known.end(), FieldQueryKinds().begin(), FieldQueryKinds().end());
  known.insert(known.end(), kKnownElsewhere.begin(), kKnownElsewhere.end());
  return origin_.UnknownName(*query.body, "unknown query " + Bracketed(query.kind) + DidYouMean(query.kind, known),
                             query.kind);
}

Result<ClausePtr> QueryParser::ParseMatchAll(const QueryBody& query) {
  double boost = 1.0;
  for (const json::key_value_pair& entry : query.body->get_object()) {
    if (entry.key() == "_name") continue;
    if (entry.key() != "boost") {
      return origin_.Field(entry.value(), Bracketed(query.kind) + " unknown field " + Bracketed(entry.key()));
    }
    ASSIGN_OR_RETURN(boost, ParseBoost(query, entry.value()));
  }
  return query.kind == "match_all" ? MatchAll(boost) : MatchNone();
}

Result<ClausePtr> QueryParser::ParseTerms(const QueryBody& query) {
  double boost = 1.0;
  const json::key_value_pair* field = nullptr;
  for (const json::key_value_pair& entry : query.body->get_object()) {
    if (entry.key() == "boost") {
      ASSIGN_OR_RETURN(boost, ParseBoost(query, entry.value()));
    } else if (entry.key() != "_name") {
      if (entry.value().is_object()) {
        return origin_.NotBuilt(entry.value(),
                                "[terms] lookup of values in another index, field " + Bracketed(entry.key()) + ",");
      }
      if (!entry.value().is_array()) return Unsupported(query, entry);
      if (field != nullptr) return origin_.Parsing(entry.value(), "[terms] query does not support multiple fields");
      field = &entry;
    }
  }
  if (field == nullptr) {
    return origin_.Parsing(
        *query.body,
        "[terms] query requires a field name, followed by array of terms or a document lookup specification");
  }
  const json::array& values = field->value().get_array();
  if (values.size() > kMaxTerms) {
    return MakeError(Code::kInvalidArgument, "[terms] field " + Bracketed(field->key()) + " has " +
                                                 std::to_string(values.size()) + " values, the limit is " +
                                                 std::to_string(kMaxTerms));
  }
  for (const json::value& value : values) {
    if (!value.is_structured() && !value.is_null()) continue;
    return origin_.Parsing(value,
                           "[terms] query does not support values other than numbers, strings and booleans: field " +
                               Bracketed(field->key()));
  }
  RETURN_IF_ERROR(budget_.Take(values.size() / kComparisonsAClause));
  return AnyOf(FieldPath(field->key()), {values.begin(), values.end()}, boost);
}

Result<ClausePtr> QueryParser::ParseIds(const QueryBody& query) {
  std::vector<json::value> ids;
  double boost = 1.0;
  for (const json::key_value_pair& entry : query.body->get_object()) {
    if (entry.key() == "boost") {
      ASSIGN_OR_RETURN(boost, ParseBoost(query, entry.value()));
    } else if (entry.key() == "values") {
      if (!entry.value().is_array()) return origin_.Field(entry.value(), "[ids] values must be an array of ids");
      for (const json::value& id : entry.value().get_array()) {
        if (id.is_structured() || id.is_null()) return origin_.Field(id, "[ids] values must be an array of ids");
        ids.emplace_back(ScalarText(id));
      }
    } else if (entry.key() != "_name") {
      return origin_.Field(entry.value(), "[ids] unknown field " + Bracketed(entry.key()));
    }
  }
  RETURN_IF_ERROR(budget_.Take(ids.size() / kComparisonsAClause));
  return AnyOf(FieldPath("_id"), ids, boost);
}

Result<ClausePtr> QueryParser::ParseExists(const QueryBody& query) {
  std::optional<std::string> field;
  double boost = 1.0;
  for (const json::key_value_pair& entry : query.body->get_object()) {
    if (entry.key() == "field" && entry.value().is_string()) {
      field = ScalarText(entry.value());
    } else if (entry.key() == "boost") {
      ASSIGN_OR_RETURN(boost, ParseBoost(query, entry.value()));
    } else if (entry.key() != "_name") {
      return Unsupported(query, entry);
    }
  }
  if (!field || field->empty()) return origin_.Parsing(*query.body, "[exists] must be provided with a [field]");
  return Exists(FieldPath(*field), boost);
}

Result<ClausePtr> QueryParser::ParseConstantScore(const QueryBody& query) {
  ClausePtr filter;
  double boost = 1.0;
  for (const json::key_value_pair& entry : query.body->get_object()) {
    if (entry.key() == "filter") {
      if (entry.value().is_array()) {
        return origin_.Parsing(entry.value(), "[constant_score] unexpected token [START_ARRAY]");
      }
      ASSIGN_OR_RETURN(filter, Parse(entry.value()));
    } else if (entry.key() == "boost") {
      ASSIGN_OR_RETURN(boost, ParseBoost(query, entry.value()));
    } else if (entry.key() != "_name") {
      return Unsupported(query, entry);
    }
  }
  if (filter == nullptr) return origin_.Parsing(*query.body, "[constant_score] requires a 'filter' element");
  return ConstantScore(std::move(filter), boost);
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

Result<ClausePtr> QueryParser::ParseBool(const QueryBody& query) {
  BoolParts parts;
  double boost = 1.0;
  const json::value* minimum = nullptr;
  for (const json::key_value_pair& entry : query.body->get_object()) {
    const std::string_view key = entry.key();
    std::vector<ClausePtr>* target = key == "must"       ? &parts.must
                                     : key == "filter"   ? &parts.filter
                                     : key == "should"   ? &parts.should
                                     : key == "must_not" ? &parts.must_not
                                                         : nullptr;
    if (target != nullptr) {
      ASSIGN_OR_RETURN(*target, ParseList(entry.value()));
    } else if (key == "boost") {
      ASSIGN_OR_RETURN(boost, ParseBoost(query, entry.value()));
    } else if (key == "minimum_should_match") {
      minimum = &entry.value();
    } else if (key != "_name" && key != "adjust_pure_negative") {
      return Unsupported(query, entry);
    }
  }
  parts.minimum_should_match = !parts.should.empty() && parts.must.empty() && parts.filter.empty() ? 1 : 0;
  if (minimum != nullptr) {
    ASSIGN_OR_RETURN(parts.minimum_should_match, ParseMinimum(*minimum, static_cast<int>(parts.should.size())));
  }
  return Bool(std::move(parts), boost);
}

}  // namespace

Result<ClausePtr> ParseQuery(const json::value& query, const Origin& origin) {
  return QueryParser(origin).Parse(query);
}

}  // namespace mlnode::query
