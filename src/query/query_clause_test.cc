#include "query/query_clause.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace mlnode::query {
namespace {

using ::testing::HasSubstr;

SearchDocument Model() {
  static const auto kSource = std::make_shared<const json::object>(
      ParseJsonObject(
          R"({"name":"all-MiniLM-L6-v2 v1.0","description":"A tiny Model","algorithm":"TEXT_EMBEDDING","model_version":"2",
        "created_time":1500,"is_hidden":false,"deploy_setting":{"model_ttl_minutes":-1},"empty":{},"nothing":null,"none":[],
        "worker_node":["n1","n2"],"actions":[{"type":"a"},{"type":"b","x":{"y":7}}],"dotted.key":{"z":1}})")
          .value());
  return {.id = "m1", .source = kSource, .version = 3, .seq_no = 12};
}

std::optional<double> Score(std::string_view query) {
  const Result<ClausePtr> clause = ParseQuery(ParseJson(query).value());
  if (!clause) {
    ADD_FAILURE() << query << ": " << clause.error().message;
    return std::nullopt;
  }
  const std::vector<SearchDocument> documents = {Model()};
  TextStatistics texts(documents);
  Evaluation search{.now = 100'000, .texts = texts};
  return (*clause)->Score(documents[0], search);
}
Error ErrorOf(std::string_view query) {
  const Result<ClausePtr> clause = ParseQuery(ParseJson(query).value());
  if (clause) ADD_FAILURE() << query << " was accepted";
  return clause ? Error{} : clause.error();
}

// One word, once, in the only document: ln(4/3) / 2.2.
const double kWord = std::log(4.0 / 3.0) / 2.2;

struct QueryCase {
  std::string_view query;
  std::optional<double> score;
};
class ScoreTest : public ::testing::TestWithParam<QueryCase> {};
TEST_P(ScoreTest, IsAsDescribed) {
  const std::optional<double> score = Score(GetParam().query);
  ASSERT_EQ(score.has_value(), GetParam().score.has_value()) << GetParam().query;
  if (score) EXPECT_NEAR(*score, *GetParam().score, 1e-9) << GetParam().query;
}
constexpr std::optional<double> kNo = std::nullopt;
INSTANTIATE_TEST_SUITE_P(
    Queries, ScoreTest,
    ::testing::Values(
        QueryCase{R"({"match_all":{}})", 1.0}, QueryCase{R"({"match_all":{"boost":2.5}})", 2.5},
        QueryCase{R"({"match_none":{}})", kNo}, QueryCase{R"({"term":{"algorithm":"TEXT_EMBEDDING"}})", 1.0},
        QueryCase{R"({"term":{"algorithm":"text_embedding"}})", kNo},
        QueryCase{R"({"term":{"algorithm":{"value":"text_embedding","case_insensitive":true}}})", 1.0},
        QueryCase{R"({"term":{"model_version":2}})", 1.0}, QueryCase{R"({"term":{"created_time":"1500"}})", 1.0},
        QueryCase{R"({"term":{"is_hidden":"false"}})", 1.0}, QueryCase{R"({"term":{"is_hidden":true}})", kNo},
        QueryCase{R"({"term":{"name":"minilm"}})", kWord}, QueryCase{R"({"term":{"name":"MiniLM"}})", kNo},
        QueryCase{R"({"term":{"name.keyword":"all-MiniLM-L6-v2 v1.0"}})", 1.0},
        QueryCase{R"({"term":{"name.keyword":"minilm"}})", kNo}, QueryCase{R"({"term":{"worker_node":"n2"}})", 1.0},
        QueryCase{R"({"term":{"actions.x.y":7}})", 1.0}, QueryCase{R"({"term":{"actions.type":"b"}})", 1.0},
        QueryCase{R"({"term":{"dotted.key.z":1}})", 1.0}, QueryCase{R"({"term":{"_id":"m1"}})", 1.0},
        QueryCase{R"({"term":{"_seq_no":12}})", 1.0},
        QueryCase{R"({"terms":{"algorithm":["X","TEXT_EMBEDDING"],"boost":3}})", 3.0},
        QueryCase{R"({"terms":{"algorithm":[]}})", kNo}, QueryCase{R"({"ids":{"values":["m0","m1"]}})", 1.0},
        QueryCase{R"({"ids":{"values":[]}})", kNo}, QueryCase{R"({"exists":{"field":"deploy_setting"}})", 1.0},
        QueryCase{R"({"exists":{"field":"deploy_setting.model_ttl_minutes"}})", 1.0},
        QueryCase{R"({"exists":{"field":"empty"}})", kNo}, QueryCase{R"({"exists":{"field":"nothing"}})", kNo},
        QueryCase{R"({"exists":{"field":"none"}})", kNo}, QueryCase{R"({"exists":{"field":"chunk_number"}})", kNo},
        QueryCase{R"({"match":{"description":"TINY things"}})", kWord},
        QueryCase{R"({"match":{"description":{"query":"tiny things","operator":"and"}}})", kNo},
        QueryCase{R"({"match":{"description":{"query":"tiny model","operator":"and"}}})", 2 * kWord},
        QueryCase{R"({"match":{"description":{"query":"tiny big model","minimum_should_match":2}}})", 2 * kWord},
        QueryCase{R"({"match":{"description":{"query":"tiny big model","minimum_should_match":3}}})", kNo},
        QueryCase{R"({"match":{"description":"!!"}})", kNo},
        QueryCase{R"({"match_phrase":{"description":"tiny model"}})", 2 * kWord},
        QueryCase{R"({"match_phrase":{"description":"model tiny"}})", kNo},
        QueryCase{R"({"constant_score":{"filter":{"match":{"description":"tiny"}},"boost":3}})", 3.0},
        QueryCase{R"({"regexp":{"name.keyword":"all-.*v1\\.0"}})", 1.0},
        QueryCase{R"({"regexp":{"name.keyword":{"value":"ALL.+","case_insensitive":true,"boost":2}}})", 2.0},
        QueryCase{R"({"regexp":{"name":"mini.*"}})", 1.0}, QueryCase{R"({"regexp":{"algorithm":"TEXT"}})", kNo},
        QueryCase{R"({"range":{"created_time":{"gte":"1970-01-01","lt":"1970-01-01||+2s"}}})", 1.0},
        QueryCase{R"({"range":{"created_time":{"gt":"now/d"}}})", kNo},
        QueryCase{R"({"range":{"created_time":{"gte":"now/d"}}})", 1.0},
        QueryCase{R"({"match":{"algorithm":"TEXT_EMBEDDING"}})", 1.0}, QueryCase{R"({"match":{"name":"v1.0"}})", kWord},
        QueryCase{R"({"range":{"created_time":{"gte":1500,"lt":1501}}})", 1.0},
        QueryCase{R"({"range":{"created_time":{"gt":1500}}})", kNo},
        QueryCase{R"({"range":{"created_time":{"lte":"1500"}}})", 1.0},
        QueryCase{R"({"range":{"created_time":{"gt":"x"}}})", kNo},
        QueryCase{R"({"range":{"created_time":{"gt":"now-2m+20s"}}})", 1.0},
        QueryCase{R"({"range":{"created_time":{"gt":"now-1m"}}})", kNo},
        QueryCase{R"({"range":{"algorithm":{"gte":"T","lt":"U"}}})", 1.0},
        QueryCase{R"({"range":{"missing":{"gte":0}}})", kNo},
        QueryCase{R"({"wildcard":{"name.keyword":{"value":"*minilm*","case_insensitive":true}}})", 1.0},
        QueryCase{R"({"wildcard":{"name.keyword":"*minilm*"}})", kNo},
        QueryCase{R"({"wildcard":{"name.keyword":"all-????LM-L6*"}})", 1.0},
        QueryCase{R"({"wildcard":{"name":"mini*"}})", 1.0}, QueryCase{R"({"prefix":{"name.keyword":"all-"}})", 1.0},
        QueryCase{R"({"prefix":{"name.keyword":"all*"}})", kNo},
        QueryCase{R"({"prefix":{"algorithm":{"value":"TEXT"}}})", 1.0}, QueryCase{R"({"bool":{}})", 1.0},
        QueryCase{R"({"bool":{"filter":{"match_all":{}}}})", 0.0},
        QueryCase{R"({"bool":{"must":[{"match_all":{}},{"exists":{"field":"name"}}]}})", 2.0},
        QueryCase{R"({"bool":{"must":{"match_all":{}},"must_not":[{"exists":{"field":"chunk_number"}}]}})", 1.0},
        QueryCase{R"({"bool":{"must":{"match_all":{}},"must_not":[{"exists":{"field":"name"}}]}})", kNo},
        QueryCase{R"({"bool":{"should":[{"match_none":{}},{"match_none":{}}]}})", kNo},
        QueryCase{R"({"bool":{"filter":[{"match_all":{}}],"should":[{"match_none":{}}]}})", 0.0},
        QueryCase{
            R"({"bool":{"should":[{"match_all":{}},{"match_all":{}},{"match_none":{}}],"minimum_should_match":2}})",
            2.0},
        QueryCase{R"({"bool":{"should":[{"match_all":{}},{"match_none":{}}],"minimum_should_match":"-1"}})", 1.0},
        QueryCase{R"({"bool":{"should":[{"match_all":{}},{"match_none":{}}],"minimum_should_match":"100%"}})", kNo},
        QueryCase{R"({"bool":{"must":{"match_all":{}},"boost":4}})", 4.0}));

struct RefusedCase {
  std::string_view query;
  std::string_view message;
};
class RefusedTest : public ::testing::TestWithParam<RefusedCase> {};
TEST_P(RefusedTest, SaysWhy) {
  const Error error = ErrorOf(GetParam().query);
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_EQ(error.message, GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(
    Queries, RefusedTest,
    ::testing::Values(RefusedCase{R"({"nope":{}})", "unknown query [nope]"},
                      RefusedCase{R"({})", "query malformed, empty clause found"},
                      RefusedCase{R"([])", "[_na] query malformed, must start with start_object"},
                      RefusedCase{R"({"term":"x"})", "[term] query malformed, no start_object after query name"},
                      RefusedCase{R"({"match_all":{},"term":{}})",
                                  "[match_all] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"},
                      RefusedCase{R"({"term":{"a":1,"b":2}})",
                                  "[term] query doesn't support multiple fields, found [a] and [b]"},
                      RefusedCase{R"({"term":{"a":[1]}})", "[term] query does not support array of values"},
                      RefusedCase{R"({"term":{"a":{"nope":1}}})", "[term] query does not support [nope]"},
                      RefusedCase{R"({"term":{"a":null}})", "value cannot be null"},
                      RefusedCase{R"({"terms":{"a":1}})", "[terms] query does not support [a]"},
                      RefusedCase{R"({"bool":{"nope":[]}})", "[bool] query does not support [nope]"},
                      RefusedCase{R"({"constant_score":{}})", "[constant_score] requires a 'filter' element"},
                      RefusedCase{R"({"match_all":{"nope":1}})", "[match_all] unknown field [nope]"},
                      RefusedCase{R"({"exists":{}})", "[exists] must be provided with a [field]"},
                      RefusedCase{R"({"range":{"a":{"nope":1}}})", "[range] query does not support [nope]"},
                      RefusedCase{R"({"bool":{"should":{"match_all":{}},"minimum_should_match":"-2147483648%"}})",
                                  "minimum_should_match must be a number or a percentage, but was [-2147483648%]"},
                      RefusedCase{R"({"match_all":{"boost":-1}})",
                                  "negative [boost] are not allowed in [-1], use a value between 0 and 1 to deboost"}));

TEST(ParseQueryTest, KnownButUnbuiltQueriesSaySo) {
  EXPECT_EQ(ErrorOf(R"({"query_string":{"query":"x"}})").message,
            "query [query_string] is not supported by this version");
  EXPECT_EQ(ErrorOf(R"({"match":{"a":{"query":"x","fuzziness":1}}})").message,
            "[match] option [fuzziness] is not supported by this version");
}

TEST(ParseQueryTest, AMistypedKindIsToldWhatItMayHaveMeant) {
  EXPECT_EQ(ErrorOf(R"({"matc":{}})").message, "unknown query [matc] did you mean [match]?");
}

// As recorded from the peer.
TEST(ParseQueryTest, ErrorsKnowTheirPlaceAndCause) {
  const std::string text = R"({"query": {"nope": {}}})";
  const json::object body = ParseJsonObject(text).value();
  const Error error = Locate(ParseQuery(body.at("query"), Origin(body)).error(), text);
  ASSERT_TRUE(error.position && error.cause && error.cause->position);
  EXPECT_EQ(error.position->column, 20U);
  EXPECT_EQ(error.cause->reason, "named_object_not_found_exception");
  EXPECT_EQ(error.cause->message, "unknown field [nope]");
}

TEST(ParseQueryTest, TooManyClausesAreRefused) {
  json::array many(1025, ParseJson(R"({"match_all":{}})").value());
  const json::value query{{"bool", json::object{{"must", many}}}};
  const Result<ClausePtr> clause = ParseQuery(query);
  ASSERT_FALSE(clause);
  EXPECT_THAT(clause.error().message, HasSubstr("maxClauseCount is set to 1024"));
}

TEST(ParseQueryTest, LimitsAreNamed) {
  EXPECT_EQ(ErrorOf(R"({"wildcard":{"a":")" + std::string(1001, 'x') + R"("}})").message,
            "[wildcard] pattern of field [a] has 1001 bytes, the limit is 1000");
  EXPECT_TRUE(ParseQuery(ParseJson(R"({"prefix":{"a":")" + std::string(1000, 'x') + R"("}})").value()));
  const json::value terms{{"terms", json::object{{"a", json::array(65'537, 1)}}}};
  EXPECT_EQ(ParseQuery(terms).error().message, "[terms] field [a] has 65537 values, the limit is 65536");
}

// Looked up dot by dot, a path of megabytes would take hours.
TEST(FieldPathTest, APathTooLongForAnyDocumentFindsNothing) {
  const std::string longest(1024, 'a'), longer(1025, 'a');
  const auto source = std::make_shared<const json::object>(json::object{{longest, 1}, {longer, 1}});
  const SearchDocument document{.id = "m1", .source = source};
  const auto any = [](const json::value&) { return true; };
  EXPECT_TRUE(FieldPath(longest).AnyValue(document, any));
  EXPECT_FALSE(FieldPath(longer).AnyValue(document, any));
}

TEST(ParseQueryTest, DatesThatGoWrongAreRefused) {
  EXPECT_EQ(ErrorOf(R"({"range":{"a":{"gte":"now-10000000w"}}})").reason, "parse_exception");
}

TEST(ParseQueryTest, ScoresStayFinite) {
  std::string query = R"({"match_all":{"boost":3e38}})";
  for (int i = 0; i < 18; ++i) query = R"({"bool":{"boost":3e38,"must":[)" + query + "]}}";
  EXPECT_TRUE(std::isfinite(*Score(query)));
}

TEST(GlobMatchesTest, TakesPatternsThatWouldExplode) {
  std::string pattern, value(5000, 'a');
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatches({pattern + "b"}, value));
  EXPECT_TRUE(GlobMatches({pattern}, value));
  EXPECT_TRUE(GlobMatches({R"(a\*b)"}, "a*b"));
  EXPECT_FALSE(GlobMatches({R"(a\*b)"}, "axb"));
  EXPECT_TRUE(GlobMatches({""}, ""));
  EXPECT_FALSE(GlobMatches({"?"}, ""));
}

}  // namespace
}  // namespace mlnode::query
