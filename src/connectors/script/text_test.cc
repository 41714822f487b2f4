#include "connectors/script/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>
#include <vector>

namespace mlnode::connectors::script {
namespace {

constexpr const char* kFace = "\xF0\x9F\x98\x80";

TEST(TextTest, DoublesPrintAsJavaPrintsThem) {
  const std::vector<std::pair<double, const char*>> cases = {
      {0, "0.0"},
      {-0.0, "-0.0"},
      {1, "1.0"},
      {-12.5, "-12.5"},
      {100, "100.0"},
      {0.001, "0.001"},
      {0.00099, "9.9E-4"},
      {123456.789, "123456.789"},
      {9999999, "9999999.0"},
      {10000000, "1.0E7"},
      {1.25e10, "1.25E10"},
      {1e-300, "1.0E-300"},
      {0.1 + 0.2, "0.30000000000000004"},
      {std::numeric_limits<double>::max(), "1.7976931348623157E308"},
      {std::numeric_limits<double>::infinity(), "Infinity"},
      {-std::numeric_limits<double>::infinity(), "-Infinity"},
      {std::numeric_limits<double>::quiet_NaN(), "NaN"},
  };
  for (const auto& [value, printed] : cases) EXPECT_EQ(JavaDouble(value), printed);
  EXPECT_EQ(JavaFloat(0.1F), "0.1");
  EXPECT_EQ(JavaFloat(3.4028235e38F), "3.4028235E38");
}

TEST(TextTest, NumbersAreReadWholeOrNotAtAll) {
  EXPECT_EQ(ParseWhole("-12"), -12);
  EXPECT_EQ(ParseWhole("+12"), 12);
  EXPECT_EQ(ParseWhole("7f", 16), 127);
  EXPECT_EQ(ParseWhole("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"", "-", "+-1", "1.5", " 1", "1 ", "9223372036854775808", "x"})
    EXPECT_FALSE(ParseWhole(text)) << text;
  EXPECT_EQ(ParseReal(" -1.5e3\n"), -1500);
  EXPECT_EQ(ParseReal("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseReal("-Infinity"), -std::numeric_limits<double>::infinity());
  for (const char* text : {"", " ", "inf", "nan", "0x1", "1,5", "1e", "+-1", "--1"})
    EXPECT_FALSE(ParseReal(text)) << text;
}

TEST(TextTest, HalvesOfAPairThatMeetBecomeOneCharacter) {
  const std::u16string units = ToUnits(kFace);
  ASSERT_EQ(units.size(), 2U);
  EXPECT_EQ(UnitCount(kFace), 2U);
  std::string text;
  AppendUnit(text, units[0]);
  EXPECT_EQ(text.size(), 3U);
  EXPECT_EQ(ToUnits(text), units.substr(0, 1));
  std::string low;
  AppendUnit(low, units[1]);
  AppendText(text, low + "x");
  EXPECT_EQ(text, std::string(kFace) + "x");
  EXPECT_EQ(FromUnits(ToUnits("a\xC3\xA9\xE4\xB8\xAD" + std::string(kFace))),
            "a\xC3\xA9\xE4\xB8\xAD" + std::string(kFace));
  EXPECT_EQ(ToValidUtf8(low + "\xED\x95\x9C"), "\xEF\xBF\xBD\xED\x95\x9C");  // U+D55C begins with the same byte
}

TEST(TextTest, FindingIsLinear) {
  const std::string text(4'000'000, 'a');
  const std::string needle = std::string(2'000'000, 'a') + "b";
  EXPECT_EQ(FindText(text, needle), std::string::npos);
  EXPECT_EQ(FindText("banana", "an", 2), 3U);
  EXPECT_EQ(FindText("abc", "", 3), 3U);
  EXPECT_EQ(FindText("abc", "", 4), std::string::npos);
}

TEST(TextTest, EscapedBytesAreCountedBeforeTheyAreMade) {
  std::string all;
  for (int c = 0; c < 128; ++c) all.push_back(static_cast<char>(c));
  const std::string escaped = EscapeForJson(all + kFace);
  EXPECT_EQ(escaped.size(), EscapedBytes(all + kFace));
  EXPECT_TRUE(escaped.starts_with(R"(\u0000\u0001)")) << escaped;
  EXPECT_TRUE(escaped.find(R"(\b\t\n\u000b\f\r)") != std::string::npos) << escaped;
}

}  // namespace
}  // namespace mlnode::connectors::script
