// What a node says about itself: profile, stats, _cat, and the tasks it works on.
#include <gmock/gmock.h>

#include <future>

#include "core/log.h"
#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

std::vector<std::string> Keys(const json::value& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.as_object()) keys.emplace_back(key);
  return keys;
}

class MonitoringTest : public FakeNodeFixture {
 protected:
  void SetUp() override {
    StartNode();
    node_id_ = Keys(Ok("GET", "/_nodes").body.at("nodes")).at(0);
  }
  // No load outlives the engine that it uses.
  void TearDown() override {
    release_.set_value();
    PollUntil("the end of all tasks", [this] { return NodeStats().at("ml_executing_task_count") == 0; });
  }
  static std::string Path(const std::string& rest) { return kMl + rest; }
  json::value Get(const std::string& rest, const std::string& body = {}) { return Ok("GET", Path(rest), body).body; }
  std::string Deployed(const std::string& name) {
    std::string model = Register(name, ModelArchive());
    EXPECT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
    return model;
  }
  void Predict(const std::string& model) {
    EXPECT_EQ(Ask("POST", Path("/models/" + model + "/_predict"), R"({"text_docs":["hello"]})").status, 200);
  }
  // Loads stand still until the test ends.
  void HoldLoads() {
    engine_.SetBehaviour({.on_load = [held = released_](const engines::LoadOptions&) -> Status {
                            held.wait();
                            return {};
                          },
                          .on_run = nullptr});
  }
  std::string BeginDeploy(const std::string& model) {
    return std::string(Ok("POST", Path("/models/" + model + "/_deploy")).body.at("task_id").as_string());
  }
  json::value NodeStats() { return Get("/stats").at("nodes").at(node_id_); }

  std::string node_id_;
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

TEST_F(MonitoringTest, ProfileOfAnIdleNodeIsEmpty) {
  for (const char* path : {"/profile", "/profile/models", "/profile/tasks", "/profile?view=model"}) {
    EXPECT_EQ(Get(path), json::object()) << path;
  }
}

TEST_F(MonitoringTest, ProfilesADeployedModel) {
  const std::string model = Deployed("one");
  for (int i = 0; i < 3; ++i) Predict(model);
  const json::value profile = Get("/profile").at("nodes").at(node_id_);
  EXPECT_THAT(Keys(profile), UnorderedElementsAre("models"));
  const json::value& shown = profile.at("models").at(model);
  EXPECT_EQ(shown.at("model_state").as_string(), "DEPLOYED");
  EXPECT_EQ(shown.at("worker_nodes"), json::array{node_id_});
  EXPECT_EQ(shown.at("target_worker_nodes"), json::array{node_id_});
  EXPECT_THAT(std::string(shown.at("predictor").as_string()), HasSubstr("@"));
  const json::value& requests = shown.at("predict_request_stats");
  EXPECT_THAT(Keys(requests), UnorderedElementsAre("count", "max", "min", "average", "p50", "p90", "p99"));
  EXPECT_EQ(requests.at("count"), 3);
  EXPECT_GE(requests.at("max").as_double(), requests.at("p99").as_double());
  EXPECT_GE(requests.at("p50").as_double(), requests.at("min").as_double());
  EXPECT_EQ(shown.at("model_inference_stats").at("count"), 3);
  const auto archive = static_cast<double>(ModelArchive().bytes.size());
  EXPECT_EQ(shown.at("memory_size_estimation_cpu"), static_cast<std::int64_t>(archive * 1.5));
  EXPECT_EQ(Get("/profile/models").at("nodes").at(node_id_), profile);
  EXPECT_EQ(Get("/profile/models/other," + model).at("nodes").at(node_id_), profile);
  EXPECT_EQ(Get("/profile/tasks"), json::object());
  EXPECT_EQ(Get("/profile/models/other"), json::object());
}

TEST_F(MonitoringTest, ProfilesByModel) {
  const std::string model = Deployed("one");
  const json::value shown = Get("/profile/models?view=model").at("models").at(model);
  EXPECT_THAT(Keys(shown), UnorderedElementsAre("target_worker_nodes", "worker_nodes", "nodes"));
  EXPECT_EQ(shown.at("worker_nodes"), json::array{node_id_});
  EXPECT_THAT(Keys(shown.at("nodes").at(node_id_)), IsSupersetOf({"model_state", "predictor"}));
  EXPECT_FALSE(shown.at("nodes").at(node_id_).as_object().contains("worker_nodes"));
  EXPECT_EQ(Get("/profile/models?view=other"), json::object());
}

TEST_F(MonitoringTest, ProfileShowsTheWindowThatTheSettingAllows) {
  const std::string model = Deployed("one");
  for (int i = 0; i < 3; ++i) Predict(model);
  const auto set = [this](int count) {
    Ok("PUT", "/_cluster/settings",
       fmt::format(R"({{"persistent":{{"plugins.ml_commons.monitoring_request_count":{}}}}})", count));
  };
  const auto shown = [&, this] { return Get("/profile").at("nodes").at(node_id_).at("models").at(model); };
  set(2);
  EXPECT_EQ(shown().at("predict_request_stats").at("count"), 2);
  set(0);
  EXPECT_FALSE(shown().as_object().contains("predict_request_stats"));
}

TEST_F(MonitoringTest, ProfileAnswersABodyWhateverThePathSays) {
  const std::string model = Deployed("one");
  EXPECT_EQ(Get("/profile/models", "{}"), json::object());
  const json::value all = Get("/profile");
  EXPECT_EQ(Get("/profile", R"({"return_all_models":true})"), all);
  EXPECT_EQ(Get("/profile/tasks", fmt::format(R"({{"model_ids":["{}"]}})", model)), all);
  EXPECT_EQ(Get("/profile", fmt::format(R"({{"node_ids":["{}"],"return_all_models":true}})", node_id_)), all);
  EXPECT_EQ(Get("/profile", R"({"node_ids":["other"],"return_all_models":true})"), json::object());
  const Answer both = Ask("GET", Path("/profile/models/" + model), "{}");
  EXPECT_EQ(both.status, 400);
  EXPECT_THAT(both.Reason(), HasSubstr("contains unrecognized parameter: [model_id]"));
  EXPECT_EQ(Ask("GET", Path("/profile"), R"({"model_ids":"x"})").Type(), "parsing_exception");
}

TEST_F(MonitoringTest, ProfilesWhatIsUnderWay) {
  const std::string model = Register("one", ModelArchive());
  HoldLoads();
  const std::string task = BeginDeploy(model);
  json::value here;
  PollUntil("the load to begin", [&] {
    const json::value profile = Get("/profile");
    if (!profile.as_object().contains("nodes")) return false;
    here = profile.at("nodes").at(node_id_);
    return here.as_object().contains("models");
  });
  EXPECT_EQ(here.at("models").at(model).at("model_state").as_string(), "DEPLOYING");
  EXPECT_FALSE(here.at("models").at(model).as_object().contains("worker_nodes"));
  const json::value& shown = here.at("tasks").at(task);
  EXPECT_EQ(shown.at("task_id").as_string(), task);
  EXPECT_EQ(shown.at("model_id").as_string(), model);
  EXPECT_EQ(shown.at("state").as_string(), "RUNNING");
  EXPECT_EQ(Keys(Get("/profile/tasks/" + task).at("nodes").at(node_id_)), std::vector<std::string>{"tasks"});
  EXPECT_EQ(Get("/profile/tasks/other"), json::object());
  const json::value by_model = Get("/profile?view=model").at("models").at(model);
  EXPECT_TRUE(by_model.at("tasks").as_object().contains(task));
  EXPECT_EQ(NodeStats().at("ml_executing_task_count"), 1);
}

TEST_F(MonitoringTest, ProfileShowsTheArithmeticOfMemoryToWhoeverAsks) {
  const std::string model = Deployed("one");
  const json::value here = Get("/profile/models?memory=true").at("nodes").at(node_id_);
  const json::value& memory = here.at("memory");
  EXPECT_EQ(memory.at("limit_bytes").to_number<std::int64_t>(),
            memory.at("reserved_bytes").to_number<std::int64_t>() + memory.at("free_bytes").to_number<std::int64_t>());
  EXPECT_THAT(Keys(here.at("models").at(model).at("memory")),
              UnorderedElementsAre("reserved_for_load_bytes", "measured_bytes", "reserved_bytes"));
}

TEST_F(MonitoringTest, StatsOfAFreshNodeAreAllThere) {
  const json::value stats = Get("/stats");
  for (const char* index : {"model", "connector", "config", "task", "controller"}) {
    EXPECT_EQ(stats.at(fmt::format("ml_{}_index_status", index)).as_string(), "non-existent") << index;
  }
  EXPECT_EQ(stats.at("ml_model_count"), 0);
  EXPECT_EQ(stats.at("ml_connector_count"), 0);
  const json::value& here = stats.at("nodes").at(node_id_);
  for (const char* count : {"ml_request_count", "ml_failure_count", "ml_circuit_breaker_trigger_count",
                            "ml_executing_task_count", "ml_deployed_model_count"}) {
    EXPECT_EQ(here.at(count), 0) << count;
  }
  EXPECT_LE(here.at("ml_jvm_heap_usage").to_number<std::int64_t>(), 100);
  EXPECT_EQ(here.at("algorithms"), json::object());
  EXPECT_EQ(here.at("models"), json::object());
}

TEST_F(MonitoringTest, StatsCountWhatWasDone) {
  const std::string model = Deployed("one");
  Predict(model);
  Predict(model);
  Ok("POST", Path("/models/" + model + "/_undeploy"));
  PollUntil("the undeploy to be done", [&] { return NodeStats().at("ml_deployed_model_count") == 0; });
  const json::value stats = Get("/stats");
  EXPECT_EQ(stats.at("ml_model_index_status").as_string(), "green");
  EXPECT_EQ(stats.at("ml_model_count"), 1);
  const json::value& here = stats.at("nodes").at(node_id_);
  EXPECT_EQ(here.at("ml_request_count"), 5);
  EXPECT_EQ(here.at("algorithms"), ParseJson(R"({"text_embedding":{"register":{"ml_action_request_count":1},
      "deploy":{"ml_action_request_count":1},"undeploy":{"ml_action_request_count":1},
      "predict":{"ml_action_request_count":2}}})")
                                       .value());
  EXPECT_EQ(here.at("models").at(model), ParseJson(R"({"deploy":{"ml_action_request_count":1},
      "undeploy":{"ml_action_request_count":1},"predict":{"ml_action_request_count":2}})")
                                             .value());
}

TEST_F(MonitoringTest, StatsCountAFailedDeploy) {
  const std::string model = Register("one", ModelArchive());
  engine_.SetBehaviour({.on_load = [](const engines::LoadOptions&) -> Status {
                          return MakeError(Code::kInternal, "the engine is broken");
                        },
                        .on_run = nullptr});
  EXPECT_EQ(Deploy(model).at("state").as_string(), "FAILED");
  const json::value here = NodeStats();
  EXPECT_EQ(here.at("ml_failure_count"), 1);
  EXPECT_EQ(here.at("algorithms").at("text_embedding").at("deploy").at("ml_action_failure_count"), 1);
}

TEST_F(MonitoringTest, StatsAnswerWhatIsNamed) {
  Register("one", ModelArchive());
  EXPECT_THAT(Keys(Get("/stats/ml_model_index_status")), UnorderedElementsAre("ml_model_index_status"));
  EXPECT_THAT(Keys(Get("/stats/ml_model_count")), UnorderedElementsAre("ml_model_count", "ml_connector_count"));
  const json::value one = Get("/" + node_id_ + "/stats/ml_request_count");
  EXPECT_THAT(Keys(one), UnorderedElementsAre("nodes"));
  EXPECT_THAT(Keys(one.at("nodes").at(node_id_)), UnorderedElementsAre("ml_request_count", "algorithms", "models"));
  EXPECT_EQ(one.at("nodes").at(node_id_).at("ml_request_count"), 1);
  EXPECT_FALSE(Get("/other/stats").as_object().contains("nodes"));
  EXPECT_TRUE(Get("/" + node_id_ + "/stats").as_object().contains("ml_model_count"));
}

TEST_F(MonitoringTest, StatsAnswerABody) {
  const std::string model = Deployed("one");
  const json::value algorithms =
      Get("/stats", R"({"target_stat_levels":["algorithm"],"algorithms":["text_embedding"],"actions":["deploy"]})");
  EXPECT_EQ(algorithms.at("nodes").at(node_id_).at("algorithms"),
            ParseJson(R"({"text_embedding":{"deploy":{"ml_action_request_count":1}}})").value());
  EXPECT_EQ(Get("/stats", R"({"target_stat_levels":["algorithm"],"algorithms":["remote"],"models":["other"]})"),
            json::object());
  EXPECT_THAT(Keys(Get("/stats", R"({"target_stat_levels":["cluster"],"cluster_level_stats":["ml_model_count"]})")),
              UnorderedElementsAre("ml_model_count"));
  EXPECT_EQ(Ask("GET", Path("/stats/ml_model_count"), "{}").status, 400);
  EXPECT_EQ(Ask("GET", Path("/stats/nope")).Reason(), "Wrong ML cluster level stat");
}

TEST_F(MonitoringTest, CancelsNoTaskThatHasNoBatchJob) {
  const std::string model = Register("one", ModelArchive());
  const std::string task = BeginDeploy(model);
  const Answer refused = Ask("POST", Path("/tasks/" + task + "/_cancel"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Reason(), "The task ID you provided does not have any associated batch job");
  const Answer unknown = Ask("POST", Path("/tasks/none/_cancel"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.Reason(), "Fail to find task");
  WaitForTask(task);
}

TEST_F(MonitoringTest, ARunningTaskIsNotDeleted) {
  const std::string model = Register("one", ModelArchive());
  HoldLoads();
  const std::string task = BeginDeploy(model);
  PollUntil("the task to run", [&] { return Get("/tasks/" + task).at("state") == "RUNNING"; });
  const Answer refused = Ask("DELETE", Path("/tasks/" + task));
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.Reason(), "Task cannot be deleted in running state. Try after some time.");
}

TEST_F(MonitoringTest, CatShowsThePluginAndWhatThereIs) {
  EXPECT_EQ(Ok("GET", "/_cat/plugins?h=component").text, "opensearch-ml\n");
  EXPECT_EQ(Ok("GET", "/_cat/plugins?format=json").body.at(0).at("version").as_string(), "3.4.0.0");
  EXPECT_EQ(Ok("GET", "/_cat/indices?format=json").body, json::array());
  Register("one", ModelArchive());
  EXPECT_EQ(Ok("GET", "/_cat/indices?format=json&expand_wildcards=all&h=index,docs.count&s=index").body,
            ParseJson(R"([{"index":".plugins-ml-model","docs.count":"1"},
                          {"index":".plugins-ml-model-group","docs.count":"1"}])")
                .value());
}

}  // namespace
}  // namespace mlnode::integration
