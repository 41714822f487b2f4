// One model's life over HTTP: register by chunks, deploy, predict, undeploy, delete; a restart in between.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>

#include "core/log.h"
#include "net/testing/scripted_handler.h"
#include "net/testing/stalling_server.h"
#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;

class LifecycleTest : public FakeNodeFixture {
 protected:
  void SetUp() override { StartNode(); }
  std::string Path(const std::string& rest) { return kMl + rest; }
  Answer Predict(const std::string& model, const std::string& body) {
    return Ask("POST", Path("/models/" + model + "/_predict"), body);
  }
};

TEST_F(LifecycleTest, RegistersByChunksDeploysAndPredicts) {
  const std::string model = Register("one", ModelArchive(), 3);
  EXPECT_EQ(StateOf(model), "REGISTERED");

  const Answer asked = Ok("POST", Path("/models/" + model + "/_deploy"));
  EXPECT_EQ(asked.body.at("status").as_string(), "DEPLOYING");
  EXPECT_EQ(asked.body.at("task_type").as_string(), "DEPLOY_MODEL");
  const json::object task = WaitForTask(std::string(asked.body.at("task_id").as_string()));
  EXPECT_EQ(task.at("state").as_string(), "COMPLETED");
  EXPECT_EQ(task.at("model_id").as_string(), model);
  EXPECT_EQ(task.at("worker_node").as_array().size(), 1U);
  WaitForState(model, "DEPLOYED");

  const Answer first =
      Predict(model, R"({"text_docs":["hello world","hello"],"target_response":["sentence_embedding"]})");
  ASSERT_EQ(first.status, 200) << first.text;
  const json::array& results = first.body.at("inference_results").as_array();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].at("output").at(0).at("data").as_array().size(), 8U);
  EXPECT_EQ(results[0].at("output").at(0).at("name").as_string(), "sentence_embedding");
  EXPECT_THAT(std::string(first.headers.Find("Server-Timing").value_or("")), HasSubstr("engine;dur="));

  const Answer second = Ask("POST", Path("/_predict/text_embedding/" + model), R"({"text_docs":["hello world"]})");
  ASSERT_EQ(second.status, 200) << second.text;
  EXPECT_EQ(second.body.at("inference_results").at(0), results[0]);
}

TEST_F(LifecycleTest, UndeploysAndDeletes) {
  const std::string model = Register("two", ModelArchive());
  ASSERT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
  EXPECT_EQ(Ask("DELETE", Path("/models/" + model)).status, 400) << "a deployed model is not deleted";

  const Answer undeployed = Ok("POST", Path("/models/" + model + "/_undeploy"));
  EXPECT_EQ(undeployed.body.as_object().begin()->value().at("stats").at(model).as_string(), "undeployed");
  EXPECT_EQ(StateOf(model), "UNDEPLOYED");
  const Answer refused = Predict(model, R"({"text_docs":["a"]})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Reason(), "Model not ready yet. Please deploy the model first.");

  EXPECT_EQ(Ok("DELETE", Path("/models/" + model)).body.at("result").as_string(), "deleted");
  EXPECT_EQ(Ask("GET", Path("/models/" + model)).status, 404);
  EXPECT_EQ(Predict(model, R"({"text_docs":["a"]})").status, 404);
}

TEST_F(LifecycleTest, OpenBreakersAnswerAsThePeersDo) {
  const std::string model = Register("breakers", ModelArchive());
  const auto set = [&](const std::string& name, const std::string& value) {
    Ok("PUT", "/_cluster/settings", R"({"persistent":{"plugins.ml_commons.)" + name + R"(":")" + value + R"("}})");
  };
  set("native_memory_threshold", "0");
  EXPECT_THAT(ToJson(Deploy(model)), HasSubstr("Native Memory Circuit Breaker is open, please check your resources!"));
  EXPECT_EQ(StateOf(model), "DEPLOY_FAILED");
  set("native_memory_threshold", "100");

  set("disk_free_space_threshold", "1000pb");
  const Answer meta = Ok("POST", Path("/models/_register_meta"), Meta("full", ModelArchive(), 1));
  const std::string full(meta.body.at("model_id").as_string());
  const Answer refused = Ask("POST", Path("/models/" + full + "/upload_chunk/0"), "bytes");
  EXPECT_EQ(refused.status, 429) << refused.text;
  EXPECT_EQ(refused.Type(), "circuit_breaking_exception");
  EXPECT_THAT(refused.Reason(), HasSubstr("Disk Circuit Breaker is open, please check your resources!"));
  const json::object& error = refused.body.at("error").as_object();
  EXPECT_TRUE(error.contains("bytes_wanted") && error.contains("bytes_limit"));
  EXPECT_EQ(error.at("durability").as_string(), "TRANSIENT");
  set("disk_free_space_threshold", "-1");
  EXPECT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
}

TEST_F(LifecycleTest, UnusedModelLeavesWithoutARequest) {
  json::object meta = ParseJson(Meta("short-lived", ModelArchive(), 1))->as_object();
  meta["deploy_setting"] = json::object{{"model_ttl_minutes", 0}};
  const Answer made = Ok("POST", Path("/models/_register_meta"), ToJson(meta));
  const std::string model(made.body.at("model_id").as_string());
  ASSERT_EQ(Ask("POST", Path("/models/" + model + "/upload_chunk/0"), ModelArchive().bytes).status, 200);
  ASSERT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
  WaitForState(model, "UNDEPLOYED");
}

TEST_F(LifecycleTest, ARestartedNodeDeploysAgainWithoutARequest) {
  const std::string model = Register("three", ModelArchive(), 2);
  ASSERT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
  const Answer before = Predict(model, R"({"text_docs":["hello world"]})");
  Restart();
  WaitUntilReady();
  const Answer after = Predict(model, R"({"text_docs":["hello world"]})");
  EXPECT_EQ(after.status, 200) << after.text;
  EXPECT_EQ(after.body, before.body);
  WaitForState(model, "DEPLOYED");  // the placement is written after the model serves
}

TEST_F(LifecycleTest, AFailedDeployIsSaidInTaskModelAndExplain) {
  const std::string model = Register("four", MakeArchive({{"model.onnx", "x"}}));
  const json::object task = Deploy(model);
  EXPECT_EQ(task.at("state").as_string(), "FAILED");
  EXPECT_THAT(std::string(task.at("error").as_string()), HasSubstr("No tokenizer file"));
  WaitForState(model, "DEPLOY_FAILED");
  EXPECT_THAT(Ok("GET", Path("/models/" + model + "/_explain")).text, HasSubstr("No tokenizer file"));
}

TEST_F(LifecycleTest, ExplainsADeployedModel) {
  const std::string model = Register("five", ModelArchive());
  ASSERT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
  const Answer explained = Ok("GET", Path("/models/" + model + "/_explain"));
  EXPECT_EQ(explained.body.at("model_state").as_string(), "DEPLOYED");
  EXPECT_EQ(explained.body.at("plan").at("mode").as_string(), "all");
  EXPECT_EQ(explained.body.at("nodes").at(0).at("eligible"), true);
  EXPECT_GT(explained.body.at("this_node").at("memory").at("limit_bytes").to_number<std::int64_t>(), 0);
}

TEST_F(LifecycleTest, SearchesModelsChunksTasksAndGroups) {
  const std::string model = Register("six", ModelArchive(), 2);
  ASSERT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
  const Answer models = Ok("POST", Path("/models/_search"), R"({"query":{"match_all":{}}})");
  EXPECT_EQ(models.body.at("hits").at("total").at("value"), 3) << "the model and its two chunks";
  const Answer chunk = Ok("GET", Path("/models/" + model + "_1"));
  EXPECT_EQ(chunk.body.at("chunk_number"), 1);
  EXPECT_EQ(Ask("GET", Path("/models/" + model + "_2")).status, 404);
  const Answer tasks = Ok("GET", Path("/tasks/_search?source_content_type=application/json&source=") +
                                     "%7B%22query%22:%7B%22term%22:%7B%22state%22:%22COMPLETED%22%7D%7D%7D");
  EXPECT_EQ(tasks.body.at("hits").at("total").at("value"), 1);
  const Answer groups = Ok("POST", Path("/model_groups/_search"), R"({"query":{"match_all":{}}})");
  EXPECT_EQ(groups.body.at("hits").at("hits").at(0).at("_source").at("name").as_string(), "six");
}

TEST_F(LifecycleTest, DeletesAnEndedTask) {
  const std::string model = Register("seven", ModelArchive());
  const Answer asked = Ok("POST", Path("/models/" + model + "/_deploy"));
  const std::string task(asked.body.at("task_id").as_string());
  WaitForTask(task);
  EXPECT_EQ(Ok("DELETE", Path("/tasks/" + task)).body.at("result").as_string(), "deleted");
  EXPECT_EQ(Ask("GET", Path("/tasks/" + task)).Reason(), "Failed to find task");
}

TEST_F(LifecycleTest, KeepsSettingsOverARestart) {
  const Answer put = Ok("PUT", "/_cluster/settings?flat_settings=true",
                        R"({"persistent":{"plugins.ml_commons.max_model_on_node":7}})");
  EXPECT_EQ(
      put.body,
      ParseJson(R"({"acknowledged":true,"persistent":{"plugins.ml_commons.max_model_on_node":"7"},"transient":{}})")
          .value());
  Restart();
  const Answer get = Ok("GET", "/_cluster/settings");
  EXPECT_EQ(get.body.at("persistent").at("plugins").at("ml_commons").at("max_model_on_node").as_string(), "7");
}

// A registration whose download has begun and whose server says nothing more. What ends it must not wait for the
// client's idle limit of 30 s.
class StalledRegistrationTest : public FakeNodeFixture {
 protected:
  static constexpr std::chrono::seconds kSoon{5};

  void SetUp() override {
    settings_["plugins.ml_commons.allow_registering_model_via_url"] = "true";
    settings_["mlnode.url.allow_private_addresses"] = "true";
    StartNode();
    const std::string body = FromUrl(server_.Url("/model.zip"), std::string(64, 'a'));
    const Answer asked = Ok("POST", fmt::format("{}/models/_register", kMl), body);
    ASSERT_EQ(asked.status, 200) << asked.text;
    task_ = asked.body.at("task_id").as_string();
    ASSERT_TRUE(net::Eventually([this] { return server_.stalled() > 0; }));
    const Answer found = Ok("POST", fmt::format("{}/models/_search", kMl), R"({"query":{"match_all":{}}})");
    model_ = found.body.at("hits").at("hits").at(0).at("_id").as_string();
    ASSERT_EQ(StateOf(model_), "REGISTERING");
  }

  void ExpectEnded(std::chrono::steady_clock::time_point begun) {
    const json::object task = WaitForTask(task_);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
    EXPECT_EQ(task.at("state").as_string(), "FAILED");
    EXPECT_THAT(std::string(task.at("error").as_string()), HasSubstr("deleted or undeployed"));
    EXPECT_EQ(Ask("GET", fmt::format("{}/models/{}", kMl, model_)).status, 404);
  }

  net::StallingServer server_;
  std::string task_;
  std::string model_;
};

TEST_F(StalledRegistrationTest, DeleteEndsIt) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(Ask("DELETE", fmt::format("{}/models/{}", kMl, model_)).status, 200);
  ExpectEnded(begun);
}

TEST_F(StalledRegistrationTest, UndeployEndsIt) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(Ask("POST", fmt::format("{}/models/{}/_undeploy", kMl, model_)).status, 200);
  ExpectEnded(begun);
}

TEST_F(StalledRegistrationTest, TheNodesStopEndsIt) {
  const auto begun = std::chrono::steady_clock::now();
  node().Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
}

}  // namespace
}  // namespace mlnode::integration
