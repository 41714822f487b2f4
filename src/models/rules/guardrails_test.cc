#include "models/rules/guardrails.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

using ::testing::HasSubstr;

json::object Given(const std::string& text) { return ParseJsonObject(text).value(); }
std::shared_ptr<const Guardrails> Compiled(const std::string& text) { return Guardrails::Compile(Given(text)).value(); }
std::string Refused(const std::string& text) {
  const auto parsed = ParseGuardrails(Given(text));
  return parsed ? "" : parsed.error().message;
}

TEST(GuardrailsTest, APatternBlocksWhatItMatchesAsAWhole) {
  const auto guard = Compiled(R"({"input_guardrail":{"regex":[".*secret.*"]}})");
  EXPECT_TRUE(guard->Blocks(GuardSide::kInput, R"({"prompt":"a secret"})"));
  EXPECT_FALSE(guard->Blocks(GuardSide::kInput, "nothing"));
  EXPECT_FALSE(guard->Blocks(GuardSide::kInput, "a\nsecret")) << "a dot matches no line break, as with the peer";
  EXPECT_FALSE(guard->Blocks(GuardSide::kOutput, "a secret")) << "this side has no rules";
  EXPECT_FALSE(Compiled(R"({"input_guardrail":{"regex":["secret"]}})")->Blocks(GuardSide::kInput, "a secret"));
}

TEST(GuardrailsTest, StopWordsAreWordsAndPhrasesInAnyCase) {
  const auto guard =
      Compiled(R"({"type":"local_regex","output_guardrail":{"stop_words":[{"words":["Bomb","credit card"]}]}})");
  EXPECT_TRUE(guard->Blocks(GuardSide::kOutput, R"({"text":"how to build a BOMB."})"));
  EXPECT_TRUE(guard->Blocks(GuardSide::kOutput, "my Credit-Card number"));
  EXPECT_FALSE(guard->Blocks(GuardSide::kOutput, "bombastic card, credit"));
}

TEST(GuardrailsTest, EscapesHideNothing) {
  const auto words = Compiled(R"({"input_guardrail":{"stop_words":[{"words":["bomb","caf\u00e9"]}]}})");
  EXPECT_TRUE(words->Blocks(GuardSide::kInput, R"({"prompt":"a \u0062om\u0062"})"));
  EXPECT_TRUE(words->Blocks(GuardSide::kInput, R"({"prompt":"first line\nbomb"})"));
  EXPECT_TRUE(words->Blocks(GuardSide::kInput, R"({"prompt":"caf\u00E9"})")) << "as a request's text goes out";
  EXPECT_TRUE(words->Blocks(GuardSide::kInput, "{}\n{\"a\":\"\\u0062omb\",\"a\":\"x\"}"));
  EXPECT_FALSE(words->Blocks(GuardSide::kInput, R"({"prompt":"a \\u0062omb"})")) << "a backslash, as text";
  const auto pattern = Compiled(R"({"input_guardrail":{"regex":[".*secret.*"]}})");
  EXPECT_TRUE(pattern->Blocks(GuardSide::kInput, R"({"prompt":"first\n\u0073ecret"})"));
  EXPECT_FALSE(pattern->Blocks(GuardSide::kInput, R"({"prompt":"first\n\u0074ecret"})"));
}

TEST(GuardrailsTest, WhatIsNotUtf8CannotBeJudged) {
  const auto guard = Compiled(R"({"input_guardrail":{"regex":["x"]}})");
  EXPECT_TRUE(guard->Blocks(GuardSide::kInput, "a\xFF"));
  EXPECT_TRUE(guard->Blocks(GuardSide::kInput, std::string_view("s\0e\0c\0", 6))) << "UTF-16";
  EXPECT_FALSE(guard->Blocks(GuardSide::kOutput, "a\xFF")) << "this side has no rules";
  EXPECT_FALSE(guard->Blocks(GuardSide::kInput, "\xC3\xA9"));
}

TEST(GuardrailsTest, AModelAcceptsWhatItsAnswerMatches) {
  const auto guard = Compiled(
      R"({"type":"model","input_guardrail":{"model_id":"judge","response_filter":"$.x","response_validation_regex":"^\\s*\"[Aa]ccept\"\\s*$"}})");
  ASSERT_NE(guard->JudgeOf(GuardSide::kInput), nullptr);
  EXPECT_EQ(guard->JudgeOf(GuardSide::kInput)->model, ModelId("judge"));
  EXPECT_EQ(guard->JudgeOf(GuardSide::kInput)->response_filter, "$.x");
  EXPECT_EQ(guard->JudgeOf(GuardSide::kOutput), nullptr);
  EXPECT_TRUE(guard->Accepts(GuardSide::kInput, R"( "accept" )"));
  EXPECT_FALSE(guard->Accepts(GuardSide::kInput, R"("reject")"));
  EXPECT_FALSE(guard->Accepts(GuardSide::kOutput, R"("accept")"));
}

TEST(GuardrailsTest, TheStoredFormHoldsWhatCounts) {
  const auto stored = ParseGuardrails(Given(
      R"({"more":1,"input_guardrail":{"regex":["a"],"stop_words":[{"words":["b"],"source_fields":["t"]}],"x":2}})"));
  EXPECT_EQ(ToJson(*stored),
            R"({"type":"local_regex","input_guardrail":{"regex":["a"],"stop_words":[{"words":["b"]}]}})");
  EXPECT_EQ(ToJson(ParseGuardrails(*stored).value()), ToJson(*stored));
}

TEST(GuardrailsTest, WhatCannotBeJudgedIsRefusedWhenItIsGiven) {
  EXPECT_EQ(Refused(R"({"type":"other"})"), "The type of guardrails is required, can not be null.");
  EXPECT_THAT(Refused(R"({"input_guardrail":{"stop_words":[{"index_name":"words","source_fields":["title"]}]}})"),
              HasSubstr("guardrails.input_guardrail.stop_words[0]] names the index [words], which does not exist"));
  EXPECT_THAT(Refused(R"({"input_guardrail":{"regex":["(a"]}})"), HasSubstr("guardrails.input_guardrail.regex[0]"));
  EXPECT_THAT(Refused(R"({"input_guardrail":{"regex":["(?<=a)b"]}})"), HasSubstr("RE2"));
  EXPECT_THAT(Refused(R"({"type":"model","output_guardrail":{"model_id":"m"}})"),
              HasSubstr("response_validation_regex"));
  EXPECT_THAT(Refused(R"({"type":"model","output_guardrail":{}})"), HasSubstr("model_id"));
  EXPECT_THAT(Refused(R"({"input_guardrail":{"stop_words":[{"words":["..."]}]}})"), HasSubstr("[...]"));
}

TEST(GuardrailsTest, ARegexBombTakesLinearTime) {
  const auto guard = Compiled(R"({"input_guardrail":{"regex":["(a+)+$","(a|aa)+b"]}})");
  EXPECT_TRUE(guard->Blocks(GuardSide::kInput, std::string(200'000, 'a')));
  EXPECT_FALSE(guard->Blocks(GuardSide::kInput, std::string(200'000, 'a') + "!"));
}

}  // namespace
}  // namespace mlnode::models
