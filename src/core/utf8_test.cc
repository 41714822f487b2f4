#include "core/utf8.h"

#include <gtest/gtest.h>

namespace mlnode {
namespace {

TEST(Utf8Test, DecodesWhatItAppends) {
  for (const std::uint32_t code :
       {0x00U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xD7FFU, 0xE000U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    std::string text;
    AppendUtf8(text, code);
    const Utf8Char decoded = DecodeUtf8(text);
    EXPECT_EQ(decoded.code, code);
    EXPECT_EQ(decoded.length, text.size());
  }
}

TEST(Utf8Test, RefusesMalformedText) {
  for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xC3(", "\xFF"}) {
    EXPECT_EQ(DecodeUtf8(text).length, 0U);
    EXPECT_FALSE(IsValidUtf8(std::string("ok") + text));
  }
  EXPECT_EQ(DecodeUtf8("").length, 0U);
}

TEST(Utf8Test, AcceptsValidText) { EXPECT_TRUE(IsValidUtf8("aé€😀")); }

TEST(Utf8Test, TruncatesBetweenCharacters) {
  EXPECT_EQ(TruncateUtf8("a€b", 4), "a€");
  EXPECT_EQ(TruncateUtf8("a€b", 3), "a");
  EXPECT_EQ(TruncateUtf8("€", 2), "");
  EXPECT_EQ(TruncateUtf8("abc", 3), "abc");
}

}  // namespace
}  // namespace mlnode
