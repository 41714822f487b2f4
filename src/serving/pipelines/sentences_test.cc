#include "serving/pipelines/sentences.h"

#include <gmock/gmock.h>

#include <string>

namespace mlnode::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  for (const Sentence& sentence : SplitSentences(text)) {
    parts.emplace_back(text.substr(sentence.begin, sentence.end - sentence.begin));
  }
  return parts;
}

TEST(SplitSentencesTest, EndsAreFullStopsExclamationAndQuestionMarks) {
  EXPECT_THAT(Split("It rains. Does it? Yes!  No end"), ElementsAre("It rains.", "Does it?", "Yes!", "No end"));
  EXPECT_THAT(Split("One."), ElementsAre("One."));
  EXPECT_THAT(Split("3.5 is no end.\nThis is"), ElementsAre("3.5 is no end.", "This is"));
}

TEST(SplitSentencesTest, NothingIsNoSentence) {
  EXPECT_THAT(Split(""), IsEmpty());
  EXPECT_THAT(Split(" \n\t"), IsEmpty());
  EXPECT_THAT(Split("A day.  "), ElementsAre("A day."));
}

TEST(SplitSentencesTest, AbbreviationsEndNothingAndStayAsTheyAre) {
  EXPECT_THAT(Split("Mr. Fox met Dr.  Who. They spoke."), ElementsAre("Mr. Fox met Dr.  Who.", "They spoke."));
  EXPECT_THAT(Split("Fruit, e.g. apples, i.e. food etc. is good. Yes."),
              ElementsAre("Fruit, e.g. apples, i.e. food etc. is good.", "Yes."));
  EXPECT_THAT(Split("See fig. 1 vs. fig. 2. Done."), ElementsAre("See fig. 1 vs. fig. 2.", "Done."));
}

TEST(SplitSentencesTest, AbbreviationsCountOnlyAsWordsBeforeWhiteSpace) {
  EXPECT_THAT(Split("A bigfig. Next."), ElementsAre("A bigfig.", "Next."));
  EXPECT_THAT(Split("He has a Ph.Dr.! Next."), ElementsAre("He has a Ph.Dr.!", "Next."));
}

TEST(SplitSentencesTest, LetterStopLetterEndsNothing) {
  EXPECT_THAT(Split("At 9 a.m. it began. Then."), ElementsAre("At 9 a.m. it began.", "Then."));
  EXPECT_THAT(Split("The U.S. is here. Then."), ElementsAre("The U.S. is here.", "Then."));
}

TEST(SplitSentencesTest, ALetterAndACapitalEndNothingASingleInitialDoes) {
  EXPECT_THAT(Split("By JK. Smith. Then."), ElementsAre("By JK. Smith.", "Then."));
  EXPECT_THAT(Split("By J. Smith."), ElementsAre("By J.", "Smith."));
}

TEST(SplitSentencesTest, AnEndInQuotationMarksEnds) {
  EXPECT_THAT(Split("\"It rains.\" She left."), ElementsAre("\"It rains.\"", "She left."));
  EXPECT_THAT(Split("\"Why?\" he asked. So."), ElementsAre("\"Why?\"", "he asked.", "So."));
}

TEST(SplitSentencesTest, PlacesAreBytesAndUtf16Units) {
  const auto sentences = SplitSentences(" Köln ist \xf0\x9f\x90\x88. Ja.");
  ASSERT_EQ(sentences.size(), 2U);
  EXPECT_EQ(sentences[0].begin, 1U);
  EXPECT_EQ(sentences[0].end, 16U);
  EXPECT_EQ(sentences[0].utf16_begin, 1U);
  EXPECT_EQ(sentences[0].utf16_end, 13U);
  EXPECT_EQ(sentences[1].begin, 17U);
  EXPECT_EQ(sentences[1].utf16_begin, 14U);
  EXPECT_EQ(sentences[1].utf16_end, 17U);
}

TEST(SentencesOfWordsTest, WordsStandOneUnitApart) {
  const auto of_words = [](std::string_view text) { return SentencesOfWords(text, SplitSentences(text)); };
  EXPECT_THAT(of_words("It rains. ð it! So."), ElementsAre(0, 0, 1, 1, 2));
  // Counted at 0, 4 and 7: "Yes." begins before its sentence.
  EXPECT_THAT(of_words("The  a.   Yes."), ElementsAre(0, 0, 0));
  EXPECT_THAT(of_words(" \n"), IsEmpty());
}

}  // namespace
}  // namespace mlnode::serving
