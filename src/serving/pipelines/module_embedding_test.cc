#include <gmock/gmock.h>

#include <limits>

#include "serving/pipelines/outputs.h"
#include "serving/testing/function_fixture.h"

namespace mlnode::serving {
namespace {

using ::testing::ElementsAre;
using testing::GraphSequence;
using ::testing::HasSubstr;
using testing::ScriptedGraph;

class ModuleEmbeddingTest : public testing::FunctionFixture {
 protected:
  ModuleEmbeddingTest() {
    spec_ = Store(models::FunctionName::kTextEmbedding, engines::ModelFormat::kTorchScript);
    spec_.config.framework_type = "SENTENCE_TRANSFORMERS";
    graph_.inputs = {"input_ids", "attention_mask"};
    graph_.outputs = {"input_ids", "token_embeddings", "sentence_embedding"};
    graph_.run = [this](const GraphSequence& sequence) {
      const auto tokens = static_cast<std::int64_t>(sequence.ids.size());
      const std::vector<float> hidden(sequence.ids.size() * 2, 0.5F);
      const float last = sequence.ids.size() == 3 ? last_of_a_word_ : 1;
      return std::vector{testing::Int64Tensor({sequence.ids.begin(), sequence.ids.end()}, {tokens}),
                         MakeFloatTensor(hidden, {tokens, 2}),
                         MakeFloatTensor({static_cast<float>(sequence.ids[1]), last}, {2})};
    };
  }
  LoadSpec spec_;
  ScriptedGraph graph_;
  float last_of_a_word_ = 1;
};

TEST_F(ModuleEmbeddingTest, EveryTensorIsAnsweredUnderItsName) {
  ASSERT_TRUE(Serve(spec_, graph_));
  EXPECT_THAT(scripted_->options().inputs, ElementsAre("input_ids", "attention_mask"));
  const Documents documents = Answer({"cat", "the dog"});
  ASSERT_EQ(documents.size(), 2U);
  ASSERT_EQ(documents[1].size(), 3U);
  EXPECT_EQ(documents[1][0].name, "input_ids");
  EXPECT_EQ(documents[1][0].tensor->type, DataType::kInt64);
  EXPECT_THAT(documents[1][0].tensor->shape, ElementsAre(4));
  EXPECT_EQ(static_cast<const std::int64_t*>(documents[1][0].tensor->data)[1], 5);
  EXPECT_THAT(documents[1][1].tensor->shape, ElementsAre(4, 2));
  EXPECT_THAT(documents[1][2].tensor->Floats(), ElementsAre(5, 1));
  for (const NamedTensor& named : documents[1]) EXPECT_TRUE(named.has_bytes);
}

TEST_F(ModuleEmbeddingTest, WhatTheFilterDropsKeepsItsPlaceWithoutContent) {
  ASSERT_TRUE(Serve(spec_, graph_));
  PredictRequest request;
  request.filter.positions = {2};
  const Documents documents = Answer({"cat"}, std::move(request));
  ASSERT_EQ(documents[0].size(), 3U);
  EXPECT_FALSE(documents[0][1].tensor);
  EXPECT_THAT(documents[0][2].tensor->Floats(), ElementsAre(6, 1));
}

TEST_F(ModuleEmbeddingTest, AFilterThatDropsAllComputesNothing) {
  int runs = 0;
  graph_.on_batch = [&runs](const TokenBatch&) {
    ++runs;
    return Status();
  };
  ASSERT_TRUE(Serve(spec_, graph_));
  const int warm = runs;
  PredictRequest request;
  request.filter.names = {"nope"};
  EXPECT_EQ(Answer({"cat", "dog"}, std::move(request)).size(), 2U);
  EXPECT_EQ(runs, warm);
}

TEST_F(ModuleEmbeddingTest, NanNamesTheTensorAndTheText) {
  ASSERT_TRUE(Serve(spec_, graph_));
  last_of_a_word_ = std::numeric_limits<float>::quiet_NaN();
  const auto result = Ask({"the cat", "cat"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInternal);
  EXPECT_THAT(result.error().message, HasSubstr("'sentence_embedding' of the model holds NaN or infinity for text 1"));
}

TEST(AnswerBytesTest, AddsUpOverTheTextsOfAnAnswer) {
  AnswerBytes bytes(100);
  EXPECT_TRUE(bytes.Add(60));
  EXPECT_TRUE(bytes.Add(40));
  const Status more = bytes.Add(1);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::kTooLarge);
}

TEST_F(ModuleEmbeddingTest, PrefixesAreThoseOfAsymmetricModels) {
  spec_.config.query_prefix = "the ";
  ASSERT_TRUE(Serve(spec_, graph_));
  EXPECT_EQ(Ask({"dog"}).error().code, Code::kInvalidArgument);
  PredictRequest request;
  request.has_parameters = true;
  EXPECT_THAT(Answer({"dog"}, std::move(request))[0][2].tensor->Floats(), ElementsAre(5, 1));
}

}  // namespace
}  // namespace mlnode::serving
