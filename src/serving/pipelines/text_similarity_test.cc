#include <gmock/gmock.h>

#include <functional>

#include "serving/testing/function_fixture.h"

namespace mlnode::serving {
namespace {

using engines::ModelFormat;
using ::testing::ElementsAre;
using testing::GraphSequence;
using ::testing::HasSubstr;
using testing::ScriptedGraph;

// The score: how many tokens are of the document (type 1), its [SEP] included.
ScriptedGraph CountsTypes() {
  ScriptedGraph graph;
  graph.outputs = {"logits"};
  graph.run = [](const GraphSequence& sequence) {
    float score = 0;
    for (const std::int64_t type : sequence.type_ids) score += static_cast<float>(type);
    return std::vector{MakeFloatTensor({score}, {1})};
  };
  return graph;
}

class TextSimilarityTest : public testing::FunctionFixture {
 protected:
  LoadSpec Spec(ModelFormat format = ModelFormat::kOnnx) {
    return Store(models::FunctionName::kTextSimilarity, format);
  }
};

TEST_F(TextSimilarityTest, EachDocumentIsReadWithTheQuery) {
  ASSERT_TRUE(Serve(Spec(), CountsTypes()));
  const auto result = Ask({"cat", "the dog sat"}, WithPair("cat"));
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->documents.size(), 2U);
  const NamedTensor& second = result->documents[1][0];
  EXPECT_EQ(second.name, "similarity");
  EXPECT_TRUE(second.has_bytes);
  EXPECT_THAT(second.tensor->shape, ElementsAre(1));
  EXPECT_THAT(second.tensor->Floats(), ElementsAre(4));
  EXPECT_THAT(result->documents[0][0].tensor->Floats(), ElementsAre(2));
  EXPECT_EQ(result->tokens, 5U + 7U);
}

TEST_F(TextSimilarityTest, TorchScriptIsGivenAllThreeInputs) {
  ASSERT_TRUE(Serve(Spec(ModelFormat::kTorchScript), CountsTypes()));
  EXPECT_THAT(scripted_->options().inputs, ElementsAre("input_ids", "attention_mask", "token_type_ids"));
}

TEST_F(TextSimilarityTest, AGraphWithoutTypesIsServed) {
  ScriptedGraph graph = CountsTypes();
  graph.inputs = {"input_ids", "attention_mask"};
  ASSERT_TRUE(Serve(Spec(), graph));
  EXPECT_THAT(Answer({"cat"}, WithPair("cat"))[0][0].tensor->Floats(), ElementsAre(0));
}

TEST_F(TextSimilarityTest, AScoreWithoutAxesHasOne) {
  ScriptedGraph graph = CountsTypes();
  graph.run = [](const GraphSequence&) { return std::vector{MakeFloatTensor({-0.5F}, {})}; };
  ASSERT_TRUE(Serve(Spec(), graph));
  EXPECT_THAT(Answer({"cat"}, WithPair("cat"))[0][0].tensor->shape, ElementsAre(1));
}

TEST_F(TextSimilarityTest, ManyDocumentsKeepTheirOrder) {
  ASSERT_TRUE(Serve(Spec(), CountsTypes()));
  std::vector<std::string> texts(100, "cat");
  texts[99] = "cat cat";
  const Documents documents = Answer(texts, WithPair("dog"));
  EXPECT_THAT(documents[98][0].tensor->Floats(), ElementsAre(2));
  EXPECT_THAT(documents[99][0].tensor->Floats(), ElementsAre(3));
}

TEST_F(TextSimilarityTest, LongPairsAreCutAndCounted) {
  ASSERT_TRUE(Serve(Spec(), CountsTypes()));
  std::string longer;
  for (int i = 0; i < 600; ++i) longer += "cat ";
  const auto result = Ask({longer, "cat"}, WithPair("dog"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->truncated, 1U);
  EXPECT_EQ(result->tokens, 512U + 5U);
}

TEST_F(TextSimilarityTest, NeedsAQuery) {
  ASSERT_TRUE(Serve(Spec(), CountsTypes()));
  const auto result = Ask({"cat"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().message, "No query text was provided");
}

template <class T>
TensorView ScoreOf(T value, DataType type) {
  auto owner = std::make_shared<const T>(value);
  return {.type = type, .shape = {1}, .data = owner.get(), .owner = owner};
}

// A graph that scores differently in company must not be batched, whatever the type of its scores.
TEST_F(TextSimilarityTest, ScoresOfEveryTypeAreComparedInCompany) {
  std::size_t company = 0;
  ScriptedGraph graph = CountsTypes();
  graph.on_batch = [&company](const TokenBatch& batch) {
    company = batch.sequences() > 1 ? 1 : 0;
    return Status();
  };
  const std::vector<std::function<TensorView()>> scores = {
      [&] { return MakeFloatTensor({company > 0 ? 2.0F : 1.0F}, {1}); },
      [&] { return ScoreOf<std::uint16_t>(company > 0 ? 0x4000 : 0x3C00, DataType::kFloat16); },
      [&] { return ScoreOf<double>(company > 0 ? 2 : 1, DataType::kFloat64); },
      [&] { return ScoreOf<std::int64_t>(company > 0 ? 2 : 1, DataType::kInt64); },
  };
  for (const auto& score : scores) {
    graph.run = [&score](const GraphSequence&) { return std::vector{score()}; };
    ASSERT_TRUE(Serve(Spec(), graph));
    EXPECT_FALSE(servable_->info().batched) << DataTypeName(score().type);
  }
  graph.run = [](const GraphSequence&) { return std::vector{ScoreOf<std::uint16_t>(0x3C00, DataType::kFloat16)}; };
  ASSERT_TRUE(Serve(Spec(), graph));
  EXPECT_TRUE(servable_->info().batched);
}

// The peer finds out with the first prediction (docs/compatibility.md).
TEST_F(TextSimilarityTest, WarmUpFindsAGraphThatFails) {
  ScriptedGraph graph = CountsTypes();
  graph.on_batch = [](const TokenBatch&) -> Status { return MakeError(Code::kInvalidArgument, "input mismatch"); };
  const Status served = Serve(Spec(), graph);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().message, "warm-up: input mismatch");
}

}  // namespace
}  // namespace mlnode::serving
