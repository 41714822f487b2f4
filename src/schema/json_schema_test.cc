#include "schema/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/json.h"

namespace mlnode::schema {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<const JsonSchema> Compiled(std::string_view text) { return JsonSchema::Compile(text).value(); }
Error CompileError(std::string_view text) { return JsonSchema::Compile(text).error(); }

constexpr std::string_view kTexts = R"({
  "type": "object",
  "required": ["text_docs"],
  "properties": {"text_docs": {"type": "array", "maxItems": 2, "items": {"type": "string", "pattern": "^[a-z ]+$"}}}
})";

TEST(JsonSchemaTest, MatchingInstancesPass) {
  const auto schema = Compiled(kTexts);
  EXPECT_TRUE(schema->Validate(R"({"text_docs":["a b"]})"));
  EXPECT_TRUE(schema->Validate(R"({"text_docs":[],"more":1})"));
  EXPECT_TRUE(Compiled("{}")->Validate("5"));
  EXPECT_TRUE(Compiled("true")->Validate("5"));
}

TEST(JsonSchemaTest, MismatchSaysWhereAndWhyWithoutTheValues) {
  const auto schema = Compiled(kTexts);
  const Status refused = schema->Validate(R"({"text_docs":["ok","SECRET"]})");
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("at [/text_docs/1]: "));
  EXPECT_THAT(refused.error().message, HasSubstr("^[a-z ]+$"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("SECRET")));
  EXPECT_THAT(schema->Validate("{}").error().message, HasSubstr("text_docs"));
  EXPECT_THAT(schema->Validate(R"({"text_docs":["a","b","c"]})").error().message, HasSubstr("at [/text_docs]: "));
  EXPECT_EQ(Compiled("false")->Validate("5").error().code, Code::kInvalidArgument);
}

TEST(JsonSchemaTest, LongInstancesAreNotExplained) {
  const std::string text = R"({"text_docs":[")" + std::string(300'000, 'A') + R"("]})";
  EXPECT_THAT(Compiled(kTexts)->Validate(text).error().message, HasSubstr("is not explained"));
}

TEST(JsonSchemaTest, DialectIs202012WhateverTheSchemaSays) {
  const auto schema = Compiled(
      R"({"$schema":"http://json-schema.org/draft-04/schema#","prefixItems":[{"type":"string"}],"items":false})");
  EXPECT_TRUE(schema->Validate(R"(["a"])"));
  EXPECT_FALSE(schema->Validate(R"(["a","b"])"));
}

TEST(JsonSchemaTest, ReferencesInsideTheSchemaWork) {
  const auto schema =
      Compiled(R"({"$defs":{"a/b":{"type":"string"}},"items":{"$ref":"#/$defs/a~1b"},"not":{"$ref":"#/$defs/a~1b"}})");
  EXPECT_TRUE(schema->Validate(R"(["a"])"));
  EXPECT_FALSE(schema->Validate("[1]"));
}

TEST(JsonSchemaTest, WhatIsNoSchemaIsRefused) {
  EXPECT_EQ(CompileError("i").code, Code::kInvalidArgument);
  EXPECT_THAT(CompileError(R"({"type":"nope"})").message, HasSubstr("[/type]"));
  EXPECT_EQ(CompileError("5").code, Code::kInvalidArgument);
  EXPECT_EQ(CompileError(R"({"$ref":"http://127.0.0.1:1/schema.json"})").code, Code::kInvalidArgument);
}

TEST(JsonSchemaTest, PatternsAreLinearAndSmall) {
  const auto schema = Compiled(R"({"pattern":"^(a+)+$"})");
  EXPECT_FALSE(schema->Validate('"' + std::string(100'000, 'a') + "b\""));
  EXPECT_EQ(CompileError(R"({"pattern":"(?=a)b"})").code, Code::kInvalidArgument);
  EXPECT_EQ(CompileError(R"({"pattern":"(((a{100}){100}){100}){100}"})").code, Code::kInvalidArgument);
}

TEST(JsonSchemaTest, SizeIsLimited) {
  const std::string text = R"({"title":")" + std::string(kMaxSchemaBytes, 'x') + R"("})";
  const Error refused = CompileError(text);
  EXPECT_EQ(refused.code, Code::kTooLarge);
  EXPECT_THAT(refused.message, HasSubstr("65536"));
}

TEST(JsonSchemaTest, WorkIsLimited) {
  json::array branches;
  for (int i = 0; i < 3'000; ++i) branches.emplace_back(json::object{{"minLength", 1}});
  const auto schema = Compiled(ToJson(json::object{{"allOf", std::move(branches)}}));
  EXPECT_TRUE(schema->Validate('"' + std::string(1'000, 'a') + '"'));
  const Status refused = schema->Validate('"' + std::string(200'000, 'a') + '"');
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr("200002 bytes"));
  const Status huge = Compiled("true")->Validate('"' + std::string(kMaxInstanceBytes, 'a') + '"');
  EXPECT_EQ(huge.error().code, Code::kTooLarge);
  EXPECT_THAT(huge.error().message, HasSubstr("16777216"));
}

TEST(JsonSchemaTest, InstancesThatAreNoJsonAreRefused) {
  const auto schema = Compiled("{}");
  for (const std::string_view bad : {"", "{", "\"\xff\"", "[1] 2"})
    EXPECT_EQ(schema->Validate(bad).error().code, Code::kInvalidArgument) << bad;
  std::string deep(10'000, '[');
  deep += std::string(10'000, ']');
  EXPECT_FALSE(schema->Validate(deep)) << "and the stack holds";
}

TEST(JsonSchemaTest, DeepSchemasAreApplied) {
  json::object schema{{"type", "number"}};
  for (int i = 0; i < 60; ++i) schema = {{"items", schema}};
  const auto compiled = Compiled(ToJson(schema));
  EXPECT_TRUE(compiled->Validate(std::string(60, '[') + "1" + std::string(60, ']')));
  EXPECT_FALSE(compiled->Validate(std::string(60, '[') + "true" + std::string(60, ']')));
}

}  // namespace
}  // namespace mlnode::schema
