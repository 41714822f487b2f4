#include "connectors/templates/json_text.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::connectors {
namespace {

TEST(KindOfJsonTest, TellsTheKind) {
  EXPECT_EQ(KindOfJson(" {\"a\": [1]} \n"), JsonKind::kObject);
  EXPECT_EQ(KindOfJson("[]"), JsonKind::kArray);
  for (const char* scalar : {"1", "\"a\"", "null", "true", "123456789012345678901234567890"})
    EXPECT_EQ(KindOfJson(scalar), JsonKind::kScalar) << scalar;
  for (const char* none : {"", " ", "a", "{", "{}x", "{'a':1}", "{\"a\": just text}", "[1,]", "{} {}", "[\"\xFF\"]"})
    EXPECT_EQ(KindOfJson(none), JsonKind::kNone) << none;
}

TEST(KindOfJsonTest, DepthIsBounded) {
  EXPECT_EQ(KindOfJson(std::string(64, '[') + std::string(64, ']')), JsonKind::kArray);
  EXPECT_EQ(KindOfJson(std::string(65, '[') + std::string(65, ']')), JsonKind::kNone);
  EXPECT_EQ(KindOfJson(std::string(1'000'000, '[')), JsonKind::kNone);
}

TEST(IsJsonContainerTest, ScalarsAreNone) {
  EXPECT_TRUE(IsJsonContainer(" [1]"));
  EXPECT_TRUE(IsJsonContainer("{}"));
  for (const char* none : {"1", "\"a\"", "null", "[1", "", "[]\""}) EXPECT_FALSE(IsJsonContainer(none)) << none;
}

TEST(IsNdjsonTest, EveryLineCounts) {
  EXPECT_TRUE(IsNdjson("{\"a\":1}\n[2]\r\n\n{}"));
  for (const char* none : {"", "\n", "{}\nx", "{\n}", "{} {}", "1\n2"}) EXPECT_FALSE(IsNdjson(none)) << none;
}

TEST(CompactJsonTest, OnlySpaceBetweenTokensGoes) {
  EXPECT_EQ(CompactJson("{ \"a b\" : [ 1.0 ,\n 1e5, 90071992547409931234 ] , \"\\\" \\\\\" : \" x \" }"),
            "{\"a b\":[1.0,1e5,90071992547409931234],\"\\\" \\\\\":\" x \"}");
}

TEST(IsTrueTest, AnyCase) {
  for (const char* yes : {"true", "TRUE", "True"}) EXPECT_TRUE(IsTrue(yes)) << yes;
  for (const char* no : {"", "false", "1", "yes", "truee", " true"}) EXPECT_FALSE(IsTrue(no)) << no;
}

}  // namespace
}  // namespace mlnode::connectors
