#include <gmock/gmock.h>

#include <limits>

#include "serving/testing/function_fixture.h"

namespace mlnode::serving {
namespace {

using engines::ModelFormat;
using ::testing::ElementsAre;
using testing::GraphSequence;
using ::testing::HasSubstr;
using testing::ScriptedGraph;

constexpr std::size_t kVocabulary = 28;  // two more than the tokenizer has

class SparseEncodingTest : public testing::FunctionFixture {
 protected:
  SparseEncodingTest() {
    graph_.outputs = {"output"};
    graph_.run = [this](const GraphSequence& sequence) {
      std::vector<float> weights(kVocabulary, 0);
      for (const std::int64_t id : sequence.ids) weights[static_cast<std::size_t>(id)] = weight_;
      weights[27] = extra_;
      return std::vector{MakeFloatTensor(weights, {static_cast<std::int64_t>(kVocabulary)})};
    };
  }
  LoadSpec Spec(ModelFormat format = ModelFormat::kOnnx) {
    return Store(models::FunctionName::kSparseEncoding, format);
  }
  PredictRequest ById() {
    PredictRequest request;
    request.sparse_format = SparseFormat::kTokenId;
    return request;
  }
  ScriptedGraph graph_;
  float weight_ = 1.5F;
  float extra_ = 0;
};

TEST_F(SparseEncodingTest, WordsOfWhatIsNotZeroWithoutSpecialTokens) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  const Documents documents = Answer({"cats", "dog"});  // cat ##s
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0][0].name, "output");
  EXPECT_FALSE(documents[0][0].tensor);
  EXPECT_EQ(documents[0][0].data_as_map, R"({"response":[{"cat":1.5,"##s":1.5}]})");
  EXPECT_EQ(documents[1][0].data_as_map, R"({"response":[{"dog":1.5}]})");
}

TEST_F(SparseEncodingTest, IdsOfAllThatIsNotZero) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  extra_ = -0.25F;
  EXPECT_EQ(Answer({"dog"}, ById())[0][0].data_as_map, R"({"response":[{"2":1.5,"3":1.5,"10":1.5,"27":-0.25}]})");
  EXPECT_EQ(Answer({"dog"})[0][0].data_as_map, R"({"response":[{"dog":1.5}]})");
}

TEST_F(SparseEncodingTest, NothingIsAnEmptyMap) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  weight_ = -0.0F;
  EXPECT_EQ(Answer({"dog"}, ById())[0][0].data_as_map, R"({"response":[{}]})");
}

TEST_F(SparseEncodingTest, ManyDocumentsKeepTheirOrder) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  std::vector<std::string> texts(40, "cat");
  texts[39] = "dog";
  const Documents documents = Answer(texts);
  EXPECT_EQ(documents[38][0].data_as_map, R"({"response":[{"cat":1.5}]})");
  EXPECT_EQ(documents[39][0].data_as_map, R"({"response":[{"dog":1.5}]})");
}

// The peer fails such a deploy (docs/compatibility.md).
TEST_F(SparseEncodingTest, TorchScriptWithAModelConfigIsServed) {
  LoadSpec spec = Spec(ModelFormat::kTorchScript);
  spec.config.model_type = "distilbert";
  graph_.inputs = {"input_ids", "attention_mask"};
  ASSERT_TRUE(Serve(spec, graph_));
  EXPECT_THAT(scripted_->options().inputs, ElementsAre("input_ids", "attention_mask"));
  EXPECT_EQ(Answer({"dog"})[0][0].data_as_map, R"({"response":[{"dog":1.5}]})");
}

TEST_F(SparseEncodingTest, InfinityIsAnErrorThatNamesTheText) {
  ASSERT_TRUE(Serve(Spec(), graph_));
  extra_ = std::numeric_limits<float>::infinity();
  const auto result = Ask({"dog"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInternal);
  EXPECT_THAT(result.error().message, HasSubstr("'output' of the model holds NaN or infinity for text 0"));
}

TEST_F(SparseEncodingTest, OneWeightATokenOfTheTextFailsTheLoad) {
  graph_.run = [](const GraphSequence& sequence) {
    const auto tokens = static_cast<std::int64_t>(sequence.ids.size());
    return std::vector{MakeFloatTensor(std::vector<float>(sequence.ids.size() * 3), {tokens, 3})};
  };
  const Status served = Serve(Spec(), graph_);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, Code::kInvalidArgument);
  EXPECT_THAT(served.error().message, HasSubstr("a sparse vector is FLOAT32 [vocabulary]"));
}

// A graph whose weights depend on the company by `by` of a weight.
TEST_F(SparseEncodingTest, WeightsThatChangeInCompanyRunOneByOne) {
  bool many = false;
  graph_.on_batch = [&](const TokenBatch& batch) {
    many = batch.sequences() > 1;
    weight_ = many ? 1.51F : 1.5F;
    return Status();
  };
  ASSERT_TRUE(Serve(Spec(), graph_));
  EXPECT_FALSE(servable_->info().batched);
  graph_.on_batch = [&](const TokenBatch& batch) {
    weight_ = batch.sequences() > 1 ? 1.500001F : 1.5F;
    return Status();
  };
  ASSERT_TRUE(Serve(Spec(), graph_));
  EXPECT_TRUE(servable_->info().batched);
}

}  // namespace
}  // namespace mlnode::serving
