#include "serving/remote/remote_servable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "serving/remote/guard.h"
#include "serving/testing/fake_remote.h"
#include "storage/memory/memory_store.h"

namespace mlnode::serving {
namespace {

using testing::EchoConnector;
using ::testing::ElementsAre;
using testing::FakeCaller;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RemoteServableTest : public ::testing::Test {
 protected:
  RemoteServableTest() {
    Put(storage::Collection::kConnectors, "c", json::object{{"max_connection", 2}});
    Put(storage::Collection::kModels, "m", json::object{{"connector_id", "c"}});
  }
  void Put(storage::Collection collection, const std::string& id, json::object body) {
    const auto put = storage::Update(store_, random_, {collection, id},
                                     [&](json::object& stored) -> Result<bool> {
                                       stored = body;
                                       return true;
                                     },
                                     {.create_if_absent = true});
    ASSERT_TRUE(put) << put.error().message;
  }
  void SetGuardrails(const std::string& guardrails) {
    Put(storage::Collection::kModels, "m",
        {{"connector_id", "c"}, {"guardrails", ParseJsonObject(guardrails).value()}});
  }
  Result<std::shared_ptr<const connectors::CompiledConnector>> Compile(const storage::Document& holder) {
    ++compiled_;
    if (compile_error_) return *compile_error_;
    connectors::Connector connector;
    connector.client_config.emplace().max_connection = IntField(holder.body, "max_connection").value().value_or(30);
    connector.client_config->batch_max_documents = IntField(holder.body, "batch_max_documents").value().value_or(0);
    if (holder.body.contains("together")) connector.parameters["together"] = "true";
    if (holder.body.contains("charset")) connector.parameters["charset"] = "UTF-16";
    auto echo = std::make_shared<EchoConnector>(std::move(connector));
    echo->on_call = on_call_;
    return std::shared_ptr<const connectors::CompiledConnector>(std::move(echo));
  }
  struct Predicted {
    std::optional<Result<PredictResult>> answer;
    CancelFlag cancelled = std::make_shared<std::atomic<bool>>(false);
    const Error& error() const { return answer->error(); }
    const PredictResult& result() const { return answer->value(); }
  };
  std::shared_ptr<Predicted> Predict(connectors::RemoteInput input, Deadline deadline = Deadline::Never()) {
    auto predicted = std::make_shared<Predicted>();
    PredictRequest request;
    request.deadline = deadline;
    request.cancelled = predicted->cancelled;
    request.remote = std::make_shared<const connectors::RemoteInput>(std::move(input));
    servable_->Predict(std::move(request), servable_, [predicted](Result<PredictResult> result) {
      EXPECT_FALSE(predicted->answer) << "answered twice";
      predicted->answer = std::move(result);
    });
    executor_.RunUntilIdle();
    return predicted;
  }
  std::shared_ptr<Predicted> PredictNative(json::object parameters,
                                           connectors::ActionType action = connectors::ActionType::kPredict) {
    connectors::RemoteInput input;
    input.action = action;
    input.parameters = std::move(parameters);
    return Predict(std::move(input));
  }
  std::shared_ptr<Predicted> PredictDocs(const std::vector<std::string>& texts) {
    connectors::RemoteInput input;
    input.has_docs = true;
    input.documents.assign(texts.begin(), texts.end());
    return Predict(std::move(input));
  }
  void Answer(const std::string& body, int status = 200) {
    caller_.Answer(body, status);
    executor_.RunUntilIdle();
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{3};
  mlnode::testing::ManualExecutor executor_{clock_};
  testing::FullableExecutor cpu_{executor_};
  storage::MemoryStore store_{clock_};
  Metrics metrics_;
  FakeCaller caller_;
  std::unique_ptr<config::Settings> settings_ = config::Settings::Create({}).value();
  std::optional<Error> compile_error_;
  std::function<void()> on_call_;  // of connectors
  int compiled_ = 0;
  RemoteEnvironment environment_{.store = store_,
                                 .caller = caller_,
                                 .cpu = cpu_,
                                 .timers = executor_,
                                 .clock = clock_,
                                 .metrics = metrics_,
                                 .settings = *settings_,
                                 .compile = [this](const storage::Document& holder) { return Compile(holder); },
                                 .rules = [] { return std::make_shared<const testing::TrustingRules>(); }};
  std::shared_ptr<Servable> servable_ = MakeUndeployedRemote(ModelId("m"), environment_);
};

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

class RemoteStreamTest : public RemoteServableTest {
 protected:
  void SetUp() override {
    StreamRequest request;
    request.interface = "openai/v1/chat/completions";
    request.predict.cancelled = cancelled_;
    request.predict.remote = std::make_shared<const connectors::RemoteInput>();
    servable_->Stream(std::move(request), servable_,
                      {.piece = [this](const StreamPiece& piece) -> Status {
                         text_ += piece.last ? "." : piece.content;
                         return {};
                       },
                       .done = [this](Status status) { ends_.push_back(std::move(status)); }});
    executor_.RunUntilIdle();
    ASSERT_EQ(caller_.waiting(), 1U);
  }
  bool Feed(const std::string& text) { return caller_.calls.front().options.body_sink(text).has_value(); }

  CancelFlag cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::string text_;
  std::vector<Status> ends_;
};

constexpr const char* kStop =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

TEST_F(RemoteStreamTest, EndsWithItsLastPieceWhateverTheProviderDoes) {
  EXPECT_TRUE(Feed(kStop));
  EXPECT_EQ(text_, "hi.");
  ASSERT_THAT(ends_, SizeIs(1)) << "without waiting for the provider";
  EXPECT_TRUE(ends_[0]);
  EXPECT_TRUE(Feed("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n"));
  caller_.Fail(MakeError(Code::kInternal, "Error communicating with remote model: reset"));
  executor_.RunUntilIdle();
  EXPECT_THAT(ends_, SizeIs(1));
  EXPECT_EQ(servable_->costs()->tokens, 7U);
  EXPECT_EQ(servable_->costs()->failures, 0U);
}

TEST_F(RemoteStreamTest, LeavesAProviderThatDoesNotClose) {
  EXPECT_TRUE(Feed(kStop));
  EXPECT_FALSE(cancelled_->load());
  executor_.RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(cancelled_->load()) << "so that the transport lets it go";
}

TEST_F(RemoteStreamTest, AnErrorBeforeTheLastPieceIsOne) {
  EXPECT_TRUE(Feed("data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"));
  EXPECT_THAT(ends_, IsEmpty());
  caller_.Fail(MakeError(Code::kInternal, "Error communicating with remote model: reset"));
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_FALSE(ends_[0]);
  EXPECT_EQ(servable_->costs()->failures, 1U);
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

class RemoteStreamErrorTest : public RemoteServableTest {
 protected:
  std::optional<Status> Stream(const std::string& events, int status = 200) {
    StreamRequest request;
    request.interface = "openai/v1/chat/completions";
    request.predict.cancelled = std::make_shared<std::atomic<bool>>(false);
    request.predict.remote = std::make_shared<const connectors::RemoteInput>();
    auto ended = std::make_shared<std::optional<Status>>();
    servable_->Stream(std::move(request), servable_,
                      {.piece = [](const StreamPiece&) -> Status { return {}; },
                       .done = [ended](Status done) { *ended = std::move(done); }});
    executor_.RunUntilIdle();
    Answer(events, status);
    return *ended;
  }
};

TEST_F(RemoteStreamErrorTest, AnErrorWithinAStreamHidesSecretsAndIsCut) {
  const auto bad_key = Stream("data: {\"error\":{\"message\":\"bad key sk-secret-1\"}}\n\n");
  ASSERT_TRUE(bad_key && !*bad_key);
  EXPECT_EQ(bad_key->error().code, Code::kUpstream);
  EXPECT_EQ(bad_key->error().message, "Error from remote service: bad key ***");
  const auto long_text = Stream("data: {\"error\":{\"message\":\"" + std::string(200'000, 'x') + "\"}}\n\n");
  ASSERT_TRUE(long_text && !*long_text);
  EXPECT_LT(long_text->error().message.size(), connectors::kMaxShownReply + 10);
}

TEST_F(RemoteStreamErrorTest, AnErrorInTheLastEventHidesSecretsToo) {
  const auto ended = Stream(R"(data: {"error":"no sk-secret-1"})");
  ASSERT_TRUE(ended && !*ended);
  EXPECT_EQ(ended->error().message, R"(Error from remote service: "no ***")");
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

class JudgedTest : public RemoteServableTest {
 protected:
  JudgedTest() {
    SetGuardrails(
        R"({"type":"model","input_guardrail":{"model_id":"judge","response_filter":"$.f","response_validation_regex":"\"accept\""}})");
    environment_.ask = [this](const ModelId& model, json::object parameters, Deadline deadline, CancelFlag,
                              PredictDone done) {
      asked_.push_back(model.str() + " " + ToJson(parameters));
      patience_ = deadline.Remaining(clock_);
      if (judge_error_) return done(*judge_error_);
      PredictResult result;
      result.documents.push_back({{.name = "response", .data_as_map = verdict_}});
      done(std::move(result));
    };
  }
  std::vector<std::string> asked_;
  Duration patience_{};
  std::string verdict_ = R"({"response":"accept"})";
  std::optional<Error> judge_error_;
};

TEST_F(JudgedTest, AModelIsAskedAboutTheQuestion) {
  (void)PredictNative({{"question", "may I?"}});
  EXPECT_THAT(asked_, ElementsAre(R"(judge {"question":"may I?","response_filter":"$.f"})"));
  EXPECT_EQ(patience_, kGuardPatience);
  EXPECT_THAT(caller_.bodies, SizeIs(1));
  (void)PredictNative({{"other", "x"}});
  EXPECT_THAT(asked_, SizeIs(1)) << "no question, no judge";
}

TEST_F(JudgedTest, WhatAJudgeDoesNotAcceptIsRefused) {
  verdict_ = R"({"response":"reject"})";
  EXPECT_EQ(PredictNative({{"question", "q"}})->error().message, "guardrails triggered for user input");
  verdict_ = "no json";
  EXPECT_FALSE(*PredictNative({{"question", "q"}})->answer);
  judge_error_ = MakeError(Code::kUnavailable, "down");
  EXPECT_FALSE(*PredictNative({{"question", "q"}})->answer) << "fails closed";
  environment_.ask = {};
  EXPECT_FALSE(*PredictNative({{"question", "q"}})->answer);
  EXPECT_THAT(caller_.bodies, IsEmpty());
}

TEST_F(JudgedTest, AJudgeDoesNotSeeAKey) {
  SetGuardrails(R"({"type":"model","output_guardrail":{"model_id":"judge","response_validation_regex":"\"accept\""}})");
  (void)Predict({});
  Answer("sk-secret-1");
  EXPECT_THAT(asked_, ElementsAre(R"(judge {"question":"***"})"));
}

TEST_F(JudgedTest, AJudgeAsksNoFurtherJudge) {
  PredictRequest request;
  request.judging = true;
  auto input = std::make_shared<connectors::RemoteInput>();
  input->parameters["question"] = "q";
  request.remote = input;
  std::optional<Result<PredictResult>> answer;
  servable_->Predict(std::move(request), servable_, [&](Result<PredictResult> result) { answer = std::move(result); });
  executor_.RunUntilIdle();
  EXPECT_EQ(answer->error().message, "guardrails triggered for user input");
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(JudgedTest, AllThatCarriesTextIsGuarded) {
  using connectors::ActionType;
  verdict_ = R"({"response":"reject"})";
  for (const ActionType action : {ActionType::kPredict, ActionType::kExecute, ActionType::kBatchPredict}) {
    EXPECT_EQ(PredictNative({{"question", "q"}}, action)->error().message, "guardrails triggered for user input");
  }
  EXPECT_THAT(asked_, SizeIs(3));
  EXPECT_THAT(caller_.bodies, IsEmpty());
  (void)PredictNative({{"question", "q"}}, ActionType::kBatchPredictStatus);
  (void)PredictNative({{"question", "q"}}, ActionType::kCancelBatchPredict);
  EXPECT_THAT(asked_, SizeIs(3)) << "a job is looked at and cancelled without a judge";
  EXPECT_THAT(caller_.bodies, SizeIs(2));
}

}  // namespace
}  // namespace mlnode::serving
