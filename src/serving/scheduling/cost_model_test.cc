#include "serving/scheduling/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/testing/manual_executor.h"

namespace mlnode::serving {
namespace {

using mlnode::testing::SeededRandom;

BatchLoad Load(std::size_t sequences, std::size_t length) {
  BatchLoad load;
  for (std::size_t i = 0; i < sequences; ++i) load += BatchLoad::Of(length);
  return load;
}
Duration Micros(double micros) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::micro>(micros));
}

// Learns `batches` random batches of a model of this law; `noise` multiplies each.
struct Law {
  double call, token, square;
  double Of(const BatchLoad& load) const {
    return call + token * static_cast<double>(load.tokens) + square * static_cast<double>(load.squares);
  }
};
void Teach(CostModel& model, const Law& law, int batches, SeededRandom& random, double noise = 0) {
  for (int i = 0; i < batches; ++i) {
    const BatchLoad load = Load(1 + random.Below(20), 4 + random.Below(120));
    const double factor = 1 + noise * (static_cast<double>(random.Below(2'001)) / 1'000 - 1);
    model.Learn(load, Micros(law.Of(load) * factor));
  }
}

TEST(CostModelTest, PriorUntilMeasured) {
  const CostModel model;
  EXPECT_FALSE(model.measured());
  EXPECT_NEAR(model.Micros(Load(1, 35)), 3'343, 10);
  EXPECT_GE(model.Micros({}, 0), 1);
}

TEST(CostModelTest, FirstMeasurementSetsTheScale) {
  CostModel model;
  model.Learn(Load(10, 10), Micros(1'000'000));
  EXPECT_TRUE(model.measured());
  EXPECT_NEAR(model.Micros(Load(10, 10)), 1'000'000, 1'000);
}

TEST(CostModelTest, FindsTheLawOfModelsFastAndSlow) {
  for (const Law& law : {Law{.call = 300, .token = 80, .square = 0.04}, Law{.call = 5, .token = 0.5, .square = 0},
                         Law{.call = 20'000, .token = 9'000, .square = 30}}) {
    CostModel model;
    SeededRandom random(1);
    Teach(model, law, 100, random);
    for (const BatchLoad& load : {Load(1, 8), Load(4, 30), Load(16, 60), Load(20, 120)}) {
      EXPECT_NEAR(model.Micros(load) / law.Of(load), 1, 0.1) << law.token << " " << load.tokens;
    }
  }
}

TEST(CostModelTest, NoiseAndOneWildMeasurementDoNotThrowItOff) {
  const Law law{.call = 300, .token = 80, .square = 0.04};
  CostModel model;
  SeededRandom random(2);
  Teach(model, law, 100, random, 0.3);
  EXPECT_NEAR(model.Micros(Load(10, 40)) / law.Of(Load(10, 40)), 1, 0.15);
  model.Learn(Load(10, 40), std::chrono::hours(1));
  EXPECT_LT(model.Micros(Load(10, 40)) / law.Of(Load(10, 40)), 1.6);
}

TEST(CostModelTest, FollowsAModelThatBecameSlower) {
  CostModel model;
  SeededRandom random(3);
  Teach(model, {.call = 300, .token = 80, .square = 0}, 200, random);
  Teach(model, {.call = 900, .token = 240, .square = 0}, 100, random);
  EXPECT_NEAR(model.Micros(Load(10, 40)) / (900 + 240 * 400), 1, 0.1);
}

TEST(CostModelTest, OneShapeAloneStillGivesAPlausibleAnswerForOthers) {
  CostModel model;
  for (int i = 0; i < 1'000; ++i) model.Learn(Load(8, 32), Micros(10'000));
  EXPECT_NEAR(model.Micros(Load(8, 32)), 10'000, 300);
  EXPECT_GT(model.Micros(Load(16, 32)), 15'000);
  EXPECT_LT(model.Micros(Load(16, 32)), 21'000);
}

TEST(CostModelTest, NothingIsLearnedFromNoTimeOrNothing) {
  CostModel model;
  model.Learn(Load(1, 10), Duration::zero());
  model.Learn({}, Micros(100));
  EXPECT_FALSE(model.measured());
}

TEST(CostModelTest, EstimatesStayFiniteAndPositiveWhateverIsMeasured) {
  for (std::uint64_t seed = 1; seed < 300; ++seed) {
    CostModel model;
    SeededRandom random(seed);
    for (int i = 0; i < 60; ++i) {
      model.Learn(Load(1 + random.Below(3), 1 + random.Below(seed % 7 == 0 ? 1 : 2'000)),
                  Duration(1 + static_cast<std::int64_t>(random.Next() % (1ULL << (random.Below(45))))));
      const double micros = model.Micros(Load(3, 50));
      ASSERT_TRUE(std::isfinite(micros) && micros >= 1) << seed;
      ASSERT_LE(model.Micros(Load(3, 50)), model.Micros(Load(4, 50)) + 1e-9) << seed;
    }
  }
}

}  // namespace
}  // namespace mlnode::serving
