#include "rest/content/yaml_writer.h"

#include <gtest/gtest.h>

#include "rest/content/yaml_reader.h"

namespace mlnode::rest {
namespace {

std::string Print(std::string_view json) { return ToYaml(ParseJson(json).value()); }

TEST(ToYamlTest, PrintsAsThePeerDoes) {
  EXPECT_EQ(Print(R"({"error":{"root_cause":[{"type":"status_exception","reason":"Failed to find model"}],)"
                  R"("type":"status_exception","reason":null},"status":404})"),
            "---\n"
            "error:\n"
            "  root_cause:\n"
            "  - type: \"status_exception\"\n"
            "    reason: \"Failed to find model\"\n"
            "  type: \"status_exception\"\n"
            "  reason: null\n"
            "status: 404\n");
}

TEST(ToYamlTest, PrintsListsInLists) {
  EXPECT_EQ(Print(R"({"a":["a",[1,[2.5,true]],[{"b":[],"c":{}}]]})"),
            "---\n"
            "a:\n"
            "- \"a\"\n"
            "- - 1\n"
            "  - - 2.5\n"
            "    - true\n"
            "- - b: []\n"
            "    c: {}\n");
}

TEST(ToYamlTest, ADocumentMayBeAnything) {
  EXPECT_EQ(Print("[1]"), "---\n- 1\n");
  EXPECT_EQ(Print("{}"), "--- {}\n");
  EXPECT_EQ(Print("[]"), "--- []\n");
  EXPECT_EQ(Print(R"("x")"), "--- \"x\"\n");
}

TEST(ToYamlTest, QuotesKeysThatCouldBeSomethingElse) {
  EXPECT_EQ(Print(R"({".plugins-ml-model":1,"no":2,"12":3,"":4,"a b":5,"1e5":6,"7xQr-_":7,"-a":8,"abc":9})"),
            "---\n.plugins-ml-model: 1\n\"no\": 2\n\"12\": 3\n\"\": 4\n\"a b\": 5\n\"1e5\": 6\n7xQr-_: 7\n\"-a\": "
            "8\nabc: 9\n");
}

TEST(ToYamlTest, EscapesText) {
  EXPECT_EQ(Print(R"(["a\"b\\c\n\t\r\u0000\u0001\u001b\u007f\u0085\u2028\ufeff ü 😀"])"),
            "---\n- \"a\\\"b\\\\c\\n\\t\\r\\0\\x01\\e\\x7F\\x85\\u2028\\uFEFF ü 😀\"\n");
}

// Readers of YAML 1.1 take 1e-05 for text.
TEST(ToYamlTest, NumbersHaveAPoint) {
  EXPECT_EQ(Print("[1e-5,1e300,0.1,5.0,-2]"), "---\n- 1.0e-05\n- 1.0e+300\n- 0.1\n- 5.0\n- -2\n");
}

TEST(ToYamlTest, IsReadBackAsTheSame) {
  const char* json =
      R"({"a":["x\u0000\u0085\u2029","~","true","1",""],"null":{"b":[[],[{}],[[1,-2.5]]]},"c":1.0e+300,"ü: #":"- a"})";
  EXPECT_EQ(ParseJson(YamlToJson(Print(json), 1'000'000).value()).value(), ParseJson(json).value());
}

}  // namespace
}  // namespace mlnode::rest
