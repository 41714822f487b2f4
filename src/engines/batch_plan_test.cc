#include "engines/batch_plan.h"

#include <gmock/gmock.h>
#include <random>

namespace mlnode::engines {
namespace {
using ::testing::ElementsAre;

std::vector<std::size_t> Offsets(const std::vector<std::size_t>& lengths) {
  std::vector<std::size_t> offsets{0};
  for (const std::size_t length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

TEST(BatchPlanTest, NothingGivesNothing) { EXPECT_TRUE(PlanRectangles(Offsets({}), {}).empty()); }

TEST(BatchPlanTest, SortsByLengthAndPadsToTheStep) {
  const auto plan = PlanRectangles(Offsets({9, 200, 10, 195}), {});
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].length, 200u);
  EXPECT_THAT(plan[0].sequences, ElementsAre(1, 3));
  EXPECT_EQ(plan[1].length, 16u);
  EXPECT_THAT(plan[1].sequences, ElementsAre(2, 0));
}

TEST(BatchPlanTest, LongSequenceGoesAlone) {
  const auto plan = PlanRectangles(Offsets({500, 500}), {.token_budget = 256});
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].length, 504u);
}

TEST(BatchPlanTest, RoundingStopsAtTheLongestAllowed) {
  const auto plan = PlanRectangles(Offsets({500}), {.max_length = 500});
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].length, 500u);
}

TEST(BatchPlanTest, FixedLengthAndOneByOne) {
  const auto plan = PlanRectangles(Offsets({3, 128}), {.fixed_length = 128, .max_rows = 1});
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].length, 128u);
  EXPECT_EQ(plan[1].length, 128u);
}

// Lengths as of real texts: mean about 43, a long tail.
TEST(BatchPlanTest, EverySequenceOnceWithinTheBudgetAndLittlePadding) {
  std::mt19937 random(3);
  std::lognormal_distribution<double> text(3.5, 0.7);
  std::vector<std::size_t> lengths;
  for (int i = 0; i < 500; ++i)
    lengths.push_back(1 + std::min<std::size_t>(511, static_cast<std::size_t>(text(random))));
  const auto offsets = Offsets(lengths);
  const BatchLimits limits;
  std::vector<int> seen(lengths.size());
  std::size_t computed = 0;
  for (const Rectangle& rectangle : PlanRectangles(offsets, limits)) {
    EXPECT_LE(rectangle.sequences.size() * rectangle.length, limits.token_budget);
    computed += rectangle.sequences.size() * rectangle.length;
    for (const std::size_t sequence : rectangle.sequences) {
      ++seen[sequence];
      EXPECT_LE(lengths[sequence], rectangle.length);
    }
  }
  EXPECT_THAT(seen, ::testing::Each(1));
  EXPECT_LT(static_cast<double>(computed), 1.2 * static_cast<double>(offsets.back()));
}

}  // namespace
}  // namespace mlnode::engines
