// A pre-trained model by name over HTTP: from a site, and from a folder that mirrors it.
#include <gmock/gmock.h>

#include <map>

#include "core/testing/temp_dir.h"
#include "net/testing/scripted_handler.h"
#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;

constexpr const char* kName = "huggingface/sentence-transformers/tiny";
constexpr const char* kFolder = "huggingface/sentence-transformers/tiny/1.0.0/onnx/";

class PretrainedNodeTest : public FakeNodeFixture {
 protected:
  // Path below the base to bytes.
  static std::map<std::string, std::string> Files() {
    const Archive archive = ModelArchive();
    const std::string config =
        R"({"model_task_type":"TEXT_EMBEDDING","model_format":"ONNX","model_content_hash_value":")" + archive.sha256 +
        R"(","model_config":{"model_type":"bert","embedding_dimension":8,)"
        R"("framework_type":"sentence_transformers","all_config":"{}"}})";
    return {{"model_listing/pre_trained_models.json",
             R"([{"name":")" + std::string(kName) + R"(","version":["1.0.0"],"format":["onnx"]}])"},
            {std::string(kFolder) + "config.json", config},
            {std::string(kFolder) + "sentence-transformers_tiny-1.0.0-onnx.zip", archive.bytes}};
  }
  json::object RegisterByName(const std::string& name, const std::string& query = {}) {
    const Answer asked = Ok("POST", std::string(kMl) + "/models/_register" + query,
                            R"({"name":")" + name + R"(","version":"1.0.0","model_format":"ONNX"})");
    EXPECT_EQ(asked.body.at("status").as_string(), "CREATED");
    return WaitForTask(std::string(asked.body.at("task_id").as_string()));
  }
};

TEST_F(PretrainedNodeTest, ComesFromASiteAndIsDeployed) {
  net::TestServer site;
  site.handler.handle = [files = Files()](const std::shared_ptr<net::HttpExchange>& exchange) {
    const auto file = files.find(exchange->request().target.substr(std::string("/models/").size()));
    exchange->Reply(file == files.end() ? net::TextReply(404, "no") : net::TextReply(200, file->second));
  };
  site.Start();
  settings_["mlnode.pretrained.base_url"] = site.Url("/models/");
  StartNode();
  const json::object task = RegisterByName(kName, "?deploy=true");
  ASSERT_EQ(task.at("state").as_string(), "COMPLETED") << ToJson(task);
  const std::string model(task.at("model_id").as_string());
  WaitForState(model, "DEPLOYED");
  EXPECT_EQ(Ask("POST", std::string(kMl) + "/models/" + model + "/_predict", R"({"text_docs":["hello"]})").status, 200);

  const json::object refused = RegisterByName("huggingface/other");
  EXPECT_EQ(refused.at("state").as_string(), "FAILED");
  EXPECT_EQ(refused.at("error").as_string(),
            "This model is not in the pre-trained model list, please check your parameters.");
}

TEST_F(PretrainedNodeTest, ComesFromAFolderWithoutAListing) {
  const mlnode::testing::TempDir mirror;
  for (const auto& [path, bytes] : Files()) {
    if (!path.starts_with("model_listing")) mirror.Write(path, bytes);
  }
  settings_["mlnode.pretrained.mirror"] = mirror.path();
  settings_["mlnode.pretrained.base_url"] = "";
  StartNode();
  const json::object task = RegisterByName(kName);
  EXPECT_EQ(task.at("state").as_string(), "COMPLETED") << ToJson(task);
}

TEST_F(PretrainedNodeTest, ASiteThatDoesNotAnswerIsNamedInTheTask) {
  net::TestServer site;
  site.Start();
  const std::string gone = site.Url("/");
  site.server.reset();
  settings_["mlnode.pretrained.base_url"] = gone;
  StartNode();
  const json::object task = RegisterByName(kName);
  EXPECT_EQ(task.at("state").as_string(), "FAILED");
  EXPECT_THAT(std::string(task.at("error").as_string()), HasSubstr("the list of pre-trained models cannot be read"));
}

}  // namespace
}  // namespace mlnode::integration
