// Answers that speak for the whole cluster, whichever node is asked.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "cluster_fixture.h"
#include "core/log.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kBody = R"({"text_docs":["hello world"]})";

class ClusterViewsTest : public ClusterFixture {
 protected:
  void SetUp() override {
    StartCluster(2);
    const std::string banner = node().Banner();
    entry_ = banner.substr(banner.rfind(' ') + 1);
  }
  static std::vector<std::string> NodesOf(const Answer& answer) {
    std::vector<std::string> nodes;
    const json::value* shown = answer.body.is_object() ? answer.body.as_object().if_contains("nodes") : nullptr;
    if (shown == nullptr) return nodes;
    for (const auto& [id, form] : shown->as_object()) nodes.emplace_back(id);
    return nodes;
  }
  std::string Id(std::size_t i) { return members_[i]->id; }
  std::string entry_;
};

TEST_F(ClusterViewsTest, StatsAreOfAllNodes) {
  const std::string model = DeployOn({0});
  ASSERT_EQ(Ask("POST", Predict(model), kBody).status, 200);
  const std::string stats = std::string(kMl) + "/stats";
  for (const Answer& answer : {Ok("GET", stats), AskMember(1, "GET", stats)}) {
    EXPECT_THAT(NodesOf(answer), UnorderedElementsAre(entry_, Id(0), Id(1)));
    EXPECT_EQ(answer.body.at("ml_model_count"), 1);
    EXPECT_EQ(answer.body.at("nodes").at(Id(0)).at("ml_deployed_model_count"), 1);
    EXPECT_EQ(answer.body.at("nodes").at(Id(1)).at("ml_deployed_model_count"), 0);
    EXPECT_EQ(answer.body.at("nodes")
                  .at(Id(0))
                  .at("algorithms")
                  .at("text_embedding")
                  .at("predict")
                  .at("ml_action_request_count"),
              1);
  }
  EXPECT_THAT(NodesOf(Ok("GET", fmt::format("{}/{}/stats", kMl, Id(1)))), UnorderedElementsAre(Id(1)));
  const Answer by_body =
      Ok("GET", stats,
         ToJson(json::object{{"node_ids", json::array{Id(0), entry_}}, {"target_stat_levels", json::array{"node"}}}));
  EXPECT_THAT(NodesOf(by_body), UnorderedElementsAre(entry_, Id(0)));
  EXPECT_EQ(Ask("GET", stats + "/no_such_stat").status, 400);
}

TEST_F(ClusterViewsTest, ProfilesAreOfAllNodes) {
  const std::string model = DeployOn({0, 1});
  const std::string profile = fmt::format("{}/profile/models/{}", kMl, model);
  const Answer by_node = Ok("GET", profile);
  EXPECT_THAT(NodesOf(by_node), ::testing::IsSupersetOf({Id(0), Id(1)}));
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(by_node.body.at("nodes").at(Id(i)).at("models").at(model).at("model_state"), "DEPLOYED");
  }
  const Answer by_model = Ok("GET", profile + "?view=model");
  const json::object& form = by_model.body.at("models").at(model).as_object();
  EXPECT_EQ(form.at("worker_nodes").as_array().size(), 2U);
  EXPECT_EQ(form.at("target_worker_nodes").as_array().size(), 2U) << "although the asked node does not know them";
  EXPECT_EQ(form.at("nodes").at(Id(0)).at("model_state"), "DEPLOYED");
  EXPECT_EQ(form.at("nodes").at(Id(1)).at("model_state"), "DEPLOYED");
  EXPECT_THAT(Ok("GET", profile + "?pretty").text, HasSubstr("\n")) << "printed as the client asks, not the node";
  EXPECT_EQ(Ok("GET", profile + "?filter_path=nodes.*.models.*.model_state").body.at("nodes").as_object().size(), 2U);
}

TEST_F(ClusterViewsTest, NodeStatsAreWhatEachSays) {
  const Answer all = Ok("GET", "/_nodes/stats");
  EXPECT_THAT(NodesOf(all), UnorderedElementsAre(entry_, Id(0), Id(1)));
  EXPECT_EQ(all.body.at("_nodes"), json::value({{"total", 3}, {"successful", 3}, {"failed", 0}}));
  for (const std::string& id : {entry_, Id(0), Id(1)}) {
    EXPECT_GT(all.body.at("nodes").at(id).at("mlnode").at("memory").at("limit_bytes").to_number<double>(), 0);
  }
  EXPECT_THAT(NodesOf(Ok("GET", "/_nodes/_local/stats")), UnorderedElementsAre(entry_));
  EXPECT_THAT(NodesOf(AskMember(0, "GET", "/_nodes/_local/stats")), UnorderedElementsAre(Id(0)));
  EXPECT_THAT(NodesOf(Ok("GET", "/_nodes/m1/stats")), UnorderedElementsAre(Id(1)));
  const std::string model = DeployOn({0});
  AddPhantom("-silent", "127.0.0.1:1", model);
  const Answer with_silent = Ok("GET", "/_nodes/stats");
  EXPECT_THAT(NodesOf(with_silent), UnorderedElementsAre(entry_, Id(0), Id(1)));
  EXPECT_EQ(with_silent.body.at("_nodes"), json::value({{"total", 4}, {"successful", 3}, {"failed", 1}}));
}

TEST_F(ClusterViewsTest, NodesShowWhatTheyAreAndCanBear) {
  StartMember({{"mlnode.node.attributes", "box_type=warm,zone=a"}, {"mlnode.node.roles", "ml"}});
  const Answer nodes = Ok("GET", "/_nodes");
  const json::object& warm = nodes.body.at("nodes").at(Id(2)).as_object();
  EXPECT_EQ(warm.at("attributes"), json::value({{"box_type", "warm"}, {"zone", "a"}}));
  EXPECT_EQ(warm.at("mlnode").at("memory_limit_bytes").to_number<std::uint64_t>(), 8ULL << 30U);
  EXPECT_EQ(warm.at("mlnode").at("lanes"), 1);
  EXPECT_EQ(warm.at("mlnode").at("leaving"), false);
  const Answer health = Ok("GET", "/_cluster/health");
  EXPECT_EQ(health.body.at("number_of_nodes"), 4);
  EXPECT_EQ(health.body.at("number_of_data_nodes"), 3);
  EXPECT_EQ(Ok("GET", "/_cluster/health?wait_for_nodes=4").body.at("timed_out"), false);
}

TEST_F(ClusterViewsTest, TheTableOfNodesHasEveryonesFigures) {
  const Answer table = Ok("GET", "/_cat/nodes?format=json&h=name,load_1m,heap.percent");
  ASSERT_EQ(table.body.as_array().size(), 3U);
  for (const json::value& row : table.body.as_array()) {
    EXPECT_NE(row.at("load_1m").as_string(), "-") << ToJson(row);
    EXPECT_NE(row.at("heap.percent").as_string(), "-") << ToJson(row);
  }
}

TEST_F(ClusterViewsTest, AnExplanationSaysWhatEachNodeKnows) {
  const std::string model = DeployOn({0});
  const Answer answer = Ok("GET", fmt::format("{}/models/{}/_explain", kMl, model));
  ASSERT_EQ(answer.body.at("nodes").as_array().size(), 3U);
  EXPECT_EQ(answer.body.at("this_node").at("node_id").as_string(), entry_);
  for (const json::value& node : answer.body.at("nodes").as_array()) {
    const bool other = node.at("node_id").as_string() != entry_;
    EXPECT_EQ(node.as_object().contains("local"), other) << ToJson(node);
    if (node.at("node_id").as_string() == Id(0)) {
      EXPECT_THAT(std::string(node.at("local").at("engine").as_string()), HasSubstr("fake"));
    }
  }
  EXPECT_EQ(Ask("GET", std::string(kMl) + "/models/none/_explain").status, 404);
}

}  // namespace
}  // namespace mlnode::integration
