#include "schema/schema_cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace mlnode::schema {
namespace {

using ::testing::HasSubstr;

std::uint64_t Cost(const std::string& text) { return SchemaCost(ParseJson(text).value()).value(); }
std::string Refusal(const json::value& schema) {
  const auto cost = SchemaCost(schema);
  if (cost) return "not refused, costs " + std::to_string(*cost);
  EXPECT_EQ(cost.error().code, Code::kInvalidArgument);
  return cost.error().message;
}
std::string RefusalOf(const std::string& text) { return Refusal(ParseJson(text).value()); }

TEST(SchemaCostTest, CountsKeywordsAndListedValues) {
  EXPECT_EQ(Cost("true"), 1U);
  EXPECT_EQ(Cost("{}"), 1U);
  EXPECT_EQ(Cost(R"({"type":"object"})"), 2U);
  EXPECT_EQ(Cost(R"({"enum":[1,2,3]})"), 5U);
  EXPECT_EQ(Cost(R"({"properties":{"a":{"type":"string"},"b":true}})"), 4U);
  EXPECT_EQ(Cost(R"({"allOf":[{"type":"string"},{"minLength":1}]})"), 5U);
  EXPECT_EQ(Cost(R"({"dependencies":{"a":["b","c"],"d":{"type":"string"}}})"), 6U);
}

TEST(SchemaCostTest, DefinitionsCountWhereTheyAreReferredTo) {
  EXPECT_EQ(Cost(R"({"$defs":{"a":{"type":"string"}}})"), 1U);
  EXPECT_EQ(Cost(R"({"$defs":{"a":{"type":"string"}},"items":{"$ref":"#/$defs/a"},"contains":{"$ref":"#/$defs/a"}})"),
            7U);
}

TEST(SchemaCostTest, PatternsCountTheirStates) {
  const auto pattern = [](const std::string& text) { return Cost(ToJson(json::object{{"pattern", text}})) - 2; };
  EXPECT_EQ(pattern("abc"), 3U);
  EXPECT_EQ(pattern("^a+b*|c?$"), 5U);
  EXPECT_EQ(pattern("a{30}"), 30U);
  EXPECT_EQ(pattern("a{2,30}b{5,}"), 35U);
  EXPECT_EQ(pattern("(ab{10}){20}"), 240U) << "eleven and the group, twenty times";
  EXPECT_EQ(pattern("[^a-z{9}\\]]x"), 5U);
  EXPECT_EQ(pattern("\\{{5}\\p{L}\\d"), 20U) << "a brace that is escaped, repeated; a property; a class";
  EXPECT_EQ(pattern("a{x}"), 3U);
  EXPECT_EQ(pattern("[^]a]b\\pLc"), 14U) << "a bracket in a class; a property of one letter";
  EXPECT_EQ(pattern("(?i:x)"), 4U) << "flags count as atoms";
  EXPECT_LT(pattern("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"), 200U);
  for (const char* open : {"[", "(", "\\", "{", "a{", "a{1", "\\p", "\\p{"}) EXPECT_LT(pattern(open), 10U) << open;
}

TEST(SchemaCostTest, PatternsThatExplodeAreRefused) {
  for (const std::string& pattern :
       {std::string("((((a{10}){10}){10}){10}){10}"), std::string("a{99999999999999999999}"), std::string(50'000, '(')})
    EXPECT_THAT(Refusal(json::object{{"pattern", pattern}}), HasSubstr("more than 10000 steps")) << pattern.size();
  // Each is read so that the end of its group, or its repetition, could be missed.
  for (const char* pattern : {R"([])](a{200}){200})", R"((a{200}[])]){200})", R"(\pL(a{200}){200})",
                              "((?x)#)\na{200}) {200}", "(a{200}){ 200 }", "(a{200}){\u00a0200}", "[][a])]"})
    EXPECT_THAT(Refusal(json::object{{"pattern", pattern}}), HasSubstr("more than 10000 steps")) << pattern;
  EXPECT_THAT(Refusal(json::object{{"patternProperties", {{"(a{200}){200}", true}}}}), HasSubstr("10000"));
}

TEST(SchemaCostTest, PropertiesMayHaveNamesOfKeywords) {
  EXPECT_EQ(Cost(R"({"properties":{"$ref":{"type":"string"},"$id":{},"enum":{}}})"), 5U);
  EXPECT_EQ(Cost(R"({"const":{"$ref":"http://elsewhere"}})"), 3U);
}

TEST(SchemaCostTest, CirclesAreRefused) {
  for (const char* circle : {R"({"$ref":"#"})", R"({"allOf":[{"$ref":"#"}]})", R"({"dependencies":{"a":{"$ref":"#"}}})",
                             R"({"properties":{"a":{"properties":{"b":{"$ref":"#/properties/a"}}}}})",
                             R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})"})
    EXPECT_EQ(RefusalOf(circle), "[$ref] leads back to where it stands") << circle;
}

// Each level refers twice to the next one: a small schema that would take 2^40 steps.
TEST(SchemaCostTest, BranchesThatDoubleAreRefused) {
  json::object definitions;
  for (int level = 0; level < 40; ++level) {
    const json::object next{{"$ref", "#/$defs/l" + std::to_string(level + 1)}};
    definitions["l" + std::to_string(level)] = {{"anyOf", {next, next}}};
  }
  definitions["l40"] = {{"type", "number"}};
  EXPECT_THAT(Refusal(json::object{{"$defs", definitions}, {"$ref", "#/$defs/l0"}}),
              HasSubstr("more than 10000 steps"));
}

TEST(SchemaCostTest, UnevaluatedKeywordsCostTheirLevelsAgain) {
  json::object schema{{"type", "object"}};
  for (int level = 0; level < 20; ++level) schema = {{"allOf", {schema}}, {"unevaluatedProperties", false}};
  EXPECT_THAT(Refusal(schema), HasSubstr("more than 10000 steps"));
}

TEST(SchemaCostTest, DepthCountsThroughReferences) {
  json::object definitions;
  for (int level = 0; level < 200; ++level)
    definitions["l" + std::to_string(level)] = {{"$ref", "#/$defs/l" + std::to_string(level + 1)}};
  definitions["l200"] = {{"type", "number"}};
  EXPECT_THAT(Refusal(json::object{{"$defs", definitions}, {"$ref", "#/$defs/l0"}}), HasSubstr("more than 100 deep"));
}

TEST(SchemaCostTest, ReferencesStayInTheSchema) {
  for (const char* away :
       {"http://elsewhere/schema.json", "file:///etc/passwd", "other.json", "#anchor", "", "#/a%20b"})
    EXPECT_THAT(Refusal(json::object{{"$ref", away}}), HasSubstr("[$ref] must be [#] or [#/...]")) << away;
  EXPECT_THAT(RefusalOf(R"({"$ref":"#/$defs/none"})"),
              HasSubstr("[$ref] names no place of the schema: [#/$defs/none]"));
}

TEST(SchemaCostTest, WhatWouldMoveReferencesIsRefused) {
  EXPECT_EQ(RefusalOf(R"({"$dynamicRef":"#a"})"), "[$dynamicRef] is not supported here");
  EXPECT_EQ(RefusalOf(R"({"items":{"$anchor":"a"}})"), "[$anchor] is not supported below the top");
  EXPECT_EQ(RefusalOf(R"({"items":{"$id":"http://a/"}})"), "[$id] is not supported below the top");
  EXPECT_EQ(RefusalOf(R"({"items":{"$schema":"http://json-schema.org/draft-04/schema#"}})"),
            "[$schema] is not supported below the top");
  EXPECT_GT(Cost(R"({"$id":"http://a/","$schema":"https://json-schema.org/draft/2020-12/schema"})"), 1U);
}

}  // namespace
}  // namespace mlnode::schema
