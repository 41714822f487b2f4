#include <gmock/gmock.h>

#include <algorithm>

#include "serving/testing/function_fixture.h"

namespace mlnode::serving {
namespace {

using engines::ModelFormat;
using ::testing::ElementsAre;
using testing::GraphSequence;
using ::testing::HasSubstr;
using testing::ScriptedGraph;

class SentenceHighlightingTest : public testing::FunctionFixture {
 protected:
  // Finds the sentences that hold "cat".
  SentenceHighlightingTest() {
    graph_.inputs = {"input_ids", "attention_mask", "token_type_ids", "sentence_ids"};
    graph_.outputs = {"sentences"};
    graph_.run = [this](const GraphSequence& sequence) {
      seen_.assign(sequence.feature.begin(), sequence.feature.end());
      std::vector<std::int64_t> found;
      for (std::size_t i = 0; i < sequence.ids.size(); ++i) {
        if (sequence.ids[i] == 6) found.push_back(sequence.feature[i]);
      }
      found.push_back(1'000);  // out of range: dropped
      const auto size = static_cast<std::int64_t>(found.size());
      return std::vector{testing::Int64Tensor(std::move(found), {size})};
    };
  }
  LoadSpec Spec(const std::string& all_config = "") {
    LoadSpec spec = Store(models::FunctionName::kQuestionAnswering, ModelFormat::kOnnx);
    spec.config.model_type = "Sentence_Highlighting";
    spec.config.all_config = all_config;
    return spec;
  }
  std::string Highlights(const std::string& question, const std::string& context) {
    const Documents documents = Answer({context}, WithPair(question));
    return documents.empty() ? "" : documents[0][0].data_as_map;
  }
  ScriptedGraph graph_;
  std::vector<std::int64_t> seen_;  // sentence_ids of the last sequence
};

TEST_F(SentenceHighlightingTest, AnswersTheSentencesWithTheirPlaces) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  EXPECT_EQ(scripted_->options().output_rule, engines::OutputRule::kWhole);
  EXPECT_THAT(scripted_->options().inputs,
              ElementsAre("input_ids", "attention_mask", "token_type_ids", "sentence_ids"));
  const Documents documents = Answer({"A cat. Cat sat on the mat."}, WithPair("dog"));
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(documents[0][0].name, "highlights");
  EXPECT_EQ(documents[0][0].data_as_map, R"({"highlights":[{"text":"A cat.","position":0,"start":0,"end":6},)"
                                         R"({"text":"Cat sat on the mat.","position":1,"start":7,"end":26}]})");
}

// The tokenizer counts "." as a word, white space does not: as with the peer.
TEST_F(SentenceHighlightingTest, TokensHaveTheSentenceOfTheirWordNumberAndTheQuestionNone) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  Highlights("the cat", "The dog. A mat!");  // [CLS] the cat [SEP] the dog . a mat ! [SEP]
  EXPECT_THAT(seen_, ElementsAre(-100, -100, -100, -100, 0, 0, 1, 1, -100, -100, -100));
}

TEST_F(SentenceHighlightingTest, NoneIsAnEmptyList) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  EXPECT_EQ(Highlights("dog", "The dog."), R"({"highlights":[]})");
  EXPECT_EQ(Highlights("dog", "  "), R"({"highlights":[]})");
}

TEST_F(SentenceHighlightingTest, LongContextsAreReadInPiecesAndMerged) {
  graph_.run = [](const GraphSequence& sequence) {  // the sentence with which a piece begins, twice
    const auto first = std::ranges::find_if(sequence.feature, [](std::int64_t id) { return id >= 0; });
    const std::int64_t found = first == sequence.feature.end() ? -100 : *first;
    return std::vector{testing::Int64Tensor({found, found}, {2})};
  };
  ASSERT_TRUE(Serve(Spec(R"({"token_max_length":16,"token_overlap_stride":4})"), graph_));
  EXPECT_EQ(servable_->info().max_tokens, 16);
  std::string context;
  for (int i = 0; i < 20; ++i) context += "The dog. ";
  // 12 tokens of the context a piece, 4 of them shared: pieces begin at each eighth of its 60 words.
  const std::string found = Highlights("dog", context);
  EXPECT_EQ(found, R"({"highlights":[{"text":"The dog.","position":0,"start":0,"end":8},)"
                   R"({"text":"The dog.","position":4,"start":36,"end":44},)"
                   R"({"text":"The dog.","position":8,"start":72,"end":80},)"
                   R"({"text":"The dog.","position":12,"start":108,"end":116},)"
                   R"({"text":"The dog.","position":16,"start":144,"end":152}]})");
}

TEST_F(SentenceHighlightingTest, WithoutOverflowingOnlyTheFirstPieceIsRead) {
  const std::string config = R"({"token_max_length":16,"token_overlap_stride":4,"with_overflowing_tokens":false})";
  ASSERT_TRUE(Serve(Spec(config), graph_));
  std::string context = "A cat. ";
  for (int i = 0; i < 10; ++i) context += "The dog. ";
  const auto result = Ask({context + "The cat."}, WithPair("dog"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->truncated, 1U);
  EXPECT_EQ(result->documents[0][0].data_as_map,
            R"({"highlights":[{"text":"A cat.","position":0,"start":0,"end":6}]})");
}

TEST_F(SentenceHighlightingTest, AContextBeyondTheLimitIsRefused) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  const auto result = Ask({std::string(kMaxTextBytes + 1, ' ')}, WithPair("dog"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kTooLarge);
  EXPECT_THAT(result.error().message, HasSubstr("The context has 1048577 bytes; the limit is 1048576"));
}

TEST_F(SentenceHighlightingTest, AQuestionBeyondTheLimitIsRefused) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  const std::string question(kMaxTextBytes + 1, ' ');
  const auto result = Ask({"The cat."}, WithPair(question));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kTooLarge);
  EXPECT_THAT(result.error().message, HasSubstr("The question has 1048577 bytes; the limit is 1048576"));
}

TEST_F(SentenceHighlightingTest, AContextOfTooManyPiecesIsRefused) {
  ASSERT_TRUE(Serve(Spec(R"({"token_max_length":16,"token_overlap_stride":4})"), graph_));
  const auto result = Ask({std::string(150'000, '.')}, WithPair("dog"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kTooLarge);
  EXPECT_THAT(result.error().message, HasSubstr("has 150000 tokens"));
}

TEST_F(SentenceHighlightingTest, AQuestionThatLeavesNoRoomIsRefused) {
  ASSERT_TRUE(Serve(Spec(R"({"token_max_length":16,"token_overlap_stride":4})"), graph_));
  const auto result = Ask({"The cat."}, WithPair("dog dog dog dog dog dog dog dog dog dog"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_THAT(result.error().message, HasSubstr("the first text has 10 tokens"));
}

TEST_F(SentenceHighlightingTest, SettingsThatFitNothingFailTheLoad) {
  const Status served = Serve(Spec(R"({"token_max_length":64})"), graph_);
  ASSERT_FALSE(served);
  EXPECT_THAT(served.error().message, HasSubstr("token_overlap_stride 128 leaves nothing of token_max_length 64"));
}

TEST_F(SentenceHighlightingTest, AnOutputOfFloatsFailsTheLoad) {
  graph_.run = [](const GraphSequence&) { return std::vector{MakeFloatTensor({1}, {1})}; };
  const Status served = Serve(Spec(), graph_);
  ASSERT_FALSE(served);
  EXPECT_THAT(served.error().message, HasSubstr("a sentence highlighter answers indices of sentences"));
}

}  // namespace
}  // namespace mlnode::serving
