#include "serving/scheduling/batch_former.h"

#include <gmock/gmock.h>

#include "core/testing/manual_executor.h"

namespace mlnode::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Stop = BatchChoice::Stop;

// Sequences of these lengths; the ids count up.
TokenBatch BatchOf(const std::vector<std::size_t>& lengths) {
  TokenBatch batch;
  for (const std::size_t length : lengths) {
    for (std::size_t i = 0; i < length; ++i) batch.ids.push_back(static_cast<std::int64_t>(batch.ids.size()));
    batch.offsets.push_back(batch.ids.size());
  }
  return batch;
}

BatchChoice Choose(const std::vector<std::uint32_t>& lengths, const BatchLimits& limits) {
  return ChooseSequences(lengths, limits);
}

TEST(SpreadTokensTest, LittleWorkStaysTogetherMuchIsSharedEvenly) {
  EXPECT_EQ(SpreadTokens(256, 4), 256U);
  EXPECT_EQ(SpreadTokens(257, 4), 129U);
  EXPECT_EQ(SpreadTokens(800, 2), 400U);
  EXPECT_EQ(SpreadTokens(800, 1), 800U);
  EXPECT_EQ(SpreadTokens(10'000, 4), 2'500U);
}

TEST(ChooseSequencesTest, EverythingThatFitsIsIn) {
  const BatchChoice choice = Choose({5, 90, 30}, {.tokens = 125});
  EXPECT_THAT(choice.chosen, ElementsAre(0, 1, 2));
  EXPECT_EQ(choice.load, BatchLoad::Of(5) + BatchLoad::Of(90) + BatchLoad::Of(30));
  EXPECT_EQ(choice.stop, Stop::kNothingLeft);
}

TEST(ChooseSequencesTest, TheLongestWaitingIsInWhateverItsLength) {
  const BatchChoice choice = Choose({500, 10, 10}, {.tokens = 100});
  EXPECT_THAT(choice.chosen, ElementsAre(0));
  EXPECT_EQ(choice.stop, Stop::kTokens);
}

TEST(ChooseSequencesTest, LikeLengthsComeFirst) {
  EXPECT_THAT(Choose({100, 10, 95, 10, 101, 10}, {.tokens = 300}).chosen, ElementsAre(0, 2, 4));
}

TEST(ChooseSequencesTest, AmongLikeOnesTheLongestWaitingComeFirst) {
  EXPECT_THAT(Choose({50, 48, 52, 50, 50}, {.tokens = 150}).chosen, ElementsAre(0, 1, 2));
}

TEST(ChooseSequencesTest, UnlikeOnesFillWhatIsLeft) {
  EXPECT_THAT(Choose({100, 7, 95, 95}, {.tokens = 210}).chosen, ElementsAre(0, 1, 2));
}

TEST(ChooseSequencesTest, TimeIsALimitToo) {
  const CostModel cost;
  const double two = cost.Micros(BatchLoad::Of(40) + BatchLoad::Of(40));
  const BatchChoice choice = Choose({40, 40, 40}, {.tokens = 1'000, .micros = two, .cost = &cost});
  EXPECT_THAT(choice.chosen, ElementsAre(0, 1));
  EXPECT_EQ(choice.stop, Stop::kTime);
  EXPECT_THAT(Choose({40, 40}, {.tokens = 1'000, .micros = 1, .cost = &cost}).chosen, ElementsAre(0));
}

TEST(ChooseSequencesTest, NothingWaits) { EXPECT_THAT(Choose({}, {}).chosen, IsEmpty()); }

TEST(ChooseSequencesTest, WithinTheLimitAndNeverWithoutTheFirstWhateverWaits) {
  for (std::uint64_t seed = 1; seed < 500; ++seed) {
    mlnode::testing::SeededRandom random(seed);
    std::vector<std::uint32_t> lengths;
    for (std::size_t i = 0; i <= random.Below(60); ++i)
      lengths.push_back(1 + static_cast<std::uint32_t>(random.Below(200)));
    const BatchLimits limits{.tokens = 1 + random.Below(1'000)};
    const BatchChoice choice = Choose(lengths, limits);
    std::size_t tokens = 0;
    for (const std::uint32_t i : choice.chosen) tokens += lengths[i];
    ASSERT_EQ(choice.chosen.front(), 0U) << seed;
    ASSERT_TRUE(std::is_sorted(choice.chosen.begin(), choice.chosen.end()));
    ASSERT_EQ(tokens, choice.load.tokens);
    ASSERT_TRUE(tokens <= limits.tokens || choice.chosen.size() == 1) << seed;
    ASSERT_EQ(choice.stop == Stop::kNothingLeft, choice.chosen.size() == lengths.size()) << seed;
  }
}

TEST(AppendSequencesTest, LaysSequencesOfSeveralBatchesEndToEnd) {
  TokenBatch typed = BatchOf({2, 1, 3});
  typed.type_ids = {0, 0, 1, 0, 1, 1};
  TokenBatch out;
  AppendSequences(BatchOf({2}), std::vector<std::uint32_t>{0}, out);
  AppendSequences(typed, std::vector<std::uint32_t>{2, 0}, out);
  AppendSequences(BatchOf({1, 1}), std::vector<std::uint32_t>{1}, out);
  EXPECT_THAT(out.ids, ElementsAre(0, 1, 3, 4, 5, 0, 1, 1));
  EXPECT_THAT(out.type_ids, ElementsAre(0, 0, 0, 1, 1, 0, 0, 0));
  EXPECT_THAT(out.offsets, ElementsAre(0, 2, 5, 7, 8));
}

TEST(AppendSequencesTest, LeavesAbsentTypesAbsentAndTakesFeaturesAlong) {
  TokenBatch batch = BatchOf({2, 1});
  batch.features = {{.name = "mask", .values = {7, 8, 9}, .padding = -1}};
  TokenBatch out;
  AppendSequences(batch, std::vector<std::uint32_t>{1}, out);
  AppendSequences(batch, std::vector<std::uint32_t>{0}, out);
  EXPECT_THAT(out.type_ids, IsEmpty());
  ASSERT_EQ(out.features.size(), 1U);
  EXPECT_EQ(out.features[0].name, "mask");
  EXPECT_EQ(out.features[0].padding, -1);
  EXPECT_THAT(out.features[0].values, ElementsAre(9, 7, 8));
}

TEST(SameFeaturesTest, NamesAndPaddingDecide) {
  TokenBatch a = BatchOf({1});
  TokenBatch b = BatchOf({1});
  EXPECT_TRUE(SameFeatures(a, b));
  a.features = {{.name = "x", .values = {1}, .padding = 0}};
  EXPECT_FALSE(SameFeatures(a, b));
  b.features = {{.name = "x", .values = {2}, .padding = 0}};
  EXPECT_TRUE(SameFeatures(a, b));
  b.features[0].padding = 1;
  EXPECT_FALSE(SameFeatures(a, b));
}

}  // namespace
}  // namespace mlnode::serving
