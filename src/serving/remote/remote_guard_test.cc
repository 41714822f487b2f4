#include "serving/testing/remote_servable_fixture.h"

namespace mlnode::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JudgedTest : public testing::RemoteServableFixture {
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
