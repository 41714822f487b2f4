#include "models/rules/model_interface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

json::object Schema(std::string_view type) { return {{"type", type}}; }

TEST(ModelInterfaceTest, SchemasAreStoredAsTheirText) {
  const auto stored =
      ParseInterface({{"input", Schema("object")}, {"output", R"({"type": "array"})"}, {"other", 1}}).value();
  EXPECT_EQ(ToJson(stored), R"({"input":"{\"type\":\"object\"}","output":"{\"type\": \"array\"}"})");
  EXPECT_EQ(ToJson(ParseInterface(stored).value()), ToJson(stored));
  EXPECT_EQ(ToJson(ParseInterface({}).value()), "{}");
  EXPECT_EQ(ToJson(ParseInterface({{"input", nullptr}, {"output", true}}).value()), R"({"output":"true"})");
}

TEST(ModelInterfaceTest, WhatIsNoSchemaIsNamed) {
  const auto refused = ParseInterface({{"input", json::object()}, {"output", Schema("nope")}});
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, StartsWith("[interface.output] is no JSON Schema that can be applied: "));
  EXPECT_THAT(ParseInterface({{"input", "i"}}).error().message, HasSubstr("[interface.input]"));
  EXPECT_THAT(ParseInterface({{"input", {{"$ref", "http://elsewhere"}}}}).error().message, HasSubstr("[$ref]"));
}

TEST(ModelInterfaceTest, AbsentSidesAcceptEverything) {
  const ModelInterface nothing{json::object{}};
  EXPECT_FALSE(nothing.checks_input());
  EXPECT_FALSE(nothing.checks_output());
  EXPECT_TRUE(nothing.CheckInput("{"));
  EXPECT_TRUE(nothing.CheckOutput("{"));
}

TEST(ModelInterfaceTest, MismatchesAreToldInThePeersWords) {
  const ModelInterface both(ParseInterface({{"input", Schema("object")}, {"output", Schema("array")}}).value());
  EXPECT_TRUE(both.CheckInput("{}"));
  EXPECT_TRUE(both.CheckOutput("[]"));
  const Status input = both.CheckInput("[]");
  EXPECT_EQ(input.error().code, Code::kInvalidArgument);
  EXPECT_EQ(input.error().reason, "status_exception");
  EXPECT_THAT(input.error().message,
              StartsWith("Error validating input schema, if you think this is expected, please update your 'input' "
                         "field in the 'interface' field for this model: Validation failed: ["));
  EXPECT_THAT(both.CheckOutput("{}").error().message,
              StartsWith("Error validating output schema, if you think this is expected, please update your 'output' "
                         "field in the 'interface' field for this model: Validation failed: ["));
}

TEST(ModelInterfaceTest, AStoredSchemaThatDoesNotCompileFailsEveryRequest) {
  const ModelInterface broken(json::object{{"input", "i"}});
  EXPECT_TRUE(broken.checks_input());
  EXPECT_THAT(broken.CheckInput("{}").error().message, HasSubstr("the schema cannot be applied"));
}

}  // namespace
}  // namespace mlnode::models
