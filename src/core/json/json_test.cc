#include "core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace mlnode {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

json::object Object(std::string_view text) { return ParseJsonObject(text).value(); }

TEST(ParseJsonTest, KeepsKeyOrderAndKinds) {
  EXPECT_EQ(ToJson(ParseJson(R"({"b":1,"a":[true,null,-2,1.5,"x"],"c":{}})").value()),
            R"({"b":1,"a":[true,null,-2,1.5,"x"],"c":{}})");
}

TEST(ParseJsonTest, ReadsDoublesExactly) {
  for (const char* text :
       {"0.1", "123456.7890123456", "9007199254740993.5", "2.2250738585072014e-308", "0.30000000000000004"}) {
    EXPECT_EQ(ParseJson(text).value().as_double(), std::strtod(text, nullptr)) << text;
  }
}

TEST(ParseJsonTest, ReadsNumbersTooSmallForDoubleAsZero) { EXPECT_EQ(ParseJson("1e-999").value().as_double(), 0.0); }

TEST(ParseJsonTest, AcceptsSixtyFourLevelsAndRefusesOneMore) {
  const std::string deepest = std::string(64, '[') + std::string(64, ']');
  EXPECT_TRUE(ParseJson(deepest));
  const auto refused = ParseJson("[" + deepest + "]");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "json_parse_exception");
  EXPECT_THAT(refused.error().message, HasSubstr("nesting depth (65) exceeds the maximum allowed (64)"));
}

TEST(ParseJsonTest, RefusesDuplicateFieldsAtAnyLevel) {
  for (const char* text : {R"({"x":1,"x":2})", R"([{"a":{"x":{"y":1},"x":2}}])", R"({"x":1,"\u0078":2})"}) {
    const auto refused = ParseJson(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().reason, "json_parse_exception");
    EXPECT_THAT(refused.error().message, HasSubstr("Duplicate field 'x'\n at [Source: "));
  }
}

TEST(ParseJsonObjectTest, NamesWhatWasFoundInstead) {
  const char* const cases[][2] = {{"[]", "START_ARRAY"},
                                  {"\"x\"", "VALUE_STRING"},
                                  {"1.5", "VALUE_NUMBER"},
                                  {"null", "VALUE_NULL"},
                                  {"true", "VALUE_BOOLEAN"}};
  for (const auto& [text, token] : cases) {
    const auto refused = ParseJsonObject(text);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "parsing_exception");
    EXPECT_EQ(refused.error().message,
              "Failed to parse object: expecting token of type [START_OBJECT] but found [" + std::string(token) + "]");
  }
}

TEST(ToJsonTest, PrintsShortestNumbersThatShowTheirKind) {
  const json::value value = {5.0,
                             0.1,
                             -0.0,
                             1e-5,
                             100000.0,
                             12345678.0,
                             1.7e300,
                             std::numeric_limits<std::int64_t>::min(),
                             std::numeric_limits<std::uint64_t>::max()};
  EXPECT_EQ(ToJson(value),
            "[5.0,0.1,-0.0,1e-05,100000.0,1.2345678e+07,1.7e+300,-9223372036854775808,18446744073709551615]");
}

TEST(ToJsonTest, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(ToJson(json::value("a\"\\\b\f\n\r\t\x01\x1f/é")), R"("a\"\\\b\f\n\r\t\u0001\u001F/é")");
}

TEST(ToJsonTest, ReadsBackAsTheSameDouble) {
  for (const double number : {0.1 + 0.2, 1e21, 4.9e-324, 1.7976931348623157e308, 9999999.999999998}) {
    EXPECT_EQ(ParseJson(ToJson(json::value(number))).value().as_double(), number);
  }
}

TEST(ToPrettyJsonTest, IndentsByTwoAsThePeer) {
  EXPECT_EQ(ToPrettyJson(ParseJson(R"({"a":1,"b":{},"c":[],"d":[1,{"e":"f"}]})").value()),
            "{\n  \"a\" : 1,\n  \"b\" : { },\n  \"c\" : [ ],\n  \"d\" : [\n    1,\n    {\n      \"e\" : \"f\"\n    }\n "
            " ]\n}\n");
}

TEST(AppendFloatTest, IsShortestForFloatNotDouble) {
  std::string out;
  for (const float value : {0.1F, 1.0F, -0.0F, 3.4028235e38F, 1e-45F, 0.012345679F}) {
    AppendFloat(out, value);
    out.push_back(' ');
  }
  EXPECT_EQ(out, "0.1 1.0 -0.0 3.4028235e+38 1e-45 0.012345679 ");
}

TEST(StringFieldTest, ReadsScalarsAndRefusesContainers) {
  const json::object object = Object(R"({"s":"x","n":1,"b":true,"z":null,"o":{}})");
  EXPECT_EQ(StringField(object, "s").value(), "x");
  EXPECT_EQ(StringField(object, "n").value(), "1");
  EXPECT_EQ(StringField(object, "b").value(), "true");
  EXPECT_EQ(StringField(object, "z").value(), std::nullopt);
  EXPECT_EQ(StringField(object, "none").value(), std::nullopt);
  EXPECT_EQ(StringField(object, "o").error().message,
            "Failed to parse field [o]: expected a string but found [START_OBJECT]");
}

TEST(IntFieldTest, ReadsWholeNumbersAndNumericStrings) {
  const json::object object = Object(R"({"i":-7,"d":3.0,"s":"12","z":null})");
  EXPECT_EQ(IntField(object, "i").value(), -7);
  EXPECT_EQ(IntField(object, "d").value(), 3);
  EXPECT_EQ(IntField(object, "s").value(), 12);
  EXPECT_EQ(IntField(object, "z").value(), std::nullopt);
  EXPECT_EQ(IntField(object, "s", NumericText::kRefuse).error().message, "Integer value passed as String");
}

TEST(IntFieldTest, RefusesWhatIsNoInt64) {
  const json::object object =
      Object(R"({"f":1.5,"big":9223372036854775808,"huge":1e19,"s":"nine","blank":"12 ","a":[1],"b":true})");
  for (const char* key : {"f", "big", "huge", "s", "blank"}) {
    const auto refused = IntField(object, key);
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("field [" + std::string(key) + "]"));
  }
  EXPECT_THAT(IntField(object, "s").error().message, HasSubstr("[nine]"));
  EXPECT_THAT(IntField(object, "a").error().message, HasSubstr("START_ARRAY"));
  EXPECT_THAT(IntField(object, "b").error().message, HasSubstr("VALUE_BOOLEAN"));
}

TEST(BoolFieldTest, ReadsBooleansAndTheirTextOnly) {
  const json::object object = Object(R"({"t":true,"s":"false","y":"yes","n":1,"a":[]})");
  EXPECT_EQ(BoolField(object, "t").value(), true);
  EXPECT_EQ(BoolField(object, "s").value(), false);
  EXPECT_EQ(BoolField(object, "none").value(), std::nullopt);
  EXPECT_EQ(BoolField(object, "y").error().message,
            "Failed to parse value [yes] as only [true] or [false] are allowed.");
  EXPECT_FALSE(BoolField(object, "n"));
  EXPECT_FALSE(BoolField(object, "a"));
}

TEST(StringsFieldTest, ReadsArraysOfScalars) {
  const json::object object = Object(R"({"a":["x",1],"s":"x","nested":[["x"]],"hole":[null]})");
  EXPECT_THAT(*StringsField(object, "a").value(), ElementsAre("x", "1"));
  EXPECT_EQ(StringsField(object, "none").value(), std::nullopt);
  EXPECT_EQ(StringsField(object, "s").error().message,
            "Failed to parse object: expecting token of type [START_ARRAY] but found [VALUE_STRING]");
  EXPECT_EQ(StringsField(object, "s").error().detail, "field s");
  EXPECT_FALSE(StringsField(object, "nested"));
  EXPECT_FALSE(StringsField(object, "hole"));
}

TEST(ObjectFieldTest, PointsIntoTheObject) {
  const json::object object = Object(R"({"o":{"x":1},"z":null,"n":1})");
  EXPECT_EQ(ObjectField(object, "o").value(), &object.at("o").as_object());
  EXPECT_EQ(ObjectField(object, "z").value(), nullptr);
  EXPECT_THAT(ObjectField(object, "n").error().message,
              HasSubstr("field [n]: expected an object but found [VALUE_NUMBER]"));
}

}  // namespace
}  // namespace mlnode
