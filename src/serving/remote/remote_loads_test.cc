// Remote models among the models of a node: loaded at once, without engine, memory or the loading queue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/testing/fake_remote.h"
#include "serving/testing/serving_fixture.h"

namespace mlnode::serving {
namespace {

using testing::EchoConnector;

class RemoteLoadsTest : public testing::ServingFixture {
 protected:
  RemoteLoadsTest() {
    models::Model model;
    model.id = ModelId("r");
    model.name = "remote";
    model.function = models::FunctionName::kRemote;
    model.version = "1";
    model.group = GroupId("g");
    model.registration = models::Registration::kRegistered;
    spec_ = MakeLoadSpec(model).value();
    local_ = LocalModels::Create({.store = store_,
                                  .cache = *cache_,
                                  .engines = registry_,
                                  .budget = *budget_,
                                  .queue = *queue_,
                                  .loading = loading_,
                                  .cpu = executor_,
                                  .clock = clock_,
                                  .metrics = metrics_,
                                  .actions = actions_,
                                  .remote = &environment_});
    Put({{"connector", json::object()}});
  }
  void Put(json::object body) {
    ASSERT_TRUE(storage::Update(store_, random_, {storage::Collection::kModels, "r"},
                                [&](json::object& stored) -> Result<bool> {
                                  stored = body;
                                  return true;
                                },
                                {.create_if_absent = true}));
  }

  mlnode::testing::SeededRandom random_{5};
  mlnode::testing::ManualExecutor loading_{clock_};  // never runs: as if it loaded a large model
  testing::FakeCaller caller_;
  std::unique_ptr<config::Settings> settings_ = config::Settings::Create({}).value();
  std::optional<Error> compile_error_;
  RemoteEnvironment environment_{
      .store = store_,
      .caller = caller_,
      .cpu = executor_,
      .timers = executor_,
      .clock = clock_,
      .metrics = metrics_,
      .settings = *settings_,
      .compile = [this](const storage::Document&) -> Result<std::shared_ptr<const connectors::CompiledConnector>> {
        if (compile_error_) return *compile_error_;
        return std::shared_ptr<const connectors::CompiledConnector>(
            std::make_shared<EchoConnector>(connectors::Connector()));
      },
      .rules = [] { return std::make_shared<const testing::TrustingRules>(); }};
  LoadSpec spec_;
};

TEST_F(RemoteLoadsTest, IsReadyWithoutTheLoadingQueueOrMemory) {
  LoadToEnd(spec_);
  const LocalModel local = Local(spec_.model);
  EXPECT_EQ(local.state, LocalState::kReady);
  EXPECT_EQ(local.function, models::FunctionName::kRemote);
  EXPECT_EQ(local.info->engine, "remote");
  EXPECT_EQ(budget_->Reserved(), 0U);
  EXPECT_EQ(loading_.ReadyCount(), 0U);
}

TEST_F(RemoteLoadsTest, PredictionsAreCountedAndUseTheModel) {
  LoadToEnd(spec_);
  clock_.Advance(std::chrono::minutes(3));
  PredictRequest request;
  request.remote = std::make_shared<const connectors::RemoteInput>();
  const auto servable = local_->Find(spec_.model);
  std::optional<Result<PredictResult>> answer;
  servable->Predict(std::move(request), servable, [&](Result<PredictResult> result) { answer = std::move(result); });
  executor_.RunUntilIdle();
  caller_.Answer("{}");
  executor_.RunUntilIdle();
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ(Local(spec_.model).last_used, clock_.Now());
  EXPECT_EQ(servable->costs()->calls, 1U);
  EXPECT_EQ(servable->latencies()->counts.documents, 1U);
}

TEST_F(RemoteLoadsTest, AConnectorThatCannotBeReadFailsTheLoad) {
  compile_error_ = MakeError(Code::kFailedPrecondition, "sealed under key k9");
  LoadToEnd(spec_);
  EXPECT_EQ(Local(spec_.model).state, LocalState::kFailed);
  EXPECT_EQ(Local(spec_.model).error->message, "sealed under key k9");
  compile_error_.reset();
  LoadToEnd(spec_, 2);
  EXPECT_EQ(Local(spec_.model).state, LocalState::kReady);
}

TEST_F(RemoteLoadsTest, UnloadedModelsRefuseWhatComesLater) {
  LoadToEnd(spec_);
  const auto held = local_->Find(spec_.model);
  local_->Unload(spec_.model, Duration::zero());
  EXPECT_EQ(local_->Find(spec_.model), nullptr);
  PredictRequest request;
  request.remote = std::make_shared<const connectors::RemoteInput>();
  std::optional<Result<PredictResult>> answer;
  held->Predict(std::move(request), held, [&](Result<PredictResult> result) { answer = std::move(result); });
  executor_.RunUntilIdle();
  EXPECT_EQ(answer->error().code, Code::kUnavailable);
}

TEST_F(RemoteLoadsTest, LocalModelsDoNotStream) {
  testing::ServingFixture::Open();
  const LoadSpec local = Register("local");
  LoadToEnd(local);
  const auto servable = local_->Find(local.model);
  ASSERT_NE(servable, nullptr);
  std::optional<Status> ended;
  servable->Stream({}, servable, {.piece = {}, .done = [&](Status status) { ended = std::move(status); }});
  EXPECT_EQ(ended->error().message, "Streaming is only supported for remote models");
  EXPECT_EQ(servable->costs(), nullptr);
}

TEST_F(RemoteLoadsTest, LeavesNoSeriesOfMemoryBehind) {
  LoadToEnd(spec_);
  EXPECT_EQ(metrics_.ToText().find("mlnode_model_resident_bytes{model=\"r\"}"), std::string::npos);
  local_->Unload(spec_.model, Duration::zero());
  executor_.RunUntilIdle();
  loading_.RunUntilIdle();
  EXPECT_EQ(metrics_.ToText().find("mlnode_model_resident_bytes{model=\"r\"}"), std::string::npos);
}

}  // namespace
}  // namespace mlnode::serving
