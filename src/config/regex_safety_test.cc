#include "config/regex_safety.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::config {
namespace {

TEST(RegexSafetyTest, AcceptsOrdinaryPatterns) {
  for (const char* pattern :
       {R"(^https://api\.openai\.com/.*$)", R"(^https://rekognition(-fips)?\..*$)", "(a|b)+", "", "a{2,3}"}) {
    EXPECT_TRUE(CheckRegexIsSafe(pattern)) << pattern;
  }
}

TEST(RegexSafetyTest, RefusesNestedQuantifiersAndBackReferences) {
  for (const std::string pattern : {"(a+)+", "(a*b)*", "(a{2})+", R"((a)\1)", "(x+){3}"}) {
    EXPECT_EQ(CheckRegexIsSafe(pattern).error().message,
              "Regex pattern contains nested quantifiers or backreferences that may cause ReDoS: " + pattern);
  }
}

TEST(RegexSafetyTest, RefusesWhatIsNoPattern) {
  EXPECT_EQ(CheckRegexIsSafe("([").error().message, "Invalid regex pattern: ([");
  EXPECT_EQ(CheckRegexIsSafe("(?=a)").error().message, "Invalid regex pattern: (?=a)");
}

TEST(RegexSafetyTest, RefusesMoreThan256Characters) {
  EXPECT_TRUE(CheckRegexIsSafe(std::string(256, 'a')));
  const std::string pattern(257, 'a');
  EXPECT_EQ(CheckRegexIsSafe(pattern).error().message, "Regex pattern too long (max 256 chars): " + pattern);
}

}  // namespace
}  // namespace mlnode::config
