#include <gmock/gmock.h>

#include "serving/testing/function_fixture.h"

namespace mlnode::serving {
namespace {

using engines::ModelFormat;
using models::FunctionName;
using models::Pooling;
using ::testing::ElementsAre;
using testing::GraphSequence;
using ::testing::HasSubstr;
using testing::ScriptedGraph;

// Token vectors [id, 1] under one name, [100, id of the first token] under each of the others.
ScriptedGraph Graph(std::vector<std::string> outputs) {
  ScriptedGraph graph;
  graph.outputs = std::move(outputs);
  graph.run = [count = graph.outputs.size()](const GraphSequence& sequence) {
    std::vector<float> tokens;
    for (const std::int64_t id : sequence.ids) tokens.insert(tokens.end(), {static_cast<float>(id), 1});
    std::vector<TensorView> all;
    all.push_back(MakeFloatTensor(tokens, {static_cast<std::int64_t>(sequence.ids.size()), 2}));
    for (std::size_t i = 1; i < count; ++i) {
      all.push_back(MakeFloatTensor({100, static_cast<float>(i)}, {2}));
    }
    return all;
  };
  return graph;
}

class PooledEmbeddingTest : public testing::FunctionFixture {
 protected:
  LoadSpec Spec(ModelFormat format, Pooling pooling) {
    LoadSpec spec = Store(FunctionName::kTextEmbedding, format);
    spec.config.framework_type = "HUGGINGFACE_TRANSFORMERS";
    spec.config.pooling = pooling;
    spec.config.normalize_result = false;
    return spec;
  }
};

TEST_F(PooledEmbeddingTest, OnnxPoolsTheFirstOutput) {
  ASSERT_TRUE(Serve(Spec(ModelFormat::kOnnx, Pooling::kMean), Graph({"x", "last_hidden_state"})));
  const Documents documents = Answer({"cat"});  // ids 2 6 3
  EXPECT_EQ(documents[0][0].name, "sentence_embedding");
  EXPECT_FALSE(documents[0][0].has_bytes);
  EXPECT_THAT(documents[0][0].tensor->shape, ElementsAre(2));
  EXPECT_FLOAT_EQ(documents[0][0].tensor->Floats()[0], 11.0F / 3);
}

TEST_F(PooledEmbeddingTest, OnnxWithPoolingNoneTakesTheSecondOutput) {
  ASSERT_TRUE(Serve(Spec(ModelFormat::kOnnx, Pooling::kNone), Graph({"a", "b", "c"})));
  EXPECT_THAT(Answer({"cat"})[0][0].tensor->Floats(), ElementsAre(100, 1));
}

TEST_F(PooledEmbeddingTest, TorchScriptHasALeadingAxisAndIsGivenTypesLast) {
  ASSERT_TRUE(Serve(Spec(ModelFormat::kTorchScript, Pooling::kCls), Graph({"last_hidden_state"})));
  EXPECT_THAT(scripted_->options().inputs, ElementsAre("input_ids", "attention_mask", "token_type_ids"));
  const Documents documents = Answer({"cat"});
  EXPECT_THAT(documents[0][0].tensor->shape, ElementsAre(1, 2));
  EXPECT_THAT(documents[0][0].tensor->Floats(), ElementsAre(2, 1));
}

TEST_F(PooledEmbeddingTest, TorchScriptTakesOutputsByName) {
  ScriptedGraph graph = Graph({"last_hidden_state", "other", "pooler_output"});
  ASSERT_TRUE(Serve(Spec(ModelFormat::kTorchScript, Pooling::kNone), graph));
  EXPECT_THAT(Answer({"cat"})[0][0].tensor->Floats(), ElementsAre(100, 2));
  graph.outputs[1] = "sentence_embedding";
  ASSERT_TRUE(Serve(Spec(ModelFormat::kTorchScript, Pooling::kNone), graph));
  EXPECT_THAT(Answer({"cat"})[0][0].tensor->Floats(), ElementsAre(100, 1));
  graph.outputs = {"x", "y", "z"};
  ASSERT_TRUE(Serve(Spec(ModelFormat::kTorchScript, Pooling::kNone), graph));
  EXPECT_THAT(Answer({"cat"})[0][0].tensor->Floats(), ElementsAre(100, 1));
}

TEST_F(PooledEmbeddingTest, TypesAreNotSentToAGraphWithoutThem) {
  ScriptedGraph graph = Graph({"x"});
  graph.inputs = {"input_ids", "attention_mask"};
  LoadSpec spec = Spec(ModelFormat::kOnnx, Pooling::kMean);
  EXPECT_TRUE(Serve(spec, graph));
}

TEST_F(PooledEmbeddingTest, OutputThatCannotBePooledFailsTheLoad) {
  ScriptedGraph graph = Graph({"ids"});
  graph.run = [](const GraphSequence&) { return std::vector{testing::Int64Tensor({1}, {1})}; };
  const Status served = Serve(Spec(ModelFormat::kOnnx, Pooling::kMean), graph);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, Code::kInvalidArgument);
  EXPECT_EQ(served.error().message, "warm-up: Output 'ids' of the model is INT64; only FLOAT32 can be pooled.");
}

TEST_F(PooledEmbeddingTest, GraphThatMixesTextsRunsOneByOne) {
  ScriptedGraph graph = Graph({"x"});
  std::size_t company = 0;
  graph.on_batch = [&company](const TokenBatch& batch) {
    company = batch.sequences();
    return Status();
  };
  graph.run = [&company](const GraphSequence& sequence) {
    const auto tokens = static_cast<std::int64_t>(sequence.ids.size());
    std::vector<float> values(sequence.ids.size() * 2, 1);
    values[0] = static_cast<float>(company);
    return std::vector{MakeFloatTensor(values, {tokens, 2})};
  };
  ASSERT_TRUE(Serve(Spec(ModelFormat::kOnnx, Pooling::kCls), graph));
  EXPECT_FALSE(servable_->info().batched);
  EXPECT_THAT(Answer({"cat", "dog"})[1][0].tensor->Floats(), ElementsAre(1, 1));
}

TEST_F(PooledEmbeddingTest, ModelMaxLengthBeyondTheLimitFailsTheLoad) {
  LoadSpec spec = Spec(ModelFormat::kOnnx, Pooling::kMean);
  spec.config.model_max_length = 40'000;
  const Status served = Serve(spec, Graph({"x"}));
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, Code::kInvalidArgument);
  EXPECT_THAT(served.error().message,
              HasSubstr("model_max_length is 40000; this node runs sequences of at most 32768"));
}

}  // namespace
}  // namespace mlnode::serving
