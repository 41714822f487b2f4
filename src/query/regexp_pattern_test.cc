#include "query/regexp_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

namespace mlnode::query {
namespace {

using ::testing::HasSubstr;

bool Matches(std::string_view pattern, const std::string& text) {
  const auto compiled = CompileRegexp(pattern, false);
  EXPECT_TRUE(compiled) << pattern;
  return compiled && re2::RE2::FullMatch(text, **compiled);
}

TEST(CompileRegexpTest, IsAnchored) {
  EXPECT_TRUE(Matches("a.c", "abc"));
  EXPECT_FALSE(Matches("a.c", "xabcx"));
  EXPECT_TRUE(Matches("a.c", "a\nc"));
}

TEST(CompileRegexpTest, TakesAnchorsAsCharacters) {
  EXPECT_TRUE(Matches("^a$", "^a$"));
  EXPECT_FALSE(Matches("^a$", "a"));
}

TEST(CompileRegexpTest, KnowsClassesAndEscapes) {
  EXPECT_TRUE(Matches("[^a-c[]x", "dx"));
  EXPECT_FALSE(Matches("[^a-c[]x", "[x"));
  EXPECT_TRUE(Matches(R"(\d+\.\@\b)", "12.@b"));
  EXPECT_TRUE(Matches("[@#&]", "#"));
}

TEST(CompileRegexpTest, IgnoresCaseWhenAsked) { EXPECT_TRUE(re2::RE2::FullMatch("ABC", **CompileRegexp("abc", true))); }

TEST(CompileRegexpTest, RefusesWhatItCannotRun) {
  for (const char* pattern :
       {"~a", "a&b", "<1-10>", "a@", "a#", "\"a\"", "(?i)a", "(", "[a", "a\\", "((a{900}){900}){9}"}) {
    const auto compiled = CompileRegexp(pattern, false);
    ASSERT_FALSE(compiled) << pattern;
    EXPECT_EQ(compiled.error().code, Code::kInvalidArgument);
    EXPECT_THAT(compiled.error().message, HasSubstr(pattern));
  }
}

}  // namespace
}  // namespace mlnode::query
