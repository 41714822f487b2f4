// The same life with a real engine: a tiny ONNX encoder on the OpenVINO plug-in.
#include <gmock/gmock.h>

#include "core/log.h"
#include "node_fixture.h"

namespace mlnode::integration {
namespace {

class OpenvinoNodeTest : public NodeFixture {
 protected:
  OpenvinoNodeTest() : NodeFixture(nullptr) { settings_["mlnode.engine_dir"] = MLNODE_ENGINE_FOLDER; }
  void SetUp() override { StartNode(); }
  static Archive TinyArchive() {
    return MakeArchive({{"model.onnx", ReadTestData("tiny_encoder.onnx")},
                        {"tokenizer.json", ReadTestData("wordpiece_tokenizer.json")}});
  }
};

TEST_F(OpenvinoNodeTest, ServesARealModelAndServesItAgainAfterARestart) {
  const std::string model = Register("tiny", TinyArchive(), 2);
  const json::object task = Deploy(model);
  ASSERT_EQ(task.at("state").as_string(), "COMPLETED") << ToJson(task);
  const std::string path = fmt::format("{}/models/{}/_predict", kMl, model);
  const std::string body = R"({"text_docs":["hello world","a","hello world"]})";
  const Answer before = Ok("POST", path, body);
  const json::array& results = before.body.at("inference_results").as_array();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].at("output").at(0).at("data").as_array().size(), 8U);
  EXPECT_NE(results[0], results[1]);
  Restart();
  WaitUntilReady();
  EXPECT_EQ(Ok("POST", path, body).body, before.body);
}

TEST_F(OpenvinoNodeTest, ACorruptModelFailsItsDeployAndNothingElse) {
  const std::string model =
      Register("corrupt", MakeArchive({{"model.onnx", "this is no protobuf"},
                                       {"tokenizer.json", ReadTestData("wordpiece_tokenizer.json")}}));
  EXPECT_EQ(Deploy(model).at("state").as_string(), "FAILED");
  WaitForState(model, "DEPLOY_FAILED");
  WaitUntilReady();
}

}  // namespace
}  // namespace mlnode::integration
