#include "query/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SearchDocument Doc(std::string id, std::string_view source, std::uint64_t seq_no = 1) {
  return {.id = std::move(id),
          .source = std::make_shared<const json::object>(ParseJsonObject(source).value()),
          .version = 2,
          .seq_no = seq_no};
}

class SearchTest : public ::testing::Test {
 protected:
  json::object Run(std::string_view body,
                   SearchTarget target = {
                       .index = ".plugins-ml-model", .default_excludes = {}, .always_excludes = {}}) {
    const Result<SearchRequest> request = SearchRequest::Parse(ParseJsonObject(body).value());
    EXPECT_TRUE(request) << request.error().message;
    return Search(*request, documents_, target).value();
  }
  static std::vector<std::string> Ids(const json::object& answer) {
    std::vector<std::string> ids;
    for (const json::value& hit : answer.at("hits").at("hits").as_array()) ids.emplace_back(hit.at("_id").as_string());
    return ids;
  }
  static Error ErrorOf(std::string_view body) {
    const Result<SearchRequest> request = SearchRequest::Parse(ParseJsonObject(body).value());
    if (request) ADD_FAILURE() << body << " was accepted";
    return request ? Error{} : request.error();
  }

  std::vector<SearchDocument> documents_ = {
      Doc("m1",
          R"({"name":"all-MiniLM-L6-v2","algorithm":"TEXT_EMBEDDING","created_time":300,"model_config":{"all":"x"}})",
          7),
      Doc("m2", R"({"name":"rerank mini","algorithm":"TEXT_SIMILARITY","created_time":100,"chunk_number":0})", 9),
      Doc("m3", R"({"name":"all","algorithm":"TEXT_EMBEDDING","created_time":200})", 8),
  };
};

TEST_F(SearchTest, AnswersInThePeersShape) {
  documents_.resize(1);
  EXPECT_EQ(
      ToJson(Run(R"({"query":{"term":{"name.keyword":"all-MiniLM-L6-v2"}},"_source":["name"]})")),
      R"({"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":1,)"
      R"("relation":"eq"},"max_score":1.0,"hits":[{"_index":".plugins-ml-model","_id":"m1","_version":2,"_seq_no":7,)"
      R"("_primary_term":1,"_score":1.0,"_source":{"name":"all-MiniLM-L6-v2"}}]}})");
}

TEST_F(SearchTest, WithoutDocumentsThereIsNoIndex) {
  documents_.clear();
  EXPECT_EQ(
      ToJson(Run("{}")),
      R"({"timed_out":false,"_shards":{"total":0,"successful":0,"skipped":0,"failed":0},"hits":{"total":{"value":0,)"
      R"("relation":"eq"},"max_score":0.0,"hits":[]}})");
}

TEST_F(SearchTest, WithoutHitsMaxScoreIsNull) {
  const json::object answer = Run(R"({"query":{"term":{"name.keyword":"no such"}}})");
  EXPECT_TRUE(answer.at("hits").at("max_score").is_null());
  EXPECT_EQ(answer.at("hits").at("total").at("value"), 0);
}

TEST_F(SearchTest, SizeZeroCountsAndShowsNothing) {
  const json::object answer = Run(R"({"size":0})");
  EXPECT_TRUE(answer.at("hits").at("max_score").is_null());
  EXPECT_EQ(answer.at("hits").at("total").at("value"), 3);
  EXPECT_TRUE(answer.at("hits").at("hits").as_array().empty());
}

TEST_F(SearchTest, SortShowsValuesAndNoScores) {
  const json::object answer = Run(R"({"sort":[{"created_time":"desc"}],"size":1})");
  const json::value& hit = answer.at("hits").at("hits").at(0);
  EXPECT_EQ(hit.at("_id"), "m1");
  EXPECT_TRUE(hit.at("_score").is_null());
  EXPECT_EQ(ToJson(hit.at("sort")), "[300]");
  EXPECT_TRUE(answer.at("hits").at("max_score").is_null());
}

TEST_F(SearchTest, PagesDoNotOverlap) {
  EXPECT_THAT(Ids(Run(R"({"size":2})")), ElementsAre("m1", "m2"));
  EXPECT_THAT(Ids(Run(R"({"from":2,"size":2})")), ElementsAre("m3"));
  EXPECT_THAT(Ids(Run(R"({"from":7,"size":2})")), ElementsAre());
}

TEST_F(SearchTest, SortByScoreDescendingIsTheDefaultOrder) {
  EXPECT_FALSE(Run(R"({"sort":"_score"})").at("hits").at("hits").at(0).as_object().contains("sort"));
  EXPECT_TRUE(Run(R"({"sort":[{"_score":"asc"}]})").at("hits").at("hits").at(0).at("_score").is_number());
}

TEST_F(SearchTest, BestMatchComesFirst) {
  EXPECT_THAT(Ids(Run(R"({"query":{"match":{"name":"ALL other"}}})")), ElementsAre("m3", "m1"));
}

TEST_F(SearchTest, DefaultExcludesYieldToTheRequestsSource) {
  const SearchTarget target{.index = "i", .default_excludes = {"model_config"}, .always_excludes = {"algorithm"}};
  const std::string all = ToJson(Run(R"({"query":{"ids":{"values":["m1"]}}})", target));
  EXPECT_THAT(all, ::testing::Not(HasSubstr("model_config")));
  EXPECT_THAT(all, ::testing::Not(HasSubstr("algorithm")));
  const std::string own =
      ToJson(Run(R"({"query":{"ids":{"values":["m1"]}},"_source":["model_config","algorithm"]})", target));
  EXPECT_THAT(own, HasSubstr("model_config"));
  EXPECT_THAT(own, ::testing::Not(HasSubstr("algorithm")));
}

TEST_F(SearchTest, SourceFalseLeavesTheSourceOut) {
  EXPECT_FALSE(Run(R"({"_source":false})").at("hits").at("hits").at(0).as_object().contains("_source"));
}

TEST_F(SearchTest, CountsNoFurtherThanAskedFor) {
  EXPECT_EQ(ToJson(Run(R"({"track_total_hits":2})").at("hits").at("total")), R"({"value":2,"relation":"gte"})");
  EXPECT_EQ(ToJson(Run(R"({"track_total_hits":true})").at("hits").at("total")), R"({"value":3,"relation":"eq"})");
  EXPECT_FALSE(Run(R"({"track_total_hits":false})").at("hits").as_object().contains("total"));
}

TEST_F(SearchTest, AggregatesAllHitsWhateverIsShown) {
  const json::object answer = Run(R"({"size":0,"query":{"range":{"created_time":{"gte":200}}},)"
                                  R"("post_filter":{"match_none":{}},"aggs":{"a":{"terms":{"field":"algorithm"}}}})");
  EXPECT_EQ(answer.at("hits").at("total").at("value"), 0);
  EXPECT_EQ(ToJson(answer.at("aggregations")),
            R"({"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[)"
            R"({"key":"TEXT_EMBEDDING","doc_count":2}]}})");
}

TEST_F(SearchTest, MinScoreLeavesWeakHitsOut) {
  const std::string_view query = R"({"query":{"bool":{"must":{"match_all":{}},"should":{"ids":{"values":["m2"]}}}})";
  EXPECT_THAT(Ids(Run(std::string(query) + R"(,"min_score":1.5})")), ElementsAre("m2"));
}

TEST_F(SearchTest, TrackedScoresAreShownBesideSortValues) {
  const json::object answer = Run(R"({"sort":["created_time"],"track_scores":true})");
  EXPECT_EQ(answer.at("hits").at("max_score"), 1.0);
  EXPECT_EQ(answer.at("hits").at("hits").at(0).at("_score"), 1.0);
}

TEST_F(SearchTest, ScoresPrintAsFloats) {
  const json::object answer = Run(R"({"query":{"match_all":{"boost":0.1}}})");
  EXPECT_EQ(ToJson(answer.at("hits").at("max_score")), "0.1");
}

TEST_F(SearchTest, ErrorsNameTheValueTheyAreAbout) {
  EXPECT_EQ(ErrorOf(R"({"query":{"bool":{"must":[{"nope":{}}]}}})").json_pointer, "/query/bool/must/0/nope");
  EXPECT_EQ(ErrorOf(R"({"nope":{}})").json_pointer, "/nope");
  EXPECT_EQ(ErrorOf(R"({"aggs":{"s":{"nope":{}}}})").json_pointer, "/aggs/s/nope");
}

TEST_F(SearchTest, ATimeoutMustBeATime) {
  EXPECT_THAT(Ids(Run(R"({"timeout":"5s","size":1})")), ElementsAre("m1"));
  EXPECT_THAT(ErrorOf(R"({"timeout":"5x"})").message, HasSubstr("[timeout] with value [5x]"));
}

TEST_F(SearchTest, NowIsTheTargets) {
  SearchTarget target{.index = "i", .default_excludes = {}, .always_excludes = {}};
  target.now = 1'250;
  EXPECT_THAT(Ids(Run(R"({"query":{"range":{"created_time":{"gte":"now-1s","lt":300}}}})", target)), ElementsAre());
  target.now = 1'150;
  EXPECT_THAT(Ids(Run(R"({"query":{"range":{"created_time":{"gte":"now-1s"}}}})", target)), ElementsAre("m1", "m3"));
}

TEST_F(SearchTest, WindowBeyondTenThousandIsRefused) {
  const Error error = ErrorOf(R"({"from":9000,"size":1001})");
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("must be less than or equal to: [10000] but was [10001]. See the scroll api"));
  EXPECT_TRUE(SearchRequest::Parse(ParseJsonObject(R"({"from":9000,"size":1000})").value()));
}

TEST_F(SearchTest, NegativePagingIsRefused) {
  EXPECT_EQ(ErrorOf(R"({"size":-1})").message, "[size] parameter cannot be negative, found [-1]");
  EXPECT_EQ(ErrorOf(R"({"from":-1})").message, "[from] parameter cannot be negative");
  EXPECT_EQ(ErrorOf(R"({"size":1.5})").code, Code::kInvalidArgument);
  EXPECT_EQ(ErrorOf(R"({"size":1e300})").code, Code::kInvalidArgument);
}

TEST_F(SearchTest, UnknownKeysCarryThePeersTexts) {
  const Error object = ErrorOf(R"({"foo":{}})");
  EXPECT_EQ(object.message, "Unknown key for a START_OBJECT in [foo].");
  EXPECT_EQ(object.reason, "parsing_exception");
  EXPECT_EQ(ErrorOf(R"({"foo":"a"})").message, "Unknown key for a VALUE_STRING in [foo].");
  EXPECT_EQ(ErrorOf(R"({"query":[]})").message, "Unknown key for a START_ARRAY in [query].");
}

TEST_F(SearchTest, KnownButUnbuiltKeysSaySo) {
  const Error error = ErrorOf(R"({"suggest":{}})");
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("[suggest]"));
}

}  // namespace
}  // namespace mlnode::query
