// Controllers and rate limits over HTTP: the recorded exchanges controller-* and predict-rate-limited-*.
#include "node_fixture.h"

namespace mlnode::integration {
namespace {

constexpr const char* kUsers =
    R"({"user_rate_limiter":{"alice":{"limit":"10","unit":"MINUTES"},"bob":{"limit":5,"unit":"HOURS"}}})";

class ControllersTest : public FakeNodeFixture {
 protected:
  void SetUp() override {
    StartNode();
    model_ = Register("one", ModelArchive());
  }
  Answer Controller(const std::string& method, const std::string& body = {}) {
    return Ask(method, std::string(kMl) + "/controllers/" + model_, body);
  }
  std::string model_;
};

TEST_F(ControllersTest, AreMadeReadChangedAndDeleted) {
  const Answer created = Controller("POST", kUsers);
  EXPECT_EQ(created.text, R"({"model_id":")" + model_ + R"(","status":"CREATED"})");
  EXPECT_EQ(Controller("POST", kUsers).body.at("status"), "UPDATED");
  EXPECT_EQ(Ok("GET", std::string(kMl) + "/models/" + model_).body.at("is_controller_enabled"), true);

  const Answer updated = Controller("PUT", R"({"user_rate_limiter":{"alice":{"limit":"20"}}})");
  EXPECT_EQ(updated.status, 200) << updated.text;
  EXPECT_EQ(updated.body.at("_index"), ".plugins-ml-controller");
  EXPECT_EQ(updated.body.at("_id").as_string(), model_);
  EXPECT_EQ(updated.body.at("_version"), 3);
  EXPECT_EQ(updated.body.at("result"), "updated");
  EXPECT_EQ(Controller("PUT", R"({"user_rate_limiter":{}})").body.at("result"), "noop");
  EXPECT_EQ(Controller("GET").body, ParseJson(R"({"model_id":")" + model_ +
                                              R"(","user_rate_limiter":{"alice":{"limit":"20","unit":"MINUTES"},)" +
                                              R"("bob":{"limit":"5","unit":"HOURS"}}})")
                                        .value());

  EXPECT_EQ(Controller("DELETE").body.at("result"), "deleted");
  EXPECT_EQ(Controller("DELETE").status, 404);
  EXPECT_EQ(Controller("GET").Reason(), "Failed to find model controller with the provided model ID");
}

TEST_F(ControllersTest, RefusalsAreThePeers) {
  EXPECT_EQ(Controller("POST").Reason(), "Create model controller request has empty body");
  EXPECT_EQ(Controller("POST").Type(), "parse_exception");
  EXPECT_EQ(Controller("PUT").Reason(), "Update model controller request has empty body");
  EXPECT_EQ(Controller("PUT", kUsers).status, 409);
  const Answer unit = Controller("POST", R"({"user_rate_limiter":{"alice":{"limit":"10","unit":"NOPE"}}})");
  EXPECT_EQ(unit.status, 400);
  EXPECT_EQ(unit.Type(), "illegal_argument_exception");
  EXPECT_EQ(unit.Reason(), "No enum constant java.util.concurrent.TimeUnit.NOPE");
  model_ = "_search";
  EXPECT_EQ(Controller("POST", R"({"query":{"match_all":{}}})").status, 404) << "there is no search of controllers";
}

TEST_F(ControllersTest, AreSwitchedOffBeforeTheBodyIsRead) {
  Ok("PUT", "/_cluster/settings", R"({"persistent":{"plugins.ml_commons.controller_enabled":false}})");
  for (const char* method : {"POST", "PUT"}) {
    const Answer refused = Controller(method);
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.Reason(),
              "Controller is currently disabled. To enable it, update the setting "
              "\"plugins.ml_commons.controller_enabled\" to true.");
  }
}

TEST_F(ControllersTest, DieWithTheirModel) {
  ASSERT_EQ(Controller("POST", kUsers).status, 200);
  Ok("DELETE", std::string(kMl) + "/models/" + model_);
  EXPECT_EQ(Controller("GET").status, 404);
  EXPECT_EQ(Controller("PUT", kUsers).status, 404);
}

TEST_F(ControllersTest, AModelsLimitThrottlesPredictions) {
  json::object meta = ParseJsonObject(Meta("limited", ModelArchive(), 1)).value();
  meta["rate_limiter"] = {{"limit", "2"}, {"unit", "DAYS"}};
  const Answer made = Ok("POST", std::string(kMl) + "/models/_register_meta", ToJson(meta));
  const std::string model(made.body.at("model_id").as_string());
  Ok("POST", std::string(kMl) + "/models/" + model + "/upload_chunk/0", ModelArchive().bytes);
  ASSERT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
  const auto predict = [&] {
    return Ask("POST", std::string(kMl) + "/models/" + model + "/_predict", R"({"text_docs":["one"]})");
  };
  EXPECT_EQ(predict().status, 200);
  EXPECT_EQ(predict().status, 200);
  const Answer refused = predict();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Type(), "status_exception");
  EXPECT_EQ(refused.Reason(), "Request is throttled at model level.");
  EXPECT_TRUE(refused.headers.Find("Retry-After"));
}

}  // namespace
}  // namespace mlnode::integration
