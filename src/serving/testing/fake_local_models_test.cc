#include "serving/testing/fake_local_models.h"

#include <gmock/gmock.h>

#include "core/testing/manual_executor.h"

namespace mlnode::serving::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FakeLocalModelsTest : public ::testing::Test {
 protected:
  void Load(std::uint64_t generation) {
    local_.Load(spec_, generation, [this](const ModelId&) {
      if (!local_.List().empty()) phases_.push_back(local_.List()[0].phase);
    });
  }
  LoadSpec spec_ = [] {
    LoadSpec spec;
    spec.model = ModelId("a");
    return spec;
  }();
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  FakeLocalModels local_{executor_};
  std::vector<Phase> phases_;
};

TEST_F(FakeLocalModelsTest, PassesThePhasesInTheirTime) {
  local_.SetScript(spec_.model, {.phase_time = seconds(1)});
  Load(3);
  executor_.RunFor(seconds(5));
  EXPECT_EQ(local_.List()[0].phase, Phase::kWarming);
  EXPECT_EQ(local_.Find(spec_.model), nullptr);
  executor_.RunFor(seconds(1));
  EXPECT_THAT(phases_, ElementsAre(Phase::kFetching, Phase::kUnpacking, Phase::kReserving, Phase::kLoading,
                                   Phase::kWarming, Phase::kReady));
  EXPECT_NE(local_.Find(spec_.model), nullptr);
}

TEST_F(FakeLocalModelsTest, FailsAsScriptedAndIsWellLater) {
  local_.SetScript(spec_.model, {.error = MakeError(Code::kResourceExhausted, "full"), .failures = 1});
  Load(1);
  executor_.RunFor(seconds(1));
  EXPECT_EQ(local_.List()[0].state, LocalState::kFailed);
  EXPECT_EQ(local_.List()[0].error->message, "full");
  Load(2);
  executor_.RunFor(seconds(1));
  EXPECT_EQ(local_.List()[0].state, LocalState::kReady);
  EXPECT_EQ(local_.LoadsBegun(spec_.model), 2);
}

TEST_F(FakeLocalModelsTest, StuckUntilTheScriptChanges) {
  local_.SetScript(spec_.model, {.stuck_at = Phase::kLoading});
  Load(1);
  executor_.RunFor(seconds(100));
  EXPECT_EQ(local_.List()[0].phase, Phase::kLoading);
  local_.SetScript(spec_.model, {});
  executor_.RunFor(seconds(1));
  EXPECT_EQ(local_.List()[0].state, LocalState::kReady);
}

TEST_F(FakeLocalModelsTest, UnloadStopsALoad) {
  local_.SetScript(spec_.model, {.phase_time = seconds(1)});
  Load(1);
  local_.Unload(spec_.model, seconds(1));
  executor_.RunFor(seconds(10));
  EXPECT_THAT(local_.List(), IsEmpty());
  EXPECT_THAT(phases_, IsEmpty());
  EXPECT_EQ(local_.Unloads(spec_.model), 1);
}

TEST_F(FakeLocalModelsTest, PredictsLengths) {
  Load(1);
  executor_.RunFor(seconds(1));
  const auto servable = local_.Find(spec_.model);
  PredictRequest request;
  request.texts = {"four", ""};
  servable->Predict(std::move(request), servable, [](Result<PredictResult> result) {
    EXPECT_THAT((*result).documents[0][0].tensor->Floats(), ElementsAre(4, 1));
    EXPECT_THAT((*result).documents[1][0].tensor->Floats(), ElementsAre(0, 1));
  });
  EXPECT_EQ(local_.Predictions(), 1);
}

}  // namespace
}  // namespace mlnode::serving::testing
