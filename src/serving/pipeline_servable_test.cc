#include "serving/pipeline_servable.h"

#include <cmath>
#include <numeric>

#include "serving/testing/behaviours.h"
#include "serving/testing/serving_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::ServingFixture;
using ::testing::SizeIs;

class PipelineServableTest : public ServingFixture {
 protected:
  PredictResult Must(const LoadSpec& spec, std::vector<std::string> texts, PredictRequest request = {}) {
    const auto predicted = Predict(spec, std::move(texts), std::move(request));
    executor_.RunUntilIdle();
    EXPECT_TRUE(predicted->answer && *predicted->answer)
        << (predicted->answer ? predicted->answer->error().message : "none");
    return predicted->answer && *predicted->answer ? **predicted->answer : PredictResult();
  }
  Error MustFail(const LoadSpec& spec, std::vector<std::string> texts, PredictRequest request = {}) {
    const auto predicted = Predict(spec, std::move(texts), std::move(request));
    executor_.RunUntilIdle();
    EXPECT_TRUE(predicted->answer && !*predicted->answer);
    return predicted->answer && !*predicted->answer ? predicted->answer->error() : Error();
  }
  static std::vector<float> Vector(const PredictResult& result, std::size_t document = 0) {
    const auto floats = result.documents.at(document).at(0).tensor->Floats();
    return {floats.begin(), floats.end()};
  }
  LoadSpec Asymmetric() {
    LoadSpec spec = Register("a");
    spec.config.query_prefix = "the ";
    LoadToEnd(spec);
    return spec;
  }
};

TEST_F(PipelineServableTest, VectorsAreOfUnitLengthInOrderAndDeterministic) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const PredictResult both = Must(spec, {"the cat sat on the mat", "dog"});
  ASSERT_THAT(both.documents, SizeIs(2));
  EXPECT_EQ(Vector(both, 0), Vector(Must(spec, {"the cat sat on the mat"})));
  EXPECT_EQ(Vector(both, 1), Vector(Must(spec, {"dog"})));
  EXPECT_NE(Vector(both, 0), Vector(both, 1));
  const std::vector<float> v = Vector(both);
  EXPECT_NEAR(std::inner_product(v.begin(), v.end(), v.begin(), 0.0), 1.0, 1e-6);
  EXPECT_EQ(both.tokens, 8U + 3U);
  EXPECT_EQ(both.truncated, 0U);
}

TEST_F(PipelineServableTest, LargeRequestIsTokenizedOnCpuWithTheSameAnswer) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  std::vector<std::string> texts(17, "cat");
  texts[16] = "the dog";
  const auto predicted = Predict(spec, texts);
  EXPECT_EQ(queue_->QueuedTokens(), 0U);  // not yet
  executor_.RunUntilIdle();
  ASSERT_TRUE(predicted->answer && *predicted->answer);
  EXPECT_EQ(Vector(**predicted->answer, 16), Vector(Must(spec, {"the dog"})));
  Predict(spec, {"cat"});
  EXPECT_GT(queue_->QueuedTokens(), 0U);  // a small one at once
}

TEST_F(PipelineServableTest, LongTextIsCutAndCounted) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "cat ";
  const PredictResult result = Must(spec, {text, "cat"});
  EXPECT_EQ(result.truncated, 1U);
  EXPECT_EQ(result.tokens, 512U + 3U);
}

TEST_F(PipelineServableTest, TheModelsMaxLengthGoesBeforeTheFilesTruncation) {
  LoadSpec spec = Register("a", "", testing::TestTokenizer(16));
  LoadToEnd(spec);
  EXPECT_EQ(Local(spec.model).info->max_tokens, 16);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "cat ";
  EXPECT_EQ(Must(spec, {text}).tokens, 16U);
  LoadSpec longer = Register("b", "", testing::TestTokenizer(16));
  longer.config.model_max_length = 32;
  LoadToEnd(longer);
  EXPECT_EQ(Must(longer, {text}).tokens, 32U);
}

TEST_F(PipelineServableTest, ParametersForASymmetricModelAreRefused) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  PredictRequest request;
  request.has_parameters = true;
  const Error error = MustFail(spec, {"cat"}, std::move(request));
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message,
              HasSubstr("requires to be registered with at least one of `query_prefix` or `passage_prefix`."));
}

TEST_F(PipelineServableTest, AsymmetricModelWantsTheContentType) {
  const Error error = MustFail(Asymmetric(), {"cat"});
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("The embedding model chosen is asymmetric."));
}

TEST_F(PipelineServableTest, PrefixIsThatOfTheContentTypeQueryByDefault) {
  const LoadSpec spec = Asymmetric();
  const LoadSpec plain = [&] {
    LoadSpec other = Register("b", "weights of a");
    LoadToEnd(other);
    return other;
  }();
  const auto with = [](ContentType type) {
    PredictRequest request;
    request.has_parameters = true;
    request.content_type = type;
    return request;
  };
  const auto prefixed = Vector(Must(plain, {"the cat"}));
  const auto bare = Vector(Must(plain, {"cat"}));
  EXPECT_EQ(Vector(Must(spec, {"cat"}, with(ContentType::kQuery))), prefixed);
  EXPECT_EQ(Vector(Must(spec, {"cat"}, with(ContentType::kUnset))), prefixed);
  EXPECT_EQ(Vector(Must(spec, {"cat"}, with(ContentType::kPassage))), bare);  // it has no passage_prefix
}

TEST_F(PipelineServableTest, NoTextIsRefused) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  EXPECT_EQ(MustFail(spec, {}).code, Code::kInvalidArgument);
}

TEST_F(PipelineServableTest, TextThatIsNotUtf8IsNamedByItsIndex) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const Error error = MustFail(spec, {"cat", "\xff\xfe"});
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("1"));
}

TEST_F(PipelineServableTest, CancelledOrLateIsNotEvenTokenized) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  PredictRequest cancelled;
  cancelled.cancelled = std::make_shared<std::atomic<bool>>(true);
  EXPECT_EQ(MustFail(spec, {"cat"}, std::move(cancelled)).code, Code::kCancelled);
  PredictRequest late;
  late.deadline = Deadline(clock_.Now());
  EXPECT_EQ(MustFail(spec, {"cat"}, std::move(late)).code, Code::kDeadlineExceeded);
}

TEST_F(PipelineServableTest, TooManyTextsAreRefusedBeforeAnyIsRead) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const auto predicted = Predict(spec, std::vector<std::string>(kMaxTexts + 1, "cat"));
  ASSERT_TRUE(predicted->answer && !*predicted->answer);  // at once
  EXPECT_EQ(predicted->answer->error().code, Code::kTooLarge);
  EXPECT_THAT(predicted->answer->error().message, HasSubstr("100001 texts; the limit is 100000"));
}

TEST_F(PipelineServableTest, TokenizingStopsAtTheTokenLimit) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  std::string longest;
  for (int i = 0; i < 600; ++i) longest += "cat ";
  // 512 tokens each: the limit of 2,000,000 is passed after 62 pieces of 64 texts; the bad text is behind.
  std::vector<std::string> texts(5'000, longest);
  texts.back() = "\xff";
  const Error error = MustFail(spec, texts);
  EXPECT_EQ(error.code, Code::kTooLarge);
  EXPECT_THAT(error.message, HasSubstr("at least 2031616 tokens; this node queues at most 2000000"));
}

TEST_F(PipelineServableTest, TextsOfLaterPiecesKeepTheirPlace) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  std::vector<std::string> texts(300, "cat");
  texts[299] = "the dog";
  const PredictResult result = Must(spec, texts);
  ASSERT_THAT(result.documents, SizeIs(300));
  EXPECT_EQ(result.tokens, 299U * 3 + 4);
  EXPECT_EQ(Vector(result, 299), Vector(Must(spec, {"the dog"})));
  texts[299] = "\xff";
  EXPECT_THAT(MustFail(spec, texts).message, HasSubstr("counted from text 256 on"));
}

TEST_F(PipelineServableTest, NothingBehindTheByteBoundIsRead) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const std::string spaces(kMaxTextBytes - 3, ' ');
  EXPECT_EQ(Must(spec, {spaces + "cat dog"}).tokens, 3U);
}

TEST_F(PipelineServableTest, NanInAnAnswerIsAnInternalErrorAndTheModelStays) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  engine_.SetBehaviour(testing::NanFor(10));  // "dog"
  const Error error = MustFail(spec, {"cat", "dog"});
  EXPECT_EQ(error.code, Code::kInternal);
  EXPECT_THAT(error.message, HasSubstr("'last_hidden_state' of the model holds NaN or infinity for text 1"));
  EXPECT_THAT(Must(spec, {"cat"}).documents, SizeIs(1));
}

TEST_F(PipelineServableTest, EngineErrorReachesTheCaller) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  engine_.SetBehaviour(
      testing::OnRun([](const TokenBatch&) -> Status { return MakeError(Code::kInternal, "vendor"); }));
  EXPECT_EQ(MustFail(spec, {"cat"}).message, "vendor");
}

// The engine fails whenever it is given company: the model still serves, one text at a time.
TEST_F(PipelineServableTest, GraphThatCannotBatchRunsOneByOne) {
  const LoadSpec spec = Register("a");
  engine_.SetBehaviour(testing::OnRun([](const TokenBatch& batch) -> Status {
    if (batch.sequences() > 1) return MakeError(Code::kInvalidArgument, "baked batch of 1");
    return {};
  }));
  LoadToEnd(spec);
  ASSERT_EQ(Local(spec.model).state, LocalState::kReady);
  EXPECT_FALSE(Local(spec.model).info->batched);
  EXPECT_THAT(Must(spec, {"cat", "dog", "mat"}).documents, SizeIs(3));
}

TEST_F(PipelineServableTest, WarmUpReachesTheLongestSequence) {
  std::size_t longest = 0;
  engine_.SetBehaviour(testing::OnRun([&](const TokenBatch& batch) -> Status {
    for (std::size_t i = 0; i < batch.sequences(); ++i) longest = std::max(longest, batch.Length(i));
    return {};
  }));
  LoadToEnd(Register("a"));
  EXPECT_EQ(longest, 512U);
}

}  // namespace
}  // namespace mlnode::serving
