#include "connectors/templates/substitution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>

namespace mlnode::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Values = std::map<std::string, std::string, std::less<>>;

Result<std::string> Fill(std::string_view text, const Values& values) {
  return Substitute(text, "parameters.", [&values](std::string_view name) -> std::optional<std::string_view> {
    const auto found = values.find(name.substr(11));
    if (found == values.end()) return std::nullopt;
    return found->second;
  });
}

struct Case {
  const char* text;
  Values values;
  const char* filled;
};

TEST(SubstituteTest, FillsAsThePeerDoes) {
  const std::vector<Case> cases{
      {"", {}, ""},
      {"no placeholder", {{"a", "1"}}, "no placeholder"},
      {"${parameters.a}", {{"a", "1"}}, "1"},
      {"${parameters.a}", {{"a", ""}}, ""},
      {"x${parameters.a}y${parameters.b}z", {{"a", "1"}, {"b", "2"}}, "x1y2z"},
      {"${parameters.none}", {{"a", "1"}}, "${parameters.none}"},
      {"${parameters.none:-}", {}, ""},
      {"${parameters.none:-5}", {}, "5"},
      {"${parameters.a:-5}", {{"a", "1"}}, "1"},
      {"${parameters.none:-a:-b}", {}, "a:-b"},
      {"${parameters.a:-x", {{"a", "1"}}, "${parameters.a:-x"},
      {"$${parameters.a}", {{"a", "1"}}, "${parameters.a}"},
      {"$$${parameters.a}", {{"a", "1"}}, "$${parameters.a}"},
      {"a$${parameters.a}${parameters.a}", {{"a", "1"}}, "a${parameters.a}1"},
      {"${credential.a} ${a} ${parameters.a}", {{"a", "1"}}, "${credential.a} ${a} 1"},
      {"${a ${parameters.a}}", {{"a", "1"}}, "${a 1}"},
      {"${parameters.a}", {{"a", "<${parameters.b}>"}, {"b", "${parameters.c}"}, {"c", "3"}}, "<3>"},
      {"${parameters.a:-${parameters.b}}", {{"b", "2"}}, "${parameters.b}"},  // the first } ends it
      {"${parameters.a}", {{"a", "$${parameters.b}"}, {"b", "2"}}, "${parameters.b}"},
      {"${parameters.a}arameters.b}", {{"a", "${p"}, {"b", "2"}}, "${parameters.b}"},
      {"${parameters.a}${parameters.a}", {{"a", "1"}}, "11"},
      {"\xFF${parameters.a}", {{"a", "\xFE"}}, "\xFF\xFE"},
  };
  for (const Case& c : cases) EXPECT_EQ(Fill(c.text, c.values).value(), c.filled) << c.text;
}

TEST(SubstituteTest, CircleIsNamed) {
  const auto filled = Fill("${parameters.a}", {{"a", "${parameters.b}"}, {"b", "${parameters.a}"}});
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, Code::kInvalidArgument);
  EXPECT_EQ(filled.error().message, "Infinite loop in property interpolation of a: a->b->a");
}

TEST(SubstituteTest, ParameterOfItselfIsACircle) {
  EXPECT_EQ(Fill("${parameters.a}", {{"a", "x${parameters.a}"}}).error().message,
            "Infinite loop in property interpolation of a: a->a");
}

TEST(SubstituteTest, DepthIsBounded) {
  Values chain{{"0", "end"}};
  for (int i = 1; i <= kMaxSubstitutionDepth; ++i)
    chain[std::to_string(i)] = "${parameters." + std::to_string(i - 1) + "}";
  EXPECT_EQ(Fill("${parameters.15}", chain).value(), "end");
  const auto filled = Fill("${parameters.16}", chain);
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, Code::kInvalidArgument);
  EXPECT_THAT(filled.error().message, HasSubstr("16 deep"));
}

// Each value names the next ten times: 10^15 ends.
Values Explosion(std::string end) {
  Values values{{"0", std::move(end)}};
  for (int i = 1; i < kMaxSubstitutionDepth; ++i) {
    std::string& value = values[std::to_string(i)];
    for (int n = 0; n < 10; ++n) value += "${parameters." + std::to_string(i - 1) + "}";
  }
  return values;
}

TEST(SubstituteTest, ExponentialExpansionEnds) {
  for (const char* end : {"", "x", "a longer text that is put there again and again"}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto filled = Fill("${parameters.15}", Explosion(end));
    ASSERT_FALSE(filled);
    EXPECT_EQ(filled.error().code, Code::kTooLarge);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  }
}

TEST(SubstituteTest, OpenPlaceholdersCostNoMoreThanTheirLength) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "${parameters.";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Fill(text, {}).value(), text);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(PlaceholdersTest, NamesEachOnceInOrder) {
  EXPECT_THAT(Placeholders("${parameters.b} ${parameters.a:-1} ${parameters.b} ${credential.c} $${parameters.d}",
                           "parameters."),
              ElementsAre("b", "a"));
}

TEST(PlaceholdersTest, AnErrorTextIsBounded) {
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "${parameters." + std::to_string(i) + std::string(1'000, 'x') + "}";
  const auto names = Placeholders(text, "parameters.");
  ASSERT_THAT(names, SizeIs(100));
  EXPECT_THAT(names[0], SizeIs(200));
}

TEST(EscapeJsonTest, EscapesAsCommonsText) {
  EXPECT_EQ(EscapeJson("plain text 0.5"), "plain text 0.5");
  EXPECT_EQ(EscapeJson("a \"quoted\" \\ text\nnew line"), R"(a \"quoted\" \\ text\nnew line)");
  EXPECT_EQ(EscapeJson("a/b\b\f\r\t"), R"(a\/b\b\f\r\t)");
  EXPECT_EQ(EscapeJson(std::string_view("\0\x1f\x7f", 3)), R"(\u0000\u001F\u007F)");
  EXPECT_EQ(EscapeJson("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), R"(\u00E9\u20AC\uD83D\uDE00)");
  EXPECT_EQ(EscapeJson("a\xFFz\xC3"), R"(a\uFFFDz\uFFFD)");
}

}  // namespace
}  // namespace mlnode::connectors
