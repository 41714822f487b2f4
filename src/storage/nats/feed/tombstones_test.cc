#include "storage/nats/feed/tombstones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::storage {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::int64_t At(int s) { return std::chrono::nanoseconds(seconds(s)).count(); }

Tombstones::Removal RemovalAt(std::uint64_t sequence) {
  return {sequence, {Collection::kModels, std::to_string(sequence)}};
}

std::vector<std::uint64_t> SequencesOf(const std::vector<Tombstones::Removal>& removals) {
  std::vector<std::uint64_t> sequences;
  for (const auto& removal : removals) {
    EXPECT_EQ(removal.key.id, std::to_string(removal.sequence));
    sequences.push_back(removal.sequence);
  }
  return sequences;
}

SteadyTime Here(int s) { return SteadyTime(seconds(s)); }

TEST(TombstonesTest, AgeByWhatTheServersSay) {
  Tombstones tombstones;
  tombstones.Note(RemovalAt(1), At(100), Here(0));
  tombstones.Note(RemovalAt(2), At(110), Here(0));
  tombstones.Hear(At(115));
  EXPECT_THAT(tombstones.Due(seconds(20), 10, Here(1'000)), IsEmpty());
  tombstones.Hear(At(120));
  EXPECT_THAT(SequencesOf(tombstones.Due(seconds(20), 10, Here(1'000))), ElementsAre(1));
  tombstones.Hear(At(200));
  EXPECT_THAT(SequencesOf(tombstones.Due(seconds(20), 10, Here(1'000))), ElementsAre(1, 2));
  EXPECT_THAT(SequencesOf(tombstones.Due(seconds(20), 1, Here(1'000))), ElementsAre(1));
  tombstones.Forget(1);
  EXPECT_THAT(SequencesOf(tombstones.Due(seconds(20), 10, Here(1'000))), ElementsAre(2));
  tombstones.Clear();
  EXPECT_THAT(tombstones.Due(seconds(20), 10, Here(1'000)), IsEmpty());
}

TEST(TombstonesTest, AreBounded) {
  Tombstones tombstones;
  for (std::uint64_t i = 1; i <= Tombstones::kMost; ++i) EXPECT_FALSE(tombstones.Note(RemovalAt(i), At(1), Here(0)));
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const auto forgotten = tombstones.Note(RemovalAt(Tombstones::kMost + i), At(1), Here(0));
    ASSERT_TRUE(forgotten);
    EXPECT_EQ(forgotten->key.id, std::to_string(i));
  }
  tombstones.Hear(At(1'000));
  const auto due = SequencesOf(tombstones.Due(seconds(1), 2 * Tombstones::kMost, Here(1'000)));
  EXPECT_EQ(due.size(), Tombstones::kMost);
  EXPECT_EQ(due.front(), 6U);
}

// A server whose clock is two hours ahead leads for a moment.
TEST(TombstonesTest, AgeByTheNodesClockToo) {
  Tombstones tombstones;
  tombstones.Note(RemovalAt(1), At(100), Here(10));
  tombstones.Hear(At(7'300));
  EXPECT_THAT(tombstones.Due(seconds(20), 10, Here(29)), IsEmpty());
  EXPECT_THAT(SequencesOf(tombstones.Due(seconds(20), 10, Here(30))), ElementsAre(1));
}

}  // namespace
}  // namespace mlnode::storage
