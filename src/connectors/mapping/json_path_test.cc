#include "connectors/mapping/json_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "connectors/mapping/path_shape.h"

namespace mlnode::connectors {
namespace {

using ::testing::HasSubstr;

constexpr const char* kDocument =
    R"({"data":[{"embedding":[1.0,2],"n":"a"},{"embedding":[3,4.5],"n":"b"},{"n":"c"}],"big":9007199254740993,)"
    R"("exact":0.1,"a b":{"c-d":1},"it's":7,"empty":[],"z":{"y":1,"x":2},"é":5,"0":"zero","null":null})";

// "nowhere", or the value's text.
std::string Of(std::string_view path, std::string_view document = kDocument) {
  const auto compiled = JsonPath::Compile(path);
  if (!compiled) return "error: " + compiled.error().message;
  const auto value = (*compiled)->Query(document);
  if (!value) return "error: " + value.error().message;
  return *value ? ToJson(**value) : "nowhere";
}

struct Case {
  const char* path;
  const char* value;
};

TEST(JsonPathTest, DefinitePathsGiveTheirValue) {
  for (const Case& c : std::vector<Case>{{"$.data[0].embedding", "[1.0,2]"},
                                         {"$.data[-1].n", "\"c\""},
                                         {"$['data'][1][\"n\"]", "\"b\""},
                                         {"data[0].n", "\"a\""},
                                         {"$.big", "9007199254740993"},
                                         {"$.exact", "0.1"},
                                         {"$['a b'].c-d", "1"},
                                         {"$['it\\'s']", "7"},
                                         {"$.\xC3\xA9", "5"},
                                         {"$.0", "\"zero\""},
                                         {"$.null", "null"},
                                         {" $.z ", R"({"y":1,"x":2})"},
                                         {"$.none", "nowhere"},
                                         {"$.data[3]", "nowhere"},
                                         {"$.data[-4]", "nowhere"},
                                         {"$.data.embedding", "nowhere"},
                                         {"$.big[0]", "nowhere"},
                                         {"$.none.deeper", "nowhere"}})
    EXPECT_EQ(Of(c.path), c.value) << c.path;
  EXPECT_EQ(Of("$", "[1, 2]"), "[1,2]");
  EXPECT_EQ(Of("$", "5"), "5");
}

TEST(JsonPathTest, IndefinitePathsGiveAList) {
  for (const Case& c : std::vector<Case>{{"$.data[*].embedding", "[[1.0,2],[3,4.5]]"},
                                         {"$.data.*.n", R"(["a","b","c"])"},
                                         {"$.data[*].embedding[*]", "[1.0,2,3,4.5]"},
                                         {"$.z.*", "[1,2]"},
                                         {"$.data[*].none", "[]"},
                                         {"$.empty[*]", "[]"},
                                         {"$.empty[*].x", "[]"},
                                         {"$.none[*].x", "nowhere"},
                                         {"$.data[7][*]", "nowhere"},
                                         {"$..embedding", "[[1.0,2],[3,4.5]]"},
                                         {"$.data[0,2].n", R"(["a","c"])"},
                                         {"$.data[1:].n", R"(["b","c"])"},
                                         {"$.data[?(@.n == 'b')].embedding", "[[3,4.5]]"},
                                         {"$.data[?@.embedding].n", R"(["a","b"])"},
                                         {"$.data[?@.embedding[1] > 2].n", R"(["b"])"},
                                         {"$.none[?@.a]", "nowhere"},
                                         {"$['a b'][?@ == 1]", "[1]"},
                                         {"$.data[?@.n == $.data[0].n].n", R"(["a"])"}})
    EXPECT_EQ(Of(c.path), c.value) << c.path;
  EXPECT_EQ(Of("$[*]", "[[1],[2]]"), "[[1],[2]]");
}

TEST(JsonPathTest, SearchKeepsNumbersAndOrder) {
  EXPECT_EQ(Of("$..[?@.b]", R"([{"b":9007199254740993,"a":0.1,"c":-0.0,"d":1e-7,"e":5.0}])"),
            R"([{"b":9007199254740993,"a":0.1,"c":-0.0,"d":1e-07,"e":5.0}])");
}

TEST(JsonPathTest, WhatIsNoPathIsRefused) {
  for (const char* bad : {"", " ", "$.", "$[", "$[0", "$['a]", "$.a]", "$.a.length()", "$.data[?(@.n =~ /x/)]", "$[01]",
                          "$.a b", "$..", "$[?@.a == $..b]", "$[?$[*]]", "$[99999999999999999999]"})
    EXPECT_EQ(JsonPath::Compile(bad).error().code, Code::kInvalidArgument) << bad;
  EXPECT_THAT(Of("$.a.length()"), HasSubstr("error: JSONPath: "));
}

TEST(JsonPathTest, PathsAreBounded) {
  EXPECT_TRUE(JsonPath::Compile("$." + std::string(4'094, 'a')));
  EXPECT_EQ(JsonPath::Compile("$." + std::string(4'095, 'a')).error().message,
            "a JSONPath has at most 4096 bytes, this one 4097");
  EXPECT_FALSE(JsonPath::Compile("$[?" + std::string(9, '(') + "@.a" + std::string(9, ')') + "]"));
}

TEST(JsonPathTest, ASearchThatCostsTooMuchIsRefused) {
  std::string unions = "$";
  for (int i = 0; i < 40; ++i) unions += "[0,0]";
  const auto path = JsonPath::Compile(unions);
  ASSERT_TRUE(path);
  EXPECT_EQ((*path)->Query(std::string(40, '[') + std::string(40, ']')).error().code, Code::kTooLarge);
  EXPECT_EQ((*JsonPath::Compile("$..*..*..*..*..*"))->Query(std::string(1'000, ' ') + "[]").error().code,
            Code::kTooLarge);
}

TEST(JsonPathTest, ASearchThatIsAllowedEndsSoon) {
  std::string document;
  for (int i = 0; i < 10'000; ++i) document += (i == 0 ? "[" : ",") + std::string(30, '[') + std::string(30, ']');
  document += "]";
  const auto begin = std::chrono::steady_clock::now();
  const auto found = (*JsonPath::Compile("$..*..*"))->Query(document);
  if (!found) {
    EXPECT_EQ(found.error().code, Code::kTooLarge);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(JsonPathTest, WhatIsNoJsonIsRefused) {
  for (const char* bad : {"", "x", "{\"a\":", "[\"\xFF\"]", "{} {}"}) {
    EXPECT_FALSE((*JsonPath::Compile("$.a"))->Query(bad)) << bad;
    EXPECT_FALSE((*JsonPath::Compile("$..a"))->Query(bad)) << bad;
  }
}

TEST(JsonPathTest, DefiniteIsToldOfThePath) {
  for (const char* path : {"$", "$.a.b", "$['a'][0]", "$['it\\'s']"})
    EXPECT_TRUE((*JsonPath::Compile(path))->definite()) << path;
  for (const char* path : {"$[*]", "$.a.*", "$..a", "$[0,1]", "$[0:2]", "$[?@.a]"})
    EXPECT_FALSE((*JsonPath::Compile(path))->definite()) << path;
}

TEST(PathShapeTest, PlainStepsAreWrittenForEveryReader) {
  EXPECT_EQ(ShapeOf("a-b[\"it's\"].0[-1].*..c").value().path, R"($['a-b']['it\'s']['0'][-1][*]..c)");
}

}  // namespace
}  // namespace mlnode::connectors
