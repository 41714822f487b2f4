#include "rest/cluster/document_cuts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "core/testing/manual_executor.h"
#include "rest/predict_request.h"

namespace mlnode::rest {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Documents(std::string_view body) {
  const auto cuts = CutDocuments(body);
  std::vector<std::string> texts;
  if (!cuts) return {"none"};
  for (const TextSpan& span : cuts->documents) texts.emplace_back(body.substr(span.begin, span.end - span.begin));
  return texts;
}

TEST(CutDocumentsTest, FindsEachDocumentsText) {
  EXPECT_THAT(Documents(R"({"text_docs":["a","b"]})"), ElementsAre(R"("a")", R"("b")"));
  EXPECT_THAT(Documents(" {\n \"text_docs\" : [ \"a\" ,\t12.5e3 , true\n] } "),
              ElementsAre(R"("a")", "12.5e3", "true"));
  EXPECT_THAT(Documents(R"({"text_docs":["a,]}\"[{","\\","\\\"",""]})"),
              ElementsAre(R"("a,]}\"[{")", R"("\\")", R"("\\\"")", R"("")"));
}

TEST(CutDocumentsTest, LooksAtTheTopOnly) {
  EXPECT_THAT(
      Documents(R"({"a":{"text_docs":["no"]},"b":["text_docs",["no"]],"c":"text_docs","d":-1,"text_docs":["yes"],)"
                R"("e":{"text_docs":["no"]}})"),
      ElementsAre(R"("yes")"));
}

TEST(CutDocumentsTest, WhatItDoesNotFindIsLeftToOthers) {
  for (const char* body :
       {"", "{", "[]", "{}", R"({"text\u005fdocs":["a"]})", R"({"text_docs":null})", R"({"text_docs":[]})",
        R"({"text_docs":["a")", R"({"text_docs":["a",)", R"({"text_docs":["a)", R"({"a":)", R"({"a)", R"({"a\)"}) {
    EXPECT_THAT(Documents(body), ElementsAre("none")) << body;
  }
}

// Whatever the documents hold: the parts' texts, read by the parser of predictions, are those of the whole.
TEST(CutDocumentsTest, PartsHoldTheTextsOfTheWhole) {
  constexpr std::string_view kPieces[] = {"\"", "\\", ",", "[", "]", "{", "}", ":", " ", "\n", "\t", "a", "\xc3\xa4"};
  mlnode::testing::SeededRandom random(7);
  for (int round = 0; round < 200; ++round) {
    json::array documents;
    const std::size_t count = 1 + random.Below(20);
    for (std::size_t i = 0; i < count; ++i) {
      std::string text;
      for (std::uint64_t c = random.Below(12); c > 0; --c) text += kPieces[random.Below(std::size(kPieces))];
      documents.emplace_back(text);
    }
    const json::object whole{{"return_number", true}, {"text_docs", documents}, {"target_response", {"a", "b"}}};
    const std::string body = random.Below(2) == 0 ? ToJson(whole) : ToPrettyJson(whole);
    const auto cuts = CutDocuments(body);
    ASSERT_TRUE(cuts) << body;
    ASSERT_EQ(cuts->documents.size(), count);
    const std::size_t first = random.Below(count), some = 1 + random.Below(count - first);
    const std::string part = BodyOfPart(body, *cuts, first, some);
    const auto parsed = ParseJsonObject(part);
    ASSERT_TRUE(parsed) << part;
    json::object expected = whole;
    expected["text_docs"] = json::array(documents.begin() + static_cast<std::ptrdiff_t>(first),
                                        documents.begin() + static_cast<std::ptrdiff_t>(first + some));
    EXPECT_EQ(*parsed, expected);
  }
}

TEST(SpliceResultsTest, PutsTextsTogether) {
  EXPECT_EQ(ResultsOf(R"({"inference_results":[{"a":1},{}]})"), R"({"a":1},{})");
  EXPECT_EQ(ResultsOf(R"({"inference_results":[]})"), "");
  for (const char* other : {"", "{}", R"({"inference_results":[)", R"({"inference_results":[]} )",
                            R"({ "inference_results":[]})", R"({"inference_results":]})"}) {
    EXPECT_EQ(ResultsOf(other), std::nullopt) << other;
  }
  EXPECT_EQ(SpliceResults({R"({"a":1},{})", R"({"b":2})"}), R"({"inference_results":[{"a":1},{},{"b":2}]})");
  EXPECT_EQ(SpliceResults({"{}"}), R"({"inference_results":[{}]})");
}

}  // namespace
}  // namespace mlnode::rest
