#include "core/json/json_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"

namespace mlnode {
namespace {

std::string At(int line, int column) {
  return "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: " + std::to_string(line) +
         ", column: " + std::to_string(column) + "]";
}

struct Case {
  std::string text;
  std::string message;
  int column;
  int line = 1;
};
class JsonErrorTest : public testing::TestWithParam<Case> {};

// Every text is given to ParseJson, so that a fault which the parser would accept shows up too.
TEST_P(JsonErrorTest, SpeaksAsThePeer) {
  const auto result = ParseJson(GetParam().text);
  ASSERT_FALSE(result) << GetParam().text;
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().message, GetParam().message + "\n at " + At(GetParam().line, GetParam().column));
}

class JsonEndTest : public JsonErrorTest {};
TEST_P(JsonEndTest, IsAnEndOfFileException) {
  EXPECT_EQ(ParseJson(GetParam().text).error().reason, "json_e_o_f_exception");
}
TEST_P(JsonEndTest, SpeaksAsThePeer) {
  EXPECT_EQ(ParseJson(GetParam().text).error().message,
            GetParam().message + "\n at " + At(GetParam().line, GetParam().column));
}

// The first seven as recorded from the peer.
INSTANTIATE_TEST_SUITE_P(
    Recorded, JsonEndTest,
    testing::Values(
        Case{R"({"persistent": {)",
             "Unexpected end-of-input: expected close marker for Object (start marker at " + At(1, 16) + ")", 17},
        Case{R"({"query": {)",
             "Unexpected end-of-input: expected close marker for Object (start marker at " + At(1, 11) + ")", 12},
        Case{R"({"text_docs": [)",
             "Unexpected end-of-input: expected close marker for Array (start marker at " + At(1, 15) + ")", 16},
        Case{R"({"name": )", "Unexpected end-of-input within/between Object entries", 10},
        Case{R"({"node_ids": )", "Unexpected end-of-input within/between Object entries", 14},
        Case{R"({"node_ids")", "Unexpected end-of-input within/between Object entries", 12},
        Case{R"({"name")", "Unexpected end-of-input within/between Object entries", 8}));
INSTANTIATE_TEST_SUITE_P(
    Ends, JsonEndTest,
    testing::Values(Case{"", "No content to map due to end-of-input", 1},
                    Case{"\n{\"a\":1",
                         "Unexpected end-of-input: expected close marker for Object (start marker at " + At(2, 1) + ")",
                         7, 2},
                    Case{R"({"a":1,)", "Unexpected end-of-input within/between Object entries", 8},
                    Case{"[1,", "Unexpected end-of-input within/between Array entries", 4},
                    Case{R"({"a)", "Unexpected end-of-input in field name", 4},
                    Case{R"(["a)", "Unexpected end-of-input: was expecting closing quote for a string value", 4},
                    Case{R"(["\)", "Unexpected end-of-input in character escape sequence", 4},
                    Case{R"(["\u12)", "Unexpected end-of-input in character escape sequence", 7},
                    Case{"[-", "Unexpected end-of-input in a Number value", 3},
                    Case{"1e", "Unexpected end-of-input in a Number value", 3},
                    Case{"[\"\xC3", "Unexpected end-of-input in UTF-8 character", 4}));

const std::string kValues = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
INSTANTIATE_TEST_SUITE_P(
    Structure, JsonErrorTest,
    testing::Values(
        Case{"{ name: 1}", "Unexpected character ('n' (code 110)): was expecting double-quote to start field name", 3},
        Case{R"({"a":1,})", "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 8},
        Case{R"({"a" 1})",
             "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 6},
        Case{R"({"a":1 "b":2})",
             "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 8},
        Case{"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 4},
        Case{"[1,]", "Unexpected character (']' (code 93)): expected a valid value " + kValues, 4},
        Case{"\n\n [€]", "Unrecognized token '€': was expecting " + kValues, 6, 3},
        Case{"{€}", "Unexpected character ('€' (code 8364 / 0x20ac)): was expecting double-quote to start field name",
             2},
        Case{std::string("[\0]", 3), "Unexpected character ((CTRL-CHAR, code 0)): expected a valid value " + kValues,
             2},
        Case{R"({"a":1])", "Unexpected close marker ']': expected '}' (for Object starting at " + At(1, 1) + ")", 7},
        Case{"[1}", "Unexpected close marker '}': expected ']' (for Array starting at " + At(1, 1) + ")", 3},
        Case{"{}}", "Unexpected character ('}' (code 125)): expected a value, not a close marker", 3},
        Case{"{} {}", "Trailing content found after value", 4},
        Case{"{\"a\":tru}", "Unrecognized token 'tru': was expecting " + kValues, 9},
        Case{"nul", "Unrecognized token 'nul': was expecting " + kValues, 4},
        Case{"[NaN]", "Unrecognized token 'NaN': was expecting " + kValues, 5},
        Case{"// c\n1", "Unexpected character ('/' (code 47)): expected a valid value " + kValues, 1}));
INSTANTIATE_TEST_SUITE_P(
    Scalars, JsonErrorTest,
    testing::Values(
        Case{"[01]", "Invalid numeric value: Leading zeroes not allowed", 2},
        Case{"[-x]",
             "Unexpected character ('x' (code 120)) in numeric value: expected digit (0-9) to follow minus sign, for "
             "valid numeric value",
             3},
        Case{"[1.x]", "Unexpected character ('x' (code 120)) in numeric value: Decimal point not followed by a digit",
             4},
        Case{"[1ex]",
             "Unexpected character ('x' (code 120)) in numeric value: Exponent indicator not followed by a digit", 4},
        Case{"12a", "Unexpected character ('a' (code 97)): Expected space separating root-level values", 3},
        Case{"[1e999]", "Numeric value (1e999) out of range of double", 2},
        Case{"[\"a\nb\"]",
             "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in "
             "string value",
             4},
        Case{"{\"a\tb\":1}",
             "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in "
             "name",
             4},
        Case{R"(["\x"])", "Unrecognized character escape 'x' (code 120)", 4},
        Case{R"(["\u12G4"])",
             "Unexpected character ('G' (code 71)): expected a hex-digit for character escape sequence", 7},
        Case{R"(["\ud800"])", "Incomplete surrogate pair in character escape \\ud800", 3},
        Case{R"(["\ud800\u0041"])", "Incomplete surrogate pair in character escape \\ud800", 3},
        Case{R"(["\udc00"])", "Incomplete surrogate pair in character escape \\udc00", 3},
        Case{"[\"\xFF\"]", "Invalid UTF-8 start byte 0xff", 3},
        Case{"[\"\xC3(\"]", "Invalid UTF-8 middle byte 0x28", 4}, Case{R"({"a":1,"a":2})", "Duplicate field 'a'", 11}));

TEST(JsonErrorTextTest, ParseFaultsAreNoEndOfFile) {
  EXPECT_EQ(ParseJson("[1,]").error().reason, "json_parse_exception");
}

TEST(JsonErrorTextTest, LongTokensAreCutInMessages) {
  const std::string message = ParseJson(std::string(100'000, 'x')).error().message;
  EXPECT_LT(message.size(), 600U);
}

TEST(JsonErrorTextTest, AnswersEvenForTextThatIsValid) {
  EXPECT_EQ(DescribeJsonError("{}", 64).reason, "json_parse_exception");
}

}  // namespace
}  // namespace mlnode
