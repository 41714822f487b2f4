#include "serving/pipelines/embedding_sink.h"

#include <gmock/gmock.h>

#include <limits>

#include "serving/pipelines/outputs.h"

namespace mlnode::serving {
namespace {

using models::Pooling;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TokenBatch TwoTexts() {  // of two tokens and of one
  TokenBatch batch;
  batch.ids = {1, 2, 3};
  batch.offsets = {0, 2, 3};
  return batch;
}

models::ModelConfig Config(Pooling pooling, bool normalize) {
  models::ModelConfig config;
  config.pooling = pooling;
  config.normalize_result = normalize;
  return config;
}

const EmbeddingOutput kTokens{.index = 0, .name = "hidden", .dim = 2, .per_token = true};
const EmbeddingOutput kPooled{.index = 0, .name = "pooled", .dim = 2, .per_token = false};

TEST(EmbeddingSinkTest, MeanGivesAVectorForEachTextInOneAllocation) {
  auto sink = std::make_shared<EmbeddingSink>(Config(Pooling::kMean, true), kTokens, TwoTexts());
  ASSERT_TRUE(sink->Take(1, {MakeFloatTensor({0, 5}, {1, 2})}));
  ASSERT_TRUE(sink->Take(0, {MakeFloatTensor({3, 4, 3, 4}, {2, 2})}));
  const auto documents = sink->Finish();
  ASSERT_THAT(documents, SizeIs(2));
  const TensorView& first = *documents[0][0].tensor;
  EXPECT_EQ(documents[0][0].name, "sentence_embedding");
  EXPECT_EQ(first.type, DataType::kFloat32);
  EXPECT_THAT(first.shape, ElementsAre(2));
  EXPECT_THAT(first.Floats(), ElementsAre(FloatEq(0.6F), FloatEq(0.8F)));
  EXPECT_THAT(documents[1][0].tensor->Floats(), ElementsAre(0, 1));
  EXPECT_EQ(documents[1][0].tensor->data, first.Floats().data() + 2);
  EXPECT_EQ(documents[1][0].tensor->owner, first.owner);
}

TEST(EmbeddingSinkTest, MaxHasALeadingAxisAndIsNormalisedOverTheVector) {
  auto sink = std::make_shared<EmbeddingSink>(Config(Pooling::kMax, true), kTokens, TwoTexts());
  ASSERT_TRUE(sink->Take(0, {MakeFloatTensor({3, 1, 2, 4}, {2, 2})}));
  ASSERT_TRUE(sink->Take(1, {MakeFloatTensor({-3, 4}, {1, 2})}));
  const auto documents = sink->Finish();
  EXPECT_THAT(documents[0][0].tensor->shape, ElementsAre(1, 2));
  EXPECT_THAT(documents[0][0].tensor->Floats(), ElementsAre(FloatEq(0.6F), FloatEq(0.8F)));  // not +-1 a component
}

TEST(EmbeddingSinkTest, NoneOfATokenOutputKeepsEachTokenNormalisedByItself) {
  auto sink = std::make_shared<EmbeddingSink>(Config(Pooling::kNone, true), kTokens, TwoTexts());
  ASSERT_TRUE(sink->Take(0, {MakeFloatTensor({3, 4, 0, 2}, {2, 2})}));
  ASSERT_TRUE(sink->Take(1, {MakeFloatTensor({8, 6}, {1, 2})}));
  const auto documents = sink->Finish();
  EXPECT_THAT(documents[0][0].tensor->shape, ElementsAre(2, 2));
  EXPECT_THAT(documents[0][0].tensor->Floats(), ElementsAre(FloatEq(0.6F), FloatEq(0.8F), 0, 1));
  EXPECT_THAT(documents[1][0].tensor->shape, ElementsAre(1, 2));
  EXPECT_THAT(documents[1][0].tensor->Floats(), ElementsAre(FloatEq(0.8F), FloatEq(0.6F)));
}

TEST(EmbeddingSinkTest, NoneOfAPooledOutputHasALeadingAxis) {
  auto sink = std::make_shared<EmbeddingSink>(Config(Pooling::kNone, false), kPooled, TwoTexts());
  ASSERT_TRUE(sink->Take(0, {MakeFloatTensor({3, 4}, {2})}));
  ASSERT_TRUE(sink->Take(1, {MakeFloatTensor({5, 6}, {2})}));
  const auto documents = sink->Finish();
  EXPECT_THAT(documents[1][0].tensor->shape, ElementsAre(1, 2));
  EXPECT_THAT(documents[1][0].tensor->Floats(), ElementsAre(5, 6));
}

TEST(EmbeddingSinkTest, PoolingOfAPooledOutputIsThatVector) {
  auto sink = std::make_shared<EmbeddingSink>(Config(Pooling::kMean, false), kPooled, TwoTexts());
  ASSERT_TRUE(sink->Take(0, {MakeFloatTensor({3, 4}, {2})}));
  ASSERT_TRUE(sink->Take(1, {MakeFloatTensor({5, 6}, {2})}));
  EXPECT_THAT(sink->Finish()[0][0].tensor->Floats(), ElementsAre(3, 4));
}

TEST(EmbeddingSinkTest, AnAnswerBeyondTheLimitIsRefusedBeforeItsMemoryIsTaken) {
  TokenBatch batch;
  batch.offsets = {0, 1, kMaxAnswerBytes};  // as if the second text had all these tokens
  auto sink = std::make_shared<EmbeddingSink>(Config(Pooling::kNone, false), kTokens, batch);
  const Status taken = sink->Take(0, {MakeFloatTensor({3, 4}, {1, 2})});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::kTooLarge);
  EXPECT_THAT(taken.error().message, HasSubstr("268435456 bytes"));
}

TEST(EmbeddingSinkTest, NanAndInfinityNameTheOutputAndTheText) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    EmbeddingSink sink(Config(Pooling::kMean, true), kTokens, TwoTexts());
    const Status taken = sink.Take(1, {MakeFloatTensor({bad, 1}, {1, 2})});
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::kInternal);
    EXPECT_THAT(taken.error().message, HasSubstr("'hidden' of the model holds NaN or infinity for text 1"));
  }
}

TEST(EmbeddingSinkTest, AnotherShapeOrTypeThanAtLoadIsAnError) {
  EmbeddingSink sink(Config(Pooling::kMean, true), kTokens, TwoTexts());
  EXPECT_FALSE(sink.Take(0, {MakeFloatTensor({1, 2, 3}, {1, 3})}));
  EXPECT_FALSE(sink.Take(0, {MakeFloatTensor({1, 2}, {1, 2})}));  // two tokens
  EXPECT_FALSE(sink.Take(0, {MakeFloatTensor({1, 2}, {2})}));
  TensorView half = MakeFloatTensor({1, 2, 3, 4}, {2, 2});
  half.type = DataType::kFloat16;
  EXPECT_FALSE(sink.Take(0, {half}));
}

TEST(EmbeddingSinkTest, ALeadingAxisMayBeAsked) {
  EmbeddingOutput output = kTokens;
  output.leading_axis = true;
  auto sink = std::make_shared<EmbeddingSink>(Config(Pooling::kCls, false), output, TwoTexts());
  ASSERT_TRUE(sink->Take(0, {MakeFloatTensor({3, 4, 5, 6}, {2, 2})}));
  ASSERT_TRUE(sink->Take(1, {MakeFloatTensor({7, 8}, {1, 2})}));
  const auto documents = sink->Finish();
  EXPECT_THAT(documents[0][0].tensor->shape, ElementsAre(1, 2));
  EXPECT_THAT(documents[0][0].tensor->Floats(), ElementsAre(3, 4));
}

}  // namespace
}  // namespace mlnode::serving
