// What a plan does that asks for another precision than the model was loaded at.
#include <gmock/gmock.h>

#include "serving/loader.h"
#include "serving/testing/serving_fixture.h"

namespace mlnode::serving {
namespace {

using engines::Precision;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::ServingFixture;

class ReloadTest : public ServingFixture {
 protected:
  ReloadTest() {
    acceleration_ = {.allowed = true, .cpu = "test"};
    Open();
    Behave(1e-3F);
  }
  // bf16 takes 4 ms a run and errs by up to `error`, f32 takes 10.
  void Behave(float error) {
    behaviour_.bf16_error = error;
    behaviour_.on_compute = [this](Precision precision) {
      clock_.Advance(milliseconds(precision == Precision::kBf16 ? 4 : 10));
    };
    engine_.SetBehaviour(behaviour_);
  }
  void OnLoad(std::function<Status(const engines::LoadOptions&)> hook) {
    behaviour_.on_load = std::move(hook);
    engine_.SetBehaviour(behaviour_);
  }
  static LoadSpec Reference(LoadSpec spec) {
    spec.reference_precision = true;
    return spec;
  }
  Precision PrecisionOf(const LoadSpec& spec) { return Local(spec.model).info.value().precision; }
  bool Answers(const LoadSpec& spec) {
    const auto predicted = Predict(spec, {"the cat"});
    executor_.RunUntilIdle();
    return predicted->answer && *predicted->answer;
  }
  double Gauge() { return metrics_.GetGauge("mlnode_model_resident_bytes", "", {{"model", "a"}}).Value(); }

  engines::FakeBehaviour behaviour_;
  const LoadSpec spec_ = Register("a");
};

TEST_F(ReloadTest, TheReferenceIsLoadedAtOnceAndNoVerdictIsLookedFor) {
  LoadToEnd(Reference(spec_));
  EXPECT_EQ(engine_.loads(), 1);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kF32);
  EXPECT_THAT(Local(spec_.model).info->precision_reason, HasSubstr("differ"));
  Open();
  LoadToEnd(spec_);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kBf16) << "and none was left behind";
}

TEST_F(ReloadTest, AReadyModelServesUntilTheOtherIsReady) {
  LoadToEnd(spec_, 1);
  ASSERT_EQ(PrecisionOf(spec_), Precision::kBf16);
  auto before = local_->Find(spec_.model);
  int during = 0;
  OnLoad([&](const engines::LoadOptions& options) -> Status {
    EXPECT_EQ(options.precision, Precision::kF32);
    const LocalModel shown = Local(spec_.model);
    EXPECT_EQ(shown.state, LocalState::kReady);
    EXPECT_EQ(shown.generation, 1U);
    EXPECT_EQ(shown.reload.value().generation, 2U);
    EXPECT_EQ(shown.reload->phase, Phase::kLoading);
    EXPECT_EQ(local_->Find(spec_.model), before);
    ++during;
    return {};
  });
  LoadToEnd(Reference(spec_), 2);
  EXPECT_EQ(during, 1);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kF32);
  EXPECT_EQ(Local(spec_.model).generation, 2U);
  EXPECT_FALSE(Local(spec_.model).reload);
  EXPECT_NE(local_->Find(spec_.model), before);
  EXPECT_TRUE(Answers(spec_));
  EXPECT_EQ(engine_.live_models(), 2) << "who found the old one may still ask it";
  before.reset();
  executor_.RunUntilIdle();
  EXPECT_EQ(engine_.live_models(), 1);
  EXPECT_GT(Gauge(), 0) << "the new one's";
  EXPECT_EQ(budget_->Reserved(), static_cast<std::uint64_t>(Gauge()));
}

TEST_F(ReloadTest, APredictionUnderWayEndsOnWhatItBeganOn) {
  LoadToEnd(spec_, 1);
  const auto predicted = Predict(spec_, {"the cat"});
  LoadToEnd(Reference(spec_), 2);
  ASSERT_TRUE(predicted->answer);
  EXPECT_TRUE(*predicted->answer);
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(ReloadTest, BackItGoesByTheVerdictThatIsKept) {
  LoadToEnd(spec_, 1);
  LoadToEnd(Reference(spec_), 2);
  const int loads = engine_.loads();
  LoadToEnd(spec_, 3);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kBf16);
  EXPECT_EQ(engine_.loads(), loads + 1);
  EXPECT_EQ(Local(spec_.model).generation, 3U);
}

TEST_F(ReloadTest, WhatRunsAtF32AnywayIsOnlyTold) {
  Behave(0.5F);
  LoadToEnd(spec_, 1);
  ASSERT_EQ(PrecisionOf(spec_), Precision::kF32);
  const int loads = engine_.loads();
  const auto before = local_->Find(spec_.model);
  LoadToEnd(Reference(spec_), 2);
  EXPECT_EQ(engine_.loads(), loads);
  EXPECT_EQ(local_->Find(spec_.model), before);
  EXPECT_EQ(Local(spec_.model).generation, 2U);
}

TEST_F(ReloadTest, WithoutAChoiceThereIsNothingToReload) {
  acceleration_.allowed = false;
  Open();
  LoadToEnd(spec_, 1);
  LoadToEnd(Reference(spec_), 2);
  LoadToEnd(spec_, 3);
  EXPECT_EQ(engine_.loads(), 1);
  EXPECT_EQ(Local(spec_.model).generation, 3U);
}

TEST_F(ReloadTest, ALoadThatIsToBeAnotherBeginsAnew) {
  int begun = 0;
  OnLoad([&](const engines::LoadOptions&) -> Status {
    if (++begun == 1) Load(Reference(spec_), 2);
    return {};
  });
  LoadToEnd(spec_, 1);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kF32);
  EXPECT_EQ(Local(spec_.model).generation, 2U);
  EXPECT_EQ(begun, 2);
  EXPECT_EQ(engine_.live_models(), 1);
  EXPECT_EQ(LoadsTotal("cancelled"), 1);
}

TEST_F(ReloadTest, AReloadThatIsNotWantedAnyMoreIsGivenUp) {
  LoadToEnd(spec_, 1);
  const auto before = local_->Find(spec_.model);
  OnLoad([&](const engines::LoadOptions&) -> Status {
    OnLoad(nullptr);
    Load(spec_, 3);
    return {};
  });
  LoadToEnd(Reference(spec_), 2);
  EXPECT_EQ(local_->Find(spec_.model), before);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kBf16);
  EXPECT_EQ(Local(spec_.model).generation, 3U);
  EXPECT_FALSE(Local(spec_.model).reload);
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(ReloadTest, ALaterGenerationOfTheSameIsToldToTheReload) {
  LoadToEnd(spec_, 1);
  Load(Reference(spec_), 2);
  LoadToEnd(Reference(spec_), 3);
  EXPECT_EQ(Local(spec_.model).generation, 3U);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kF32);
}

TEST_F(ReloadTest, UnloadEndsBoth) {
  LoadToEnd(spec_, 1);
  OnLoad([&](const engines::LoadOptions&) -> Status {
    local_->Unload(spec_.model, seconds(1));
    return {};
  });
  LoadToEnd(Reference(spec_), 2);
  EXPECT_EQ(local_->Find(spec_.model), nullptr);
  EXPECT_TRUE(local_->List().empty());
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_EQ(budget_->Reserved(), 0U);
}

TEST_F(ReloadTest, WithoutMemoryForBothTheOldOneGoesFirst) {
  const std::uint64_t file = 1'000'000;
  const LoadSpec big = Register("big", std::string(file, 'w'));
  Open(PeakBytes(file) + file / 2);  // one and a half
  LoadToEnd(big, 1);
  ASSERT_EQ(PrecisionOf(big), Precision::kBf16);
  LoadToEnd(Reference(big), 2);
  EXPECT_EQ(PrecisionOf(big), Precision::kF32);
  EXPECT_EQ(Local(big.model).generation, 2U);
  EXPECT_TRUE(Answers(big));
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(ReloadTest, AReloadThatFailsLeavesNothingThatAnswersOtherwise) {
  LoadToEnd(spec_, 1);
  OnLoad([](const engines::LoadOptions&) { return MakeError(Code::kInternal, "broken"); });
  LoadToEnd(Reference(spec_), 2);
  const LocalModel shown = Local(spec_.model);
  EXPECT_EQ(shown.state, LocalState::kFailed);
  EXPECT_EQ(shown.generation, 2U);
  EXPECT_THAT(shown.error->message, HasSubstr("broken"));
  EXPECT_FALSE(shown.info);
  EXPECT_EQ(local_->Find(spec_.model), nullptr);
  OnLoad(nullptr);
  LoadToEnd(Reference(spec_), 2);
  EXPECT_EQ(PrecisionOf(spec_), Precision::kF32);
}

}  // namespace
}  // namespace mlnode::serving
