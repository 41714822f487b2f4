#include "serving/sharing/shared_engines.h"

#include "serving/loader.h"
#include "serving/testing/behaviours.h"
#include "serving/testing/serving_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::seconds;

class SharedEnginesTest : public testing::ServingFixture {
 protected:
  LoadSpec Same(const std::string& id) { return Register(id, std::string(1'000, 'w')); }
  void Unload(const LoadSpec& spec) {
    local_->Unload(spec.model, seconds(1));
    executor_.RunUntilIdle();
  }
  void GrowAtEachLoad(std::uint64_t bytes) {
    engine_.SetBehaviour(testing::OnLoad([this, bytes](const engines::LoadOptions&) -> Status {
      memory_used_ += bytes;
      return {};
    }));
  }
};

TEST_F(SharedEnginesTest, TwoDeploymentsOfOneFileLoadItOnce) {
  GrowAtEachLoad(5'000);
  const LoadSpec first = Same("a"), second = Same("b"), other = Register("c", std::string(900, 'x'));
  LoadToEnd(first);
  LoadToEnd(second);
  EXPECT_EQ(engine_.loads(), 1);
  EXPECT_EQ(engine_.live_models(), 1);
  EXPECT_EQ(budget_->Reserved(), 5'000U);
  EXPECT_EQ(Local(second.model).info->resident_bytes, 5'000U);
  EXPECT_EQ(Local(second.model).info->weights_bytes, 5'000U);
  EXPECT_TRUE(Local(second.model).info->shares_weights);
  EXPECT_FALSE(Local(first.model).info->shares_weights);
  LoadToEnd(other);
  EXPECT_EQ(engine_.loads(), 2);
}

TEST_F(SharedEnginesTest, TheWeightsGoWithTheLastDeployment) {
  GrowAtEachLoad(5'000);
  const LoadSpec first = Same("a"), second = Same("b");
  LoadToEnd(first);
  LoadToEnd(second);
  Unload(first);
  EXPECT_EQ(engine_.live_models(), 1);
  EXPECT_EQ(budget_->Reserved(), 5'000U);
  const auto predicted = Predict(second, {"the cat"});
  executor_.RunUntilIdle();
  ASSERT_TRUE(predicted->answer && *predicted->answer) << predicted->answer->error().message;
  Unload(second);
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_EQ(budget_->Reserved(), 0U);
}

TEST_F(SharedEnginesTest, PredictionsOfBothGiveTheSameAnswers) {
  const LoadSpec first = Same("a"), second = Same("b");
  LoadToEnd(first);
  LoadToEnd(second);
  const auto one = Predict(first, {"the cat", "a dog"}), other = Predict(second, {"a dog", "the cat"});
  executor_.RunUntilIdle();
  ASSERT_TRUE(*one->answer && *other->answer);
  const auto values = [](const PredictResult& result, std::size_t i) {
    const auto floats = result.documents.at(i).at(0).tensor->Floats();
    return std::vector<float>(floats.begin(), floats.end());
  };
  EXPECT_EQ(values(**one->answer, 0), values(**other->answer, 1));
  EXPECT_EQ(values(**one->answer, 1), values(**other->answer, 0));
  EXPECT_NE(values(**one->answer, 0), values(**one->answer, 1));
}

TEST_F(SharedEnginesTest, AnUnloadedFileIsLoadedAgain) {
  const LoadSpec spec = Same("a");
  LoadToEnd(spec);
  Unload(spec);
  LoadToEnd(spec, 2);
  EXPECT_EQ(engine_.loads(), 2);
}

TEST_F(SharedEnginesTest, ADeploymentThatSharesFitsWhereAnotherCopyWouldNot) {
  Open(PeakBytes(1'000) + PeakBytes(0));
  LoadToEnd(Same("a"));
  memory_used_ += 1;
  const LoadSpec second = Same("b");
  LoadToEnd(second);
  EXPECT_EQ(Local(second.model).state, LocalState::kReady);
}

}  // namespace
}  // namespace mlnode::serving
