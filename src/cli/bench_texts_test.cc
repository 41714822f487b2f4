#include "cli/bench_texts.h"

#include <gmock/gmock.h>

#include <set>

#include "core/testing/temp_dir.h"

namespace mlnode::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(BenchTextsTest, BuiltInTextsDifferInWordsAndLength) {
  const std::vector<std::string> texts = BuiltInTexts();
  std::set<std::string> distinct(texts.begin(), texts.end());
  EXPECT_EQ(texts.size(), 32u);
  EXPECT_EQ(distinct.size(), 32u);
  std::set<std::size_t> lengths;
  for (const std::string& text : texts) lengths.insert(text.size() / 100);
  EXPECT_GE(lengths.size(), 4u);
}

TEST(BenchTextsTest, ReadsAnArrayOrLines) {
  const mlnode::testing::TempDir dir;
  EXPECT_THAT(ReadTexts(dir.Write("a.json", "[\"one\", \"two\\n\"]")).value(), ElementsAre("one", "two\n"));
  EXPECT_THAT(ReadTexts(dir.Write("a.txt", "one\r\n\ntwo")).value(), ElementsAre("one", "two"));
}

TEST(BenchTextsTest, SaysWhatIsWrongWithAFile) {
  const mlnode::testing::TempDir dir;
  EXPECT_EQ(ReadTexts(dir.path() + "/absent").error().code, Code::kNotFound);
  EXPECT_EQ(ReadTexts(dir.Write("empty", "\n\n")).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ReadTexts(dir.Write("none", "[]")).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ReadTexts(dir.Write("broken", "[\"a\"")).error().code, Code::kInvalidArgument);
  EXPECT_THAT(ReadTexts(dir.Write("number", "[\"a\", 1]")).error().message, HasSubstr("entry 1 of the texts"));
}

TEST(BenchTextsTest, BodiesTakeTheTextsRoundAndRound) {
  EXPECT_THAT(MakeBodies({"a", "b", "\""}, 1),
              ElementsAre(R"({"text_docs":["a"]})", R"({"text_docs":["b"]})", R"({"text_docs":["\""]})"));
  EXPECT_THAT(MakeBodies({"a", "b", "c"}, 2),
              ElementsAre(R"({"text_docs":["a","b"]})", R"({"text_docs":["c","a"]})", R"({"text_docs":["b","c"]})"));
  EXPECT_THAT(MakeBodies({"a", "b"}, 4),
              ElementsAre(R"({"text_docs":["a","b","a","b"]})", R"({"text_docs":["a","b","a","b"]})"));
}

}  // namespace
}  // namespace mlnode::cli
