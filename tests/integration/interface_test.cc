// JSON Schemas of a model's interface over HTTP: requests and answers that do not match are refused.
#include <gmock/gmock.h>

#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class InterfaceTest : public FakeNodeFixture {
 protected:
  void SetUp() override { StartNode(); }
  Answer RegisterMeta(const json::object& interface) {
    json::object meta = ParseJsonObject(Meta("typed", ModelArchive(), 1)).value();
    meta["interface"] = interface;
    return Ask("POST", std::string(kMl) + "/models/_register_meta", ToJson(meta));
  }
  // A deployed model with this interface.
  std::string Typed(const json::object& interface) {
    std::string model(RegisterMeta(interface).body.at("model_id").as_string());
    Ok("POST", std::string(kMl) + "/models/" + model + "/upload_chunk/0", ModelArchive().bytes);
    EXPECT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
    return model;
  }
  Answer Predict(const std::string& model, const std::string& body) {
    return Ask("POST", std::string(kMl) + "/models/" + model + "/_predict", body);
  }
};

TEST_F(InterfaceTest, RequestsMustMatchTheInputSchema) {
  const std::string model =
      Typed({{"input", {{"required", {"text_docs"}}, {"properties", {{"text_docs", {{"maxItems", 1}}}}}}}});
  EXPECT_EQ(Predict(model, R"({"text_docs":["one"]})").status, 200);
  const Answer refused = Predict(model, R"({"text_docs":["one","two"]})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Type(), "status_exception");
  EXPECT_THAT(refused.Reason(),
              StartsWith("Error validating input schema, if you think this is expected, please update your 'input' "
                         "field in the 'interface' field for this model: "));
  EXPECT_THAT(refused.Reason(), HasSubstr("/text_docs"));
}

TEST_F(InterfaceTest, AnswersMustMatchTheOutputSchema) {
  const std::string good = Typed({{"output", {{"required", {"inference_results"}}}}});
  EXPECT_EQ(Predict(good, R"({"text_docs":["one"]})").status, 200);
  const std::string bad = Typed({{"output", {{"required", {"something_else"}}}}});
  const Answer refused = Predict(bad, R"({"text_docs":["one"]})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.Reason(), StartsWith("Error validating output schema, "));
}

TEST_F(InterfaceTest, SchemasAreShownAsTextAndWrongOnesRefused) {
  const std::string model(RegisterMeta({{"input", {{"type", "object"}}}}).body.at("model_id").as_string());
  const Answer shown = Ok("GET", std::string(kMl) + "/models/" + model);
  EXPECT_EQ(shown.body.at("interface").at("input").as_string(), R"({"type":"object"})");
  const Answer refused = RegisterMeta({{"input", {{"$ref", "http://127.0.0.1:9/schema"}}}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.Reason(), HasSubstr("[interface.input]"));
}

}  // namespace
}  // namespace mlnode::integration
