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
    auto& config = connector.client_config.emplace();
    config.max_connection = IntField(holder.body, "max_connection").value().value_or(30);
    config.batch_max_documents = IntField(holder.body, "batch_max_documents").value().value_or(0);
    return std::shared_ptr<const connectors::CompiledConnector>(std::make_shared<EchoConnector>(std::move(connector)));
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
  storage::MemoryStore store_{clock_};
  Metrics metrics_;
  FakeCaller caller_;
  std::unique_ptr<config::Settings> settings_ = config::Settings::Create({}).value();
  std::optional<Error> compile_error_;
  int compiled_ = 0;
  RemoteEnvironment environment_{.store = store_,
                                 .caller = caller_,
                                 .cpu = executor_,
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
  Put(storage::Collection::kConnectors, "c", json::object{{"batch_max_documents", 8}});
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

TEST_F(RemoteServableTest, AGuardedInputDoesNotLeaveTheNode) {
  SetGuardrails(R"({"input_guardrail":{"regex":[".*secret.*"]}})");
  EXPECT_EQ(PredictNative({{"prompt", "a secret"}})->error().message, "guardrails triggered for user input");
  EXPECT_THAT(caller_.bodies, IsEmpty());
  (void)PredictNative({{"prompt", "harmless"}});
  EXPECT_THAT(caller_.bodies, SizeIs(1));
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

TEST_F(JudgedTest, BatchActionsAreNotGuarded) {
  (void)PredictNative({{"question", "q"}}, connectors::ActionType::kBatchPredict);
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_THAT(caller_.bodies, SizeIs(1));
}

}  // namespace
}  // namespace mlnode::serving
