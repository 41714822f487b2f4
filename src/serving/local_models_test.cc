#include "serving/local_models.h"

#include "serving/loader.h"
#include "serving/testing/behaviours.h"
#include "serving/testing/serving_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ServingFixture;
using ::testing::SizeIs;

class LocalModelsTest : public ServingFixture {};

TEST_F(LocalModelsTest, LoadsThroughAllPhasesAndServes) {
  const LoadSpec spec = Register("a");
  Load(spec, 7);
  EXPECT_EQ(Local(spec.model).state, LocalState::kLoading);
  EXPECT_EQ(Local(spec.model).phase, Phase::kQueued);
  EXPECT_EQ(local_->Find(spec.model), nullptr);
  executor_.RunUntilIdle();
  EXPECT_THAT(PhasesOf(spec), ElementsAre(Phase::kFetching, Phase::kUnpacking, Phase::kReserving, Phase::kLoading,
                                          Phase::kWarming, Phase::kReady));
  const LocalModel shown = Local(spec.model);
  EXPECT_EQ(shown.state, LocalState::kReady);
  EXPECT_EQ(shown.generation, 7U);
  EXPECT_EQ(shown.info->engine, "fake 1");
  EXPECT_EQ(shown.info->max_tokens, 512);
  EXPECT_TRUE(shown.info->batched);
  const auto predicted = Predict(spec, {"the cat", "the dog sat"});
  executor_.RunUntilIdle();
  ASSERT_TRUE(predicted->answer && *predicted->answer);
  EXPECT_THAT((*predicted->answer)->documents, SizeIs(2));
  EXPECT_EQ(LoadsTotal("ok"), 1);
  EXPECT_EQ(metrics_.GetGauge("mlnode_deployed_models", "").Value(), 1);
}

TEST_F(LocalModelsTest, ReservesThePeakThenWhatWasMeasured) {
  const LoadSpec spec = Register("a", std::string(1'000, 'w'));
  std::uint64_t during = 0;
  engine_.SetBehaviour(testing::OnLoad([&](const engines::LoadOptions&) -> Status {
    during = budget_->Reserved();
    memory_used_ += 5'000;
    return {};
  }));
  LoadToEnd(spec);
  EXPECT_EQ(during, PeakBytes(1'000));
  EXPECT_EQ(budget_->Reserved(), 5'000U);
  EXPECT_EQ(Local(spec.model).info->resident_bytes, 5'000U);
  EXPECT_EQ(Local(spec.model).info->peak_bytes, PeakBytes(1'000));
}

TEST_F(LocalModelsTest, SizeSeenWhileTheLanesWorkedIsNotBelieved) {
  const LoadSpec served = Register("served");
  LoadToEnd(served);
  const LoadSpec spec = Register("a", std::string(1'000, 'w'));
  engine_.SetBehaviour(testing::OnLoad([&](const engines::LoadOptions&) -> Status {
    engine_.SetBehaviour({});
    const auto predicted = Predict(served, {"the cat"});
    while (!predicted->answer) executor_.RunOne();
    memory_used_ += 77'000;  // what the prediction took
    return {};
  }));
  LoadToEnd(spec);
  EXPECT_FALSE(Local(spec.model).info->measured);
  EXPECT_EQ(Local(spec.model).info->resident_bytes, SteadyBytes(1'000));
  EXPECT_LT(SteadyBytes(1'000), PeakBytes(1'000));
}

TEST_F(LocalModelsTest, SizeOfAnEarlierLoadOfTheSameContentIsBelieved) {
  const LoadSpec served = Register("served");
  LoadToEnd(served);
  const LoadSpec spec = Register("a", std::string(1'000, 'w'));
  engine_.SetBehaviour(testing::OnLoad([&](const engines::LoadOptions&) -> Status {
    memory_used_ += 5'000;
    return {};
  }));
  LoadToEnd(spec);
  local_->Unload(spec.model, seconds(1));
  executor_.RunUntilIdle();
  engine_.SetBehaviour(testing::OnLoad([&](const engines::LoadOptions&) -> Status {
    engine_.SetBehaviour({});
    const auto predicted = Predict(served, {"the cat"});
    while (!predicted->answer) executor_.RunOne();
    return {};
  }));
  LoadToEnd(spec, 2);
  EXPECT_TRUE(Local(spec.model).info->measured);
  EXPECT_EQ(Local(spec.model).info->resident_bytes, 5'000U);
}

TEST_F(LocalModelsTest, UseIsLoadDeployAndPrediction) {
  const LoadSpec spec = Register("a");
  clock_.Advance(seconds(1));
  LoadToEnd(spec);
  EXPECT_EQ(Local(spec.model).last_used, clock_.Now());
  clock_.Advance(seconds(1));
  EXPECT_NE(Local(spec.model).last_used, clock_.Now());
  Load(spec, 2);
  EXPECT_EQ(Local(spec.model).last_used, clock_.Now());
  clock_.Advance(seconds(1));
  const auto predicted = Predict(spec, {"the cat"});
  EXPECT_EQ(Local(spec.model).last_used, clock_.Now());
  clock_.Advance(seconds(1));
  executor_.RunUntilIdle();
  ASSERT_TRUE(predicted->answer);
  EXPECT_EQ(Local(spec.model).last_used, clock_.Now());
}

TEST_F(LocalModelsTest, AModelCountsAtLeastItsFile) {
  LoadToEnd(Register("a", std::string(1'000, 'w')));
  EXPECT_EQ(budget_->Reserved(), 1'000U);
  EXPECT_EQ(metrics_.GetGauge("mlnode_model_resident_bytes", "", {{"model", "a"}}).Value(), 1'000);
}

TEST_F(LocalModelsTest, AnotherGenerationIsNotedWithoutAReload) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec, 1);
  PhasesOf(spec).clear();
  LoadToEnd(spec, 2);
  EXPECT_EQ(Local(spec.model).generation, 2U);
  EXPECT_EQ(engine_.loads(), 1);
  EXPECT_THAT(PhasesOf(spec), ElementsAre(Phase::kReady));
}

TEST_F(LocalModelsTest, AnotherGenerationDuringALoadDoesNotStartASecond) {
  const LoadSpec spec = Register("a");
  Load(spec, 1);
  Load(spec, 2);
  executor_.RunUntilIdle();
  EXPECT_EQ(engine_.loads(), 1);
  EXPECT_EQ(Local(spec.model).generation, 2U);
}

TEST_F(LocalModelsTest, LoadsRunOneAtATimeInOrder) {
  const LoadSpec a = Register("a");
  const LoadSpec b = Register("b");
  engine_.SetBehaviour(testing::OnLoad([&](const engines::LoadOptions&) -> Status {
    executor_.RunUntilIdle();  // what else could run does
    EXPECT_EQ(engine_.live_models(), Local(a.model).state == LocalState::kReady ? 1 : 0);
    return {};
  }));
  Load(a);
  Load(b);
  EXPECT_EQ(executor_.ReadyCount(), 1U);
  executor_.RunUntilIdle();
  EXPECT_EQ(Local(a.model).state, LocalState::kReady);
  EXPECT_EQ(Local(b.model).state, LocalState::kReady);
}

TEST_F(LocalModelsTest, UnloadIsSeenAtOnceAndFreesOnTheExecutor) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  local_->Unload(spec.model, seconds(10));
  EXPECT_EQ(local_->Find(spec.model), nullptr);
  EXPECT_THAT(local_->List(), IsEmpty());
  EXPECT_EQ(metrics_.GetGauge("mlnode_deployed_models", "").Value(), 0);
  EXPECT_EQ(engine_.live_models(), 1);
  executor_.RunUntilIdle();
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_EQ(budget_->Reserved(), 0U);
  EXPECT_EQ(metrics_.GetGauge("mlnode_model_resident_bytes", "", {{"model", "a"}}).Value(), 0);
}

TEST_F(LocalModelsTest, UnloadOfNothingIsFine) {
  local_->Unload(ModelId("never"), seconds(1));
  executor_.RunUntilIdle();
  EXPECT_THAT(local_->List(), IsEmpty());
}

TEST_F(LocalModelsTest, UnloadLetsRunningAndQueuedPredictionsEnd) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const auto predicted = Predict(spec, {"the cat"});
  local_->Unload(spec.model, seconds(10));
  executor_.RunUntilIdle();
  ASSERT_TRUE(predicted->answer);
  EXPECT_TRUE(predicted->answer->has_value());
  EXPECT_EQ(engine_.live_models(), 0);
}

TEST_F(LocalModelsTest, DrainThatEndsCancelsWhatStillWaits) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  std::shared_ptr<Predicted> second;
  engine_.SetBehaviour(testing::OnRun([&](const TokenBatch&) -> Status {
    engine_.SetBehaviour({});
    second = Predict(spec, {"the dog"});
    local_->Unload(spec.model, seconds(10));
    clock_.Advance(seconds(11));
    while (!second->answer && executor_.RunOne()) {
    }
    EXPECT_EQ(engine_.live_models(), 1) << "freed under a running engine call";
    return {};
  }));
  const auto first = Predict(spec, {"the cat"});
  executor_.RunUntilIdle();
  EXPECT_TRUE(first->answer && first->answer->has_value());
  ASSERT_TRUE(second && second->answer);
  EXPECT_EQ(engine_.live_models(), 0);
}

TEST_F(LocalModelsTest, UnloadWithoutDrainCancelsTheQueuedAtOnce) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const auto predicted = Predict(spec, {"the cat"});
  local_->Unload(spec.model, Duration::zero());
  ASSERT_TRUE(predicted->answer && !*predicted->answer);
  EXPECT_EQ(predicted->answer->error().code, Code::kUnavailable);
  EXPECT_EQ(predicted->answer->error().message, kModelWithdrawn);
}

TEST_F(LocalModelsTest, AHandleKeepsTheModelUntilItGoes) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  auto handle = local_->Find(spec.model);
  local_->Unload(spec.model, seconds(1));
  executor_.RunFor(seconds(5));
  EXPECT_EQ(engine_.live_models(), 1);
  handle.reset();
  executor_.RunUntilIdle();
  EXPECT_EQ(engine_.live_models(), 0);
}

TEST_F(LocalModelsTest, ReloadDuringADrainWaitsForItsEnd) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec, 1);
  auto handle = local_->Find(spec.model);
  local_->Unload(spec.model, seconds(10));
  LoadToEnd(spec, 2);
  EXPECT_EQ(Local(spec.model).phase, Phase::kQueued);
  EXPECT_EQ(engine_.loads(), 1);
  handle.reset();
  executor_.RunUntilIdle();
  EXPECT_EQ(Local(spec.model).state, LocalState::kReady);
  EXPECT_EQ(engine_.loads(), 2);
}

TEST_F(LocalModelsTest, ALoadWithoutMemoryWaitsForADrainInsteadOfFailing) {
  const std::string file(1'000, 'w');
  Open(PeakBytes(file.size()) + 500);  // less than the peak beside a loaded one
  const LoadSpec a = Register("a", file);
  const LoadSpec b = Register("b", file + "b");
  LoadToEnd(a);
  auto handle = local_->Find(a.model);
  local_->Unload(a.model, seconds(10));
  LoadToEnd(b);
  EXPECT_EQ(Local(b.model).state, LocalState::kLoading);
  EXPECT_EQ(Local(b.model).phase, Phase::kQueued);
  handle.reset();
  executor_.RunUntilIdle();
  EXPECT_EQ(Local(b.model).state, LocalState::kReady);
  EXPECT_EQ(LoadsTotal("failed"), 0);
}

TEST_F(LocalModelsTest, DestructionCancelsAndFreesAtOnceAndTouchesNothingLater) {
  const LoadSpec a = Register("a");
  LoadToEnd(a);
  Load(Register("b"));
  const auto predicted = Predict(a, {"the cat"});
  local_.reset();
  ASSERT_TRUE(predicted->answer && !*predicted->answer);
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_EQ(budget_->Reserved(), 0U);
  queue_.reset();
  budget_.reset();
  executor_.RunUntilIdle();  // what was posted finds nobody
  EXPECT_EQ(engine_.loads(), 1);
}

TEST_F(LocalModelsTest, ManyRoundsLeaveNothingBehind) {
  const LoadSpec a = Register("a");
  const LoadSpec b = Register("b");
  for (std::uint64_t round = 1; round <= 200; ++round) {
    Load(a, round);
    Load(b, round);
    if (round % 3 == 0) executor_.RunOne();
    if (round % 2 == 0) executor_.RunUntilIdle();
    local_->Unload(a.model, seconds(round % 5));
    local_->Unload(b.model, Duration::zero());
    if (round % 7 != 0) executor_.RunUntilIdle();
  }
  executor_.RunFor(seconds(10));
  EXPECT_THAT(local_->List(), IsEmpty());
  EXPECT_EQ(local_->Find(a.model), nullptr);
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_EQ(budget_->Reserved(), 0U);
  EXPECT_GT(engine_.loads(), 50);
}

}  // namespace
}  // namespace mlnode::serving
