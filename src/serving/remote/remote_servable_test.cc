#include "serving/remote/remote_servable.h"

#include "serving/testing/remote_servable_fixture.h"

namespace mlnode::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RemoteServableTest : public testing::RemoteServableFixture {};

TEST_F(RemoteServableTest, AnswersWithWhatTheProviderSaid) {
  const auto predicted = PredictNative({{"prompt", "hi"}});
  ASSERT_THAT(caller_.bodies, ElementsAre(R"({"prompt":"hi"})"));
  EXPECT_FALSE(predicted->answer);
  EXPECT_EQ(caller_.calls.front().options.pool, "c");
  Answer(R"({"a":1,"usage":{"total_tokens":7}})");
  ASSERT_TRUE(predicted->answer && *predicted->answer);
  const PredictResult& result = predicted->result();
  EXPECT_THAT(result.statuses, ElementsAre(200));
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0][0].name, "response");
  EXPECT_EQ(result.documents[0][0].provided->data_type, "FLOAT32");
  EXPECT_EQ(result.tokens, 7U);
  EXPECT_EQ(servable_->costs()->calls, 1U);
  EXPECT_EQ(servable_->costs()->tokens, 7U);
  EXPECT_EQ(servable_->costs()->failures, 0U);
}

TEST_F(RemoteServableTest, AnswersKeepTheOrderAndTheConnectorsLimit) {
  const auto predicted = PredictDocs({"a", "bb", "ccc"});
  EXPECT_EQ(caller_.waiting(), 2U) << "max_connection";
  std::swap(caller_.calls[0], caller_.calls[1]);
  Answer("22");
  EXPECT_EQ(caller_.waiting(), 2U);
  Answer("1");
  EXPECT_FALSE(predicted->answer);
  Answer("333");
  ASSERT_TRUE(predicted->answer && *predicted->answer);
  EXPECT_EQ(predicted->result().documents[0][0].data_as_map, "1");
  EXPECT_EQ(predicted->result().documents[1][0].data_as_map, "22");
  EXPECT_EQ(predicted->result().documents[2][0].data_as_map, "333");
  EXPECT_EQ(predicted->result().documents_read, 3U);
  EXPECT_EQ(servable_->costs()->documents, 3U);
}

TEST_F(RemoteServableTest, OneFailureFailsAllAndEndsTheRest) {
  const auto predicted = PredictDocs({"a", "bb", "ccc"});
  Answer("slow down", 429);
  ASSERT_TRUE(predicted->answer);
  EXPECT_EQ(predicted->error().message, "Error from remote service: slow down");
  EXPECT_EQ(predicted->error().upstream_status, 429);
  EXPECT_TRUE(predicted->cancelled->load()) << "so that the transport lets the others go";
  EXPECT_EQ(caller_.waiting(), 1U) << "the third was not sent";
  Answer("22");
  EXPECT_EQ(servable_->costs()->failures, 1U);
}

TEST_F(RemoteServableTest, ErrorsOfTheTransportAreAnswers) {
  const auto predicted = Predict({});
  caller_.Fail(MakeError(Code::kInternal, "Error communicating with remote model: refused"));
  EXPECT_EQ(predicted->error().message, "Error communicating with remote model: refused");
  EXPECT_EQ(servable_->costs()->failures, 1U);
}

TEST_F(RemoteServableTest, WhatCannotBeMadeIsNotSent) {
  EXPECT_EQ(PredictDocs({"refuse me"})->error().message, "Invalid payload: refuse me");
  EXPECT_THAT(caller_.bodies, IsEmpty());
}

TEST_F(RemoteServableTest, AnswersAreBoundedEachAndTogether) {
  environment_.max_reply_bytes = 10;
  settings_->Install({.persistent = {{"plugins.ml_commons.max_json_size", "8"}}, .transient = {}});
  const auto predicted = PredictDocs({"a", "bb", "ccc"});
  EXPECT_EQ(caller_.calls.front().options.max_response_bytes, 8U);
  Answer("55555");
  Answer("55555");
  EXPECT_FALSE(predicted->answer) << "just as many as may be";
  Answer("1");
  ASSERT_TRUE(predicted->answer);
  EXPECT_EQ(predicted->error().code, Code::kTooLarge);
  settings_->Install({.persistent = {{"plugins.ml_commons.max_json_size", "-1"}}, .transient = {}});
  (void)Predict({});
  EXPECT_EQ(caller_.calls.front().options.max_response_bytes, connectors::CallOptions().max_response_bytes);
}

TEST_F(RemoteServableTest, WhoWaitsForCompanyCanLeaveAndIsToldTheTokens) {
  Put(storage::Collection::kConnectors, "c", json::object{{"batch_max_documents", 8}, {"together", true}});
  const auto predicted = PredictDocs({"a"});
  EXPECT_THAT(caller_.bodies, IsEmpty());
  executor_.RunFor(std::chrono::milliseconds(5));
  ASSERT_EQ(caller_.waiting(), 1U);
  EXPECT_EQ(caller_.calls.front().options.cancelled, predicted->cancelled);
  Answer(R"({"usage":{"total_tokens":7}})");
  ASSERT_TRUE(predicted->answer && *predicted->answer);
  EXPECT_EQ(predicted->result().tokens, 7U);
  EXPECT_EQ(servable_->costs()->tokens, 7U);
}

TEST_F(RemoteServableTest, CompilesOnceForEachVersionOfItsDocuments) {
  for (int i = 0; i < 3; ++i) {
    (void)Predict({});
    Answer("1");
  }
  EXPECT_EQ(compiled_, 1);
  Put(storage::Collection::kConnectors, "c", {{"max_connection", 1}});
  (void)PredictDocs({"a", "b"});
  EXPECT_EQ(compiled_, 2);
  EXPECT_EQ(caller_.waiting(), 1U) << "the change is in force";
  Put(storage::Collection::kModels, "m", {{"connector_id", "c"}, {"description", "other"}});
  (void)Predict({});
  EXPECT_EQ(compiled_, 3);
}

TEST_F(RemoteServableTest, AModelWithoutItsConnectorSaysSo) {
  Put(storage::Collection::kModels, "m", {{"connector_id", "gone"}});
  EXPECT_EQ(Predict({})->error().code, Code::kNotFound);
  Put(storage::Collection::kModels, "m", {{"name", "none"}});
  EXPECT_EQ(Predict({})->error().code, Code::kFailedPrecondition);
  compile_error_ = MakeError(Code::kFailedPrecondition, "sealed under key k1");
  Put(storage::Collection::kModels, "m", {{"connector", json::object()}});
  EXPECT_EQ(Predict({})->error().message, "sealed under key k1");
}

TEST_F(RemoteServableTest, AnInlineConnectorHasThePoolOfItsModel) {
  Put(storage::Collection::kModels, "m", {{"connector", json::object()}});
  (void)Predict({});
  EXPECT_EQ(caller_.calls.front().options.pool, "m");
}

TEST_F(RemoteServableTest, NobodyIsAskedForWhoHasGoneOrIsLate) {
  const auto late = Predict({}, Deadline(clock_.Now()));
  EXPECT_EQ(late->error().code, Code::kDeadlineExceeded);
  PredictRequest request;
  request.cancelled = std::make_shared<std::atomic<bool>>(true);
  request.remote = std::make_shared<const connectors::RemoteInput>();
  std::optional<Result<PredictResult>> answer;
  servable_->Predict(std::move(request), servable_, [&](Result<PredictResult> result) { answer = std::move(result); });
  executor_.RunUntilIdle();
  EXPECT_EQ(answer->error().code, Code::kCancelled);
  EXPECT_THAT(caller_.bodies, IsEmpty());
}

TEST_F(RemoteServableTest, AnAnswerThatIsHereOutlivesItsModel) {
  auto served = std::make_shared<ServedModel>();
  served->remote = std::make_shared<RemoteTermsSource>(store_, environment_.compile, ModelId("m"));
  const CancelFlag withdrawn = served->withdrawn;
  servable_ = MakeRemoteServable(std::move(served), servable_->spec(), environment_);
  const auto predicted = PredictNative({{"prompt", "hi"}});
  withdrawn->store(true);
  Answer("{}");
  EXPECT_TRUE(predicted->answer && *predicted->answer);
  EXPECT_EQ(PredictNative({})->error().code, Code::kUnavailable) << "the next is not sent";
  EXPECT_THAT(caller_.bodies, SizeIs(1));
}

TEST_F(RemoteServableTest, AnAnswerThatIsHereIsReadByAFullNodeToo) {
  SetGuardrails(R"({"output_guardrail":{"stop_words":[{"words":["bomb"]}]}})");
  const auto predicted = PredictNative({{"prompt", "hi"}});
  const auto failed = PredictNative({{"prompt", "hi"}});
  cpu_.full = true;
  Answer("{}");
  EXPECT_TRUE(predicted->answer && *predicted->answer);
  Answer("slow down", 429);
  EXPECT_EQ(failed->error().upstream_status, 429);
  const auto busy = PredictNative({});
  EXPECT_EQ(busy->error().code, Code::kResourceExhausted);
  EXPECT_TRUE(busy->error().retry_after) << "what was not sent may be sent later";
}

TEST_F(RemoteServableTest, ABatchJobThatHasBegunIsNotForgotten) {
  const auto predict = [&](connectors::ActionType action) {
    connectors::RemoteInput input;
    input.action = action;
    return Predict(std::move(input), Deadline::After(clock_, std::chrono::seconds(1)));
  };
  const auto job = predict(connectors::ActionType::kBatchPredict);
  const auto late = predict(connectors::ActionType::kPredict);
  executor_.RunFor(std::chrono::seconds(2));
  job->cancelled->store(true);
  Answer(R"({"id":"job-1"})");
  EXPECT_TRUE(job->answer && *job->answer) << "a task must stand for it";
  Answer("{}");
  EXPECT_EQ(late->error().code, Code::kDeadlineExceeded);
}

TEST_F(RemoteServableTest, OnlyWhatIsOneCallWaitsForOthers) {
  Put(storage::Collection::kConnectors, "c", {{"batch_max_documents", 4}});
  const auto first = PredictDocs({"a"});
  const auto second = PredictDocs({"b", "c"});
  EXPECT_THAT(caller_.bodies, ElementsAre("a", "b", "c")) << "at once: a call for each document";
  for (const char* body : {"1", "22", "333"}) Answer(body);
  EXPECT_THAT(first->result().documents, SizeIs(1));
  EXPECT_THAT(second->result().documents, SizeIs(2)) << "an element for each call, whoever else asks";
  Put(storage::Collection::kConnectors, "c", {{"batch_max_documents", 4}, {"together", true}});
  (void)PredictDocs({"a", "b"});
  (void)PredictDocs({"c"});
  EXPECT_EQ(caller_.waiting(), 0U);
  executor_.RunFor(std::chrono::seconds(1));
  ASSERT_EQ(caller_.waiting(), 1U);
  EXPECT_EQ(caller_.bodies.back(), "a,b,c");
}

TEST_F(RemoteServableTest, ALargeInputGoesAloneAndIsCounted) {
  Put(storage::Collection::kConnectors, "c", {{"batch_max_documents", 2}, {"together", true}});
  const auto predicted = PredictDocs({"a", "b"});
  ASSERT_EQ(caller_.waiting(), 1U);
  Answer(R"({"usage":{"total_tokens":7}})");
  EXPECT_EQ(predicted->result().tokens, 7U) << "of one call of its own they are known";
}

TEST_F(RemoteServableTest, AGuardedInputDoesNotLeaveTheNode) {
  SetGuardrails(R"({"input_guardrail":{"regex":[".*secret.*"]}})");
  EXPECT_EQ(PredictNative({{"prompt", "a secret"}})->error().message, "guardrails triggered for user input");
  EXPECT_THAT(caller_.bodies, IsEmpty());
  (void)PredictNative({{"prompt", "harmless"}});
  EXPECT_THAT(caller_.bodies, SizeIs(1));
}

TEST_F(RemoteServableTest, ACharsetHidesNothingFromAGuard) {
  (void)PredictNative({{"charset", "UTF-16"}});
  EXPECT_THAT(caller_.bodies, ElementsAre(R"({"charset":"UTF-16"})"));
  SetGuardrails(R"({"input_guardrail":{"regex":[".*secret.*"]}})");
  (void)PredictNative({{"charset", "UTF-16"}, {"prompt", "harmless"}});
  EXPECT_EQ(caller_.bodies.back(), R"({"prompt":"harmless"})") << "the caller's charset does not count";
  Put(storage::Collection::kConnectors, "c", {{"max_connection", 9}, {"charset", "UTF-16"}});
  EXPECT_EQ(PredictNative({{"prompt", "a secret"}})->error().message, "guardrails triggered for user input")
      << "the text is judged, not its encoded form";
  (void)PredictNative({{"prompt", "harmless"}});
  EXPECT_EQ(caller_.bodies.back(), "encoded");
}

TEST_F(RemoteServableTest, PreparingEndsWhenNobodyWaitsAnyMore) {
  on_call_ = [this] { clock_.Advance(std::chrono::seconds(2)); };
  connectors::RemoteInput input;
  input.has_docs = true;
  input.documents = {"a", "b"};
  const auto predicted = Predict(std::move(input), Deadline::After(clock_, std::chrono::seconds(1)));
  ASSERT_TRUE(predicted->answer);
  EXPECT_EQ(predicted->error().code, Code::kDeadlineExceeded);
  EXPECT_THAT(caller_.bodies, IsEmpty());
}

TEST_F(RemoteServableTest, AnAnswerThatRepeatsTheKeyShowsStars) {
  const auto predicted = Predict({});
  Answer(R"({"echo":"Bearer sk-secret-1"})");
  ASSERT_TRUE(predicted->answer && *predicted->answer);
  EXPECT_EQ(predicted->result().documents[0][0].data_as_map, R"({"echo":"Bearer ***"})");
}

TEST_F(RemoteServableTest, AGuardedOutputDoesNotReachTheCaller) {
  SetGuardrails(R"({"output_guardrail":{"stop_words":[{"words":["bomb"]}]}})");
  const auto predicted = Predict({});
  Answer(R"({"text":"a Bomb"})");
  EXPECT_EQ(predicted->error().message, "guardrails triggered for LLM output");
  const auto fine = Predict({});
  Answer(R"({"text":"a flower"})");
  EXPECT_TRUE(*fine->answer);
}

TEST_F(RemoteServableTest, WhatAnExecutionAndABatchSayIsGuardedToo) {
  SetGuardrails(R"({"output_guardrail":{"stop_words":[{"words":["bomb"]}]}})");
  for (const auto action : {connectors::ActionType::kExecute, connectors::ActionType::kBatchPredict}) {
    const auto predicted = PredictNative({}, action);
    Answer(R"({"text":"a bomb"})");
    ASSERT_TRUE(predicted->answer && !*predicted->answer);
    EXPECT_EQ(predicted->error().message, "guardrails triggered for LLM output");
  }
  const auto status = PredictNative({}, connectors::ActionType::kBatchPredictStatus);
  Answer(R"({"text":"a bomb"})");
  EXPECT_TRUE(status->answer && *status->answer);
}

}  // namespace
}  // namespace mlnode::serving
