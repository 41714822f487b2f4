#include <gmock/gmock.h>

#include "serving/testing/function_fixture.h"

namespace mlnode::serving {
namespace {

using engines::ModelFormat;
using ::testing::ElementsAre;
using testing::GraphSequence;
using ::testing::HasSubstr;
using testing::ScriptedGraph;

// The best start is the first token of id `from`, the best end the first of id `to`; both 0 where there is none.
ScriptedGraph Finds(std::int64_t from, std::int64_t to) {
  ScriptedGraph graph;
  graph.outputs = {"start_logits", "end_logits"};
  graph.run = [from, to](const GraphSequence& sequence) {
    const auto logits = [&](std::int64_t wanted) {
      std::vector<float> values(sequence.ids.size(), -1);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = sequence.ids[i] == wanted ? 1 : -1;
      return MakeFloatTensor(values, {static_cast<std::int64_t>(values.size())});
    };
    return std::vector{logits(from), logits(to)};
  };
  return graph;
}

class QuestionAnsweringTest : public testing::FunctionFixture {
 protected:
  LoadSpec Spec(ModelFormat format = ModelFormat::kOnnx) {
    LoadSpec spec = Store(models::FunctionName::kQuestionAnswering, format);
    spec.config.model_type = "bert";
    return spec;
  }
  std::string Text(const std::string& question, const std::string& context) {
    const Documents documents = Answer({context}, WithPair(question));
    return documents.empty() ? "" : documents[0][0].text.value_or("none");
  }
};

TEST_F(QuestionAnsweringTest, AnswersTheTokensBetweenStartAndEnd) {
  ASSERT_TRUE(Serve(Spec(), Finds(6, 11)));
  EXPECT_EQ(Text("the dog", "on the cats sat"), "cats");  // "cat ##s"
  const Documents documents = Answer({"cats"}, WithPair("dog"));
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(documents[0][0].name, "");
  EXPECT_FALSE(documents[0][0].tensor);
}

TEST_F(QuestionAnsweringTest, StartBehindEndIsTurnedRound) {
  ASSERT_TRUE(Serve(Spec(), Finds(9, 7)));
  EXPECT_EQ(Text("dog", "the cat sat on the mat."), "sat on the mat");
}

TEST_F(QuestionAnsweringTest, TheAnswerMayLieInTheQuestionAndHoldSpecialTokens) {
  ASSERT_TRUE(Serve(Spec(), Finds(10, 6)));
  EXPECT_EQ(Text("dog", "cat"), "dog [SEP] cat");
}

TEST_F(QuestionAnsweringTest, OutputsAreTakenByTheirNames) {
  ScriptedGraph graph = Finds(7, 6);
  graph.outputs = {"end_logits", "start_logits"};
  ASSERT_TRUE(Serve(Spec(), graph));
  EXPECT_EQ(Text("dog", "the cat sat"), "cat sat");
}

TEST_F(QuestionAnsweringTest, TorchScriptIsGivenNoTypes) {
  ScriptedGraph graph = Finds(6, 6);
  graph.inputs = {"input_ids", "attention_mask"};
  graph.outputs = {"0", "1"};
  ASSERT_TRUE(Serve(Spec(ModelFormat::kTorchScript), graph));
  EXPECT_THAT(scripted_->options().inputs, ElementsAre("input_ids", "attention_mask"));
  EXPECT_EQ(Text("dog", "the cat"), "cat");
}

TEST_F(QuestionAnsweringTest, OneOutputFailsTheLoad) {
  ScriptedGraph graph = Finds(6, 6);
  graph.outputs = {"logits"};
  const Status served = Serve(Spec(), graph);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().message, "The model has 1 output; its function needs 2.");
}

TEST_F(QuestionAnsweringTest, OutputsOfAnotherShapeFailTheLoad) {
  ScriptedGraph graph = Finds(6, 6);
  graph.run = [](const GraphSequence&) {
    return std::vector{MakeFloatTensor({1, 2}, {2}), MakeFloatTensor({1, 2}, {2})};
  };
  const Status served = Serve(Spec(), graph);
  ASSERT_FALSE(served);
  EXPECT_THAT(served.error().message, HasSubstr("question answering needs a FLOAT32 for each token"));
}

TEST_F(QuestionAnsweringTest, NeedsAQuestionAndOneContext) {
  ASSERT_TRUE(Serve(Spec(), Finds(6, 6)));
  EXPECT_EQ(Ask({"cat"}).error().message, "Question is not provided");
  EXPECT_EQ(Ask({"cat", "dog"}, WithPair("cat")).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace mlnode::serving
