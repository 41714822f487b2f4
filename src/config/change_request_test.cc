#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/settings.h"

namespace mlnode::config {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

Result<ChangeRequest> Parse(std::string_view body) { return ParseChangeRequest(ParseJsonObject(body).value()); }

TEST(ParseChangeRequestTest, NestedFlatAndMixedKeysAreEqual) {
  for (const char* body : {R"({"persistent":{"plugins.ml_commons.max_model_on_node":7}})",
                           R"({"persistent":{"plugins":{"ml_commons":{"max_model_on_node":7}}}})",
                           R"({"persistent":{"plugins.ml_commons":{"max_model_on_node":"7"}}})",
                           R"({"persistent":{"plugins":{"ml_commons.max_model_on_node":7}},"transient":{}})"}) {
    const auto request = Parse(body);
    ASSERT_TRUE(request) << body;
    EXPECT_THAT(request->persistent,
                ElementsAre(Pair("plugins.ml_commons.max_model_on_node", std::optional<std::string>("7"))));
    EXPECT_TRUE(request->transient.empty());
  }
}

TEST(ParseChangeRequestTest, ValuesBecomeText) {
  const auto request = Parse(R"({"transient":{"a":true,"b":0.8,"c":"x","d":null,"e":["y",1],"f":10}})").value();
  EXPECT_THAT(request.transient, ElementsAre(Pair("a", "true"), Pair("b", "0.8"), Pair("c", "x"),
                                             Pair("d", std::nullopt), Pair("e", R"(["y","1"])"), Pair("f", "10")));
}

TEST(ParseChangeRequestTest, AListMayComeAsOneString) {
  const auto request = Parse(R"({"persistent":{"plugins.ml_commons.remote_job.status_field":"a, b"}})").value();
  EXPECT_EQ(request.persistent.begin()->second, R"(["a","b"])");
}

TEST(ParseChangeRequestTest, NothingToUpdateIsAValidationError) {
  // The last as recorded: the peer ignores sections that it does not know.
  for (const char* body :
       {"{}", R"({"persistent":{}})", R"({"persistent":null,"transient":{"plugins":{}}})", R"({"nope":{"a":1}})"}) {
    const auto request = Parse(body);
    ASSERT_FALSE(request) << body;
    EXPECT_EQ(request.error().code, Code::kInvalidArgument);
    EXPECT_EQ(request.error().reason, "action_request_validation_exception");
    EXPECT_EQ(request.error().message, "Validation Failed: 1: no settings to update;");
  }
}

TEST(ParseChangeRequestTest, NamesWhatCannotBeAValue) {
  EXPECT_THAT(Parse(R"({"persistent":5})").error().message, HasSubstr("[persistent]: expected an object"));
  EXPECT_THAT(Parse(R"({"persistent":{"plugins.ml_commons.max_model_on_node":[1]}})").error().message,
              HasSubstr("list type value for setting [plugins.ml_commons.max_model_on_node]"));
  for (const char* item : {"{}", "[]", "null"}) {
    const auto request =
        Parse(R"({"persistent":{"plugins.ml_commons.remote_job.status_field":[)" + std::string(item) + "]}}");
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().reason, "parse_exception");
    EXPECT_THAT(request.error().message, HasSubstr("[plugins.ml_commons.remote_job.status_field]"));
  }
}

TEST(ParseChangeRequestTest, OneSettingGivenTwiceIsRefused) {
  const auto request = Parse(R"({"persistent":{"a.b":1,"a":{"b":2}}})");
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().reason, "parse_exception");
  EXPECT_EQ(request.error().message, "duplicate settings key [a.b] found");
}

TEST(RenderValuesTest, NestsOrStaysFlat) {
  const RawValues values = {{"plugins.ml_commons.disk_free_space_threshold", "5gb"},
                            {"plugins.ml_commons.max_model_on_node", "10"},
                            {"plugins.ml_commons.remote_job.status_field", R"(["a","b"])"}};
  EXPECT_EQ(
      ToJson(RenderValues(values, false)),
      R"({"plugins":{"ml_commons":{"disk_free_space_threshold":"5gb","max_model_on_node":"10","remote_job":{"status_field":["a","b"]}}}})");
  EXPECT_EQ(
      ToJson(RenderValues(values, true)),
      R"({"plugins.ml_commons.disk_free_space_threshold":"5gb","plugins.ml_commons.max_model_on_node":"10","plugins.ml_commons.remote_job.status_field":["a","b"]})");
  EXPECT_EQ(ToJson(RenderValues({}, false)), "{}");
}

TEST(RenderValuesTest, TextThatLooksLikeAListStaysText) {
  EXPECT_EQ(ToJson(RenderValues({{"plugins.ml_commons.trusted_url_regex", "[1]"}}, true)),
            R"({"plugins.ml_commons.trusted_url_regex":"[1]"})");
}

TEST(RenderValuesTest, UnknownNamesThatClashLoseNothing) {
  EXPECT_EQ(ToJson(RenderValues({{"a.b", "1"}, {"a.b.c", "2"}}, false)), R"({"a":{"b":"1","b.c":"2"}})");
}

}  // namespace
}  // namespace mlnode::config
