#include "rest/content/yaml_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json/json_place.h"

namespace mlnode::rest {
namespace {

using std::string_view_literals::operator""sv;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kMax = 1'000'000;

std::string Read(std::string_view yaml) {
  auto json = YamlToJson(yaml, kMax);
  return json ? *std::move(json) : json.error().message;
}

TEST(YamlToJsonTest, ReadsWhatPeopleWrite) {
  EXPECT_EQ(
      Read(
          "---\n# a comment\ntext_docs:\n- one\n- \"two \\\"2\\\"\"\n- 'it''s'\nreturn_number: true\nnested:\n  a: {}\n"
          "  b: []\n  c: [1, 2.50, ~]\n  d: |\n    two\n    lines\n"),
      R"({"text_docs":["one","two \"2\"","it's"],"return_number":true,"nested":{"a":{},"b":[],)"
      R"("c":[1,2.50,null],"d":"two\nlines\n"}})");
  EXPECT_EQ(Read(R"({"a": [1, "x", null], "b": {"c": 1e3}})"), R"({"a":[1,"x",null],"b":{"c":1000.0}})");
  EXPECT_EQ(Read("hello"), R"("hello")");
  EXPECT_EQ(Read("---\n...\n"), "null");
}

TEST(YamlToJsonTest, QuotedOrTaggedTextIsText) {
  EXPECT_EQ(Read("- \"1\"\n- '~'\n- !!str 2\n- no\n- ''\n"), R"(["1","~","2","no",""])");
  EXPECT_EQ(Read("!!map {a: !!seq [1]}"), R"({"a":[1]})");
}

TEST(YamlToJsonTest, KeysAreTheirText) {
  EXPECT_EQ(Read("1: a\ntrue: b\n\"c d\": e\n"), R"({"1":"a","true":"b","c d":"e"})");
}

TEST(YamlToJsonTest, AnAnchorNobodyUsesIsNothing) { EXPECT_EQ(Read("a: &x 1\n"), R"({"a":1})"); }

struct Bad {
  const char* name;
  std::string_view yaml;
  const char* message;
  const char* place;
};

class BadYamlTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadYamlTest, SaysWhatStandsWhere) {
  const auto json = YamlToJson(GetParam().yaml, kMax);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, Code::kInvalidArgument);
  EXPECT_THAT(json.error().message, StartsWith(std::string(GetParam().message) + "\n at [Source: "));
  EXPECT_THAT(json.error().message, HasSubstr(GetParam().place));
  EXPECT_EQ(json.error().reason, "json_parse_exception");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadYamlTest,
    ::testing::Values(Bad{"Alias", "a: &x [1]\nb: *x\n", "a YAML alias, which is not supported", "line: 2, column: 4"},
                      Bad{"Binary", "a: !!binary AAAA\n", "YAML tag [tag:yaml.org,2002:binary], which is not supported",
                          "line: 1, column: 4"},
                      Bad{"OwnTag", "a: !mine {}\n", "YAML tag [!mine], which is not supported", "line: 1"},
                      Bad{"KeyTwice", "a: 1\nb:\n  c: 1\n  c: 2\n", "Duplicate field 'c'", "line: 4, column: 3"},
                      Bad{"KeyNull", "~: 1\n", "a YAML key that is null", "line: 1, column: 1"},
                      Bad{"KeyMap", "{{a: b}: 1}\n", "a YAML key that is a map", "line: 1, column: 2"},
                      Bad{"KeyList", "? [a]\n: 1\n", "a YAML key that is a sequence", "line: 1, column: 3"},
                      Bad{"Infinity", "a: -.inf\n", "number [-.inf], which JSON does not have", "line: 1, column: 4"},
                      Bad{"TooBig", "[1, 1e999]\n", "number [1e999], which JSON does not have", "line: 1, column: 5"},
                      Bad{"TwoDocuments", "a: 1\n---\nb: 2\n", "a second YAML document", "line: 2"},
                      Bad{"Control", "a: 1\nb: \x04 x", "control character 0x04", "line: 2, column: 4"},
                      Bad{"Nul", "a\0b\0"sv, "control character 0x00", "line: 1, column: 2"},
                      Bad{"NotUtf8", "a: \xff\n", "text that is not UTF-8", "line: 1"}),
    [](const auto& info) { return info.param.name; });

TEST(YamlToJsonTest, SaysWhereTheSyntaxIsWrong) {
  const auto json = YamlToJson("a: [1\nb: }", kMax);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().reason, "marked_y_a_m_l_exception");
  EXPECT_THAT(json.error().message, HasSubstr("line: 2, column: "));
}

TEST(YamlToJsonTest, NeedsADocument) {
  for (const char* yaml : {" ", "# nothing\n", "\n\n"}) {
    const auto json = YamlToJson(yaml, kMax);
    ASSERT_FALSE(json);
    EXPECT_EQ(json.error().reason, "json_e_o_f_exception");
  }
}

TEST(YamlToJsonTest, RefusesWhatIsNestedTooDeep) {
  EXPECT_EQ(Read(std::string(64, '[') + std::string(64, ']')), std::string(64, '[') + std::string(64, ']'));
  constexpr const char* kDeep = "Document nesting depth (65) exceeds the maximum allowed (64)\n";
  for (const char* unit : {"[", "{", "- ", "? "}) {
    std::string yaml;
    for (int i = 0; i < 50'000; ++i) yaml += unit;
    const std::string message = Read(yaml);
    EXPECT_TRUE(message.starts_with(kDeep) || message.starts_with("a YAML key that is")) << message;
  }
}

TEST(YamlToJsonTest, DoesNotGrowBeyondItsLimit) {
  std::string yaml;
  for (int i = 0; i < 100; ++i) yaml += "-\n";
  EXPECT_TRUE(YamlToJson(yaml, 501));
  const auto json = YamlToJson(yaml, 400);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, Code::kTooLarge);
}

Error About(const char* pointer) {
  Error error = MakeError(Code::kInvalidArgument, "about a value");
  error.json_pointer = pointer;
  return error;
}

TEST(LocateInYamlTest, FindsTheLineOfAValue) {
  const std::string yaml = "---\nname: x\nlist:\n  - 1\n  - {a: [2, 30]}\n";
  const std::string json = YamlToJson(yaml, kMax).value();
  constexpr std::tuple<const char*, std::size_t, std::size_t> kPlaces[] = {
      {"", 2, 1}, {"/name", 2, 7}, {"/list", 4, 3}, {"/list/1", 5, 5}, {"/list/1/a/0", 5, 10}, {"/list/1/a/1", 5, 13}};
  for (const auto& [pointer, line, column] : kPlaces) {
    const Error error = LocateInYaml(About(pointer), yaml, json);
    ASSERT_TRUE(error.position) << pointer;
    EXPECT_EQ(error.position->line, line) << pointer;
    EXPECT_EQ(error.position->column, column) << pointer;
  }
}

TEST(LocateInYamlTest, LocatesCausesAndLeavesKnownPlaces) {
  Error error = About("/a");
  error.position = TextPosition{.line = 7, .column = 8};
  error.cause = std::make_shared<const Error>(About("/b"));
  const Error located = LocateInYaml(error, "a: 1\nb: 2\n", R"({"a":1,"b":2})");
  EXPECT_EQ(located.position->line, 7U);
  ASSERT_TRUE(located.cause->position);
  EXPECT_EQ(located.cause->position->line, 2U);
}

}  // namespace
}  // namespace mlnode::rest
