#include "serving/batch_cutting.h"

#include <gmock/gmock.h>

namespace mlnode::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Sequences of these lengths; the ids count up.
TokenBatch BatchOf(const std::vector<std::size_t>& lengths) {
  TokenBatch batch;
  for (const std::size_t length : lengths) {
    for (std::size_t i = 0; i < length; ++i) batch.ids.push_back(static_cast<std::int64_t>(batch.ids.size()));
    batch.offsets.push_back(batch.ids.size());
  }
  return batch;
}

TEST(CutBatchTest, SmallJobIsOneBatchLongestFirstEqualOnesInOrder) {
  EXPECT_THAT(CutBatch(BatchOf({5, 9, 5, 7}), {.lanes = 2}), ElementsAre(ElementsAre(1, 3, 0, 2)));
}

TEST(CutBatchTest, LargeJobIsSpreadOverTheLanes) {
  const auto cut = CutBatch(BatchOf(std::vector<std::size_t>(8, 100)), {.lanes = 2});
  EXPECT_THAT(cut, ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5, 6, 7)));
}

TEST(CutBatchTest, SpreadingStopsAtTheLeastSize) {
  const auto cut = CutBatch(BatchOf(std::vector<std::size_t>(4, 100)), {.lanes = 16});
  EXPECT_THAT(cut, ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3)));  // 256 tokens hold two
}

TEST(CutBatchTest, NoBatchIsBeyondTheLimitButALongSequenceAlone) {
  const auto cut = CutBatch(BatchOf({10, 30, 70, 20, 10}), {.lanes = 1, .max_batch_tokens = 50});
  EXPECT_THAT(cut, ElementsAre(ElementsAre(2), ElementsAre(1, 3), ElementsAre(0, 4)));
}

TEST(CutBatchTest, OneByOneGivesEachSequenceItsOwnBatch) {
  EXPECT_THAT(CutBatch(BatchOf({1, 2}), {.one_by_one = true}), ElementsAre(ElementsAre(1), ElementsAre(0)));
}

TEST(CutBatchTest, EveryShapeCoversEverySequenceOnceWithinTheLimit) {
  for (std::size_t seed = 1; seed < 200; ++seed) {
    std::vector<std::size_t> lengths;
    for (std::size_t i = 0; i < seed % 37; ++i) lengths.push_back(1 + (i * seed * 7919) % 90);
    const TokenBatch batch = BatchOf(lengths);
    const CutRules rules{.lanes = 1 + seed % 5, .max_batch_tokens = 64 + seed};
    std::vector<int> seen(lengths.size());
    for (const auto& list : CutBatch(batch, rules)) {
      std::size_t tokens = 0;
      for (const std::size_t i : list) {
        ++seen[i];
        tokens += lengths[i];
      }
      EXPECT_FALSE(list.empty());
      EXPECT_TRUE(tokens <= rules.max_batch_tokens || list.size() == 1) << seed;
    }
    EXPECT_THAT(seen, ::testing::Each(1)) << seed;
  }
}

TEST(GatherTest, TakesIdsAndTypesOfTheNamedSequencesInThatOrder) {
  TokenBatch batch = BatchOf({2, 1, 3});
  batch.type_ids = {0, 0, 1, 0, 1, 1};
  const TokenBatch out = GatherSequences(batch, {2, 0});
  EXPECT_THAT(out.ids, ElementsAre(3, 4, 5, 0, 1));
  EXPECT_THAT(out.type_ids, ElementsAre(0, 1, 1, 0, 0));
  EXPECT_THAT(out.offsets, ElementsAre(0, 3, 5));
}

TEST(GatherTest, TakesFeaturesAlong) {
  TokenBatch batch = BatchOf({2, 1, 3});
  batch.features = {{.name = "f", .values = {10, 11, 12, 13, 14, 15}, .padding = -1}};
  const TokenBatch out = GatherSequences(batch, {2, 0});
  ASSERT_EQ(out.features.size(), 1U);
  EXPECT_EQ(out.features[0].name, "f");
  EXPECT_EQ(out.features[0].padding, -1);
  EXPECT_THAT(out.features[0].values, ElementsAre(13, 14, 15, 10, 11));
}

TEST(GatherTest, LeavesAbsentTypesAbsent) { EXPECT_THAT(GatherSequences(BatchOf({2, 1}), {1}).type_ids, IsEmpty()); }

}  // namespace
}  // namespace mlnode::serving
