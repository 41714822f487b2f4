#include "rest/resources/stats_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using models::FunctionName;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<StatsRequest> Read(const std::string& body, StringPairs path_params = {}) {
  RequestContext context = testing::MakeContext("/_plugins/_ml/stats", body);
  context.path_params = std::move(path_params);
  return ReadStatsRequest(context);
}

std::string Refusal(const std::string& body, StringPairs path_params = {}) {
  const auto request = Read(body, std::move(path_params));
  if (request) return "accepted";
  EXPECT_EQ(request.error().code, Code::kInvalidArgument);
  return request.error().message;
}

TEST(StatsRequest, APathWithoutNamesAsksForEverything) {
  const StatsRequest request = Read("").value();
  EXPECT_EQ(request.levels.size(), 5U);
  EXPECT_TRUE(Wanted(request.cluster_stats, "ml_model_count"));
  EXPECT_TRUE(Wanted(request.nodes, "any"));
}

TEST(StatsRequest, APathNamesNodesAndStatsInAnyCase) {
  const StatsRequest request =
      Read("", {{"node_id", "n1,n2"}, {"stat", "ML_REQUEST_COUNT,ml_task_index_status"}}).value();
  EXPECT_THAT(request.nodes, ElementsAre("n1", "n2"));
  EXPECT_THAT(request.levels, ElementsAre(StatLevel::kCluster, StatLevel::kNode));
  EXPECT_THAT(request.cluster_stats, ElementsAre("ml_task_index_status"));
  EXPECT_THAT(request.node_stats, ElementsAre("ml_request_count"));
}

TEST(StatsRequest, TheCountOfModelsBringsThatOfConnectors) {
  const StatsRequest request = Read("", {{"stat", "ml_model_count"}}).value();
  EXPECT_TRUE(request.OnlyCluster());
  EXPECT_THAT(request.cluster_stats, ElementsAre("ml_connector_count", "ml_model_count"));
}

TEST(StatsRequest, APathKnowsClusterAndNodeStatsOnly) {
  EXPECT_EQ(Refusal("", {{"stat", "ml_action_request_count"}}), "Wrong ML cluster level stat");
  EXPECT_EQ(Refusal("", {{"stat", "ml_model_count,nope"}}), "Wrong ML cluster level stat");
}

TEST(StatsRequest, ABodySaysItAll) {
  const StatsRequest request =
      Read(R"({"target_stat_levels":["NODE","algorithm"],"node_level_stats":["ML_REQUEST_COUNT"],
      "action_level_stats":["ml_action_failure_count"],"algorithms":["Text_Embedding"],"actions":["PREDICT"],
      "node_ids":["n1"],"models":["m1"],"unknown":1})")
          .value();
  EXPECT_THAT(request.levels, ElementsAre(StatLevel::kNode, StatLevel::kAlgorithm));
  EXPECT_THAT(request.node_stats, ElementsAre("ml_request_count"));
  EXPECT_THAT(request.action_stats, ElementsAre("ml_action_failure_count"));
  EXPECT_THAT(request.functions, ElementsAre(FunctionName::kTextEmbedding));
  EXPECT_THAT(request.actions, ElementsAre("predict"));
  EXPECT_THAT(request.nodes, ElementsAre("n1"));
  EXPECT_THAT(request.models, ElementsAre("m1"));
  EXPECT_FALSE(request.OnlyCluster());
}

TEST(StatsRequest, AnEmptyBodyObjectAsksForNoLevel) {
  const StatsRequest request = Read("{}").value();
  EXPECT_THAT(request.levels, IsEmpty());
  EXPECT_FALSE(request.OnlyCluster());
}

TEST(StatsRequest, ABodySaysWhichKindOfNameIsWrong) {
  EXPECT_EQ(Refusal(R"({"target_stat_levels":["nope"]})"), "Wrong ML stat level");
  EXPECT_EQ(Refusal(R"({"cluster_level_stats":["ml_request_count"]})"), "Wrong ML cluster level stat");
  EXPECT_EQ(Refusal(R"({"node_level_stats":["ml_model_count"]})"), "Wrong ML node level stat");
  EXPECT_EQ(Refusal(R"({"action_level_stats":["ml_model_count"]})"), "Wrong ML action level stat");
  EXPECT_EQ(Refusal(R"({"algorithms":["nope"]})"), "Wrong function name");
  EXPECT_EQ(Refusal(R"({"actions":["nope"]})"), "Wrong action name");
  EXPECT_THAT(Refusal(R"({"node_ids":"n1"})"), HasSubstr("expecting token of type [START_ARRAY]"));
}

TEST(StatsRequest, ABodyBesideAPathParameterIsRefused) {
  EXPECT_EQ(Refusal("{}", {{"stat", "ml_model_count"}}),
            "request [/_plugins/_ml/stats] contains unrecognized parameter: [stat]");
}

}  // namespace
}  // namespace mlnode::rest
