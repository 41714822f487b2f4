#include "models/rules/json_escapes.h"

#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

TEST(UnescapedTest, AllEscapesOfJson) {
  EXPECT_EQ(Unescaped(R"(plain)", Escapes::kAll), "plain");
  EXPECT_EQ(Unescaped(R"(\u0062omb \n\t\b\f\r\"\\\/)", Escapes::kAll), "bomb \n\t\b\f\r\"\\/");
  EXPECT_EQ(Unescaped(R"(\u00E9\u20ac\uD83D\uDE00)", Escapes::kAll), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST(UnescapedTest, AnEscapedBackslashBeginsNoEscape) {
  EXPECT_EQ(Unescaped(R"(\\u0062)", Escapes::kAll), R"(\u0062)");
  EXPECT_EQ(Unescaped(R"(\\u0062)", Escapes::kLetters), R"(\\u0062)");
}

TEST(UnescapedTest, LettersLeaveTheTextItsForm) {
  EXPECT_EQ(Unescaped(R"({"a":"\u0062\/\u00e9\n\"\\\u0022\u000A"})", Escapes::kLetters),
            "{\"a\":\"b/\xC3\xA9\\n\\\"\\\\\\u0022\\u000A\"}");
}

TEST(UnescapedTest, WhatIsNoEscapeStays) {
  for (const char* text : {R"(\)", R"(\x41)", R"(\u12)", R"(\u12G4)", R"(a\u)", R"(\u+123)", R"(\u-123)"})
    EXPECT_EQ(Unescaped(text, Escapes::kAll), text);
  EXPECT_EQ(Unescaped(R"(\uD83Dx\uDE00)", Escapes::kAll), "\xEF\xBF\xBDx\xEF\xBF\xBD");
  EXPECT_EQ(Unescaped(R"(\uD83D\u0062)", Escapes::kAll),
            "\xEF\xBF\xBD"
            "b");
}

}  // namespace
}  // namespace mlnode::models
