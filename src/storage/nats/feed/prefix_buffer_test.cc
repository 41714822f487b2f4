#include "storage/nats/feed/prefix_buffer.h"

#include <gtest/gtest.h>

namespace mlnode::storage {
namespace {

using std::chrono::milliseconds;

const SteadyTime kStart{std::chrono::hours(1)};
constexpr std::uint64_t kFar = 1'000'000;  // an end that the reading does not reach

Swap RecordOf(std::uint64_t revision) {
  Document document{
      .key = {Collection::kModels, std::to_string(revision)}, .body = {}, .revision = revision, .version = 1};
  return {.record = {.document = std::make_shared<const Document>(std::move(document)), .nonce = revision}};
}

TEST(PrefixBufferTest, GivesOutWhatFollowsAtOnce) {
  PrefixBuffer buffer(4, kFar);
  EXPECT_FALSE(buffer.Ready(kStart));
  buffer.Add(5, 7, RecordOf(5), kStart);
  ASSERT_TRUE(buffer.Ready(kStart));
  const auto batch = buffer.Take();
  EXPECT_EQ(batch.sequence, 5U);
  EXPECT_EQ(batch.records.size(), 1U);
  EXPECT_TRUE(batch.complete);
  EXPECT_TRUE(buffer.Empty());
}

TEST(PrefixBufferTest, AtAHoleItWaitsForAllThatWasPending) {
  PrefixBuffer buffer(4, kFar);
  buffer.SetLimited(kStart);
  buffer.Add(6, 2, RecordOf(6), kStart);  // 5 was overwritten by 7 or 8
  EXPECT_FALSE(buffer.Ready(kStart));
  buffer.Add(7, 1, RecordOf(7), kStart);
  EXPECT_FALSE(buffer.Ready(kStart));
  buffer.Add(8, 1, RecordOf(8), kStart);  // one more came meanwhile, which is no matter
  ASSERT_TRUE(buffer.Ready(kStart));
  const auto batch = buffer.Take();
  EXPECT_EQ(batch.records.size(), 3U);
  EXPECT_FALSE(batch.complete);
  buffer.Add(9, 0, RecordOf(9), kStart);
  EXPECT_TRUE(buffer.Take().complete);
}

TEST(PrefixBufferTest, NothingPendingMeansNothingMissing) {
  PrefixBuffer buffer(4, kFar);
  buffer.Add(6, 5, RecordOf(6), kStart);
  buffer.Add(9, 0, RecordOf(9), kStart);
  EXPECT_TRUE(buffer.Ready(kStart));
}

TEST(PrefixBufferTest, AnIdleServerHasNothingMore) {
  PrefixBuffer buffer(4, kFar);
  buffer.Add(6, 5, RecordOf(6), kStart);
  buffer.Idle(8);  // 7 and 8 are gone
  ASSERT_TRUE(buffer.Ready(kStart));
  EXPECT_EQ(buffer.Take().sequence, 8U);
  buffer.Idle(9);
  ASSERT_TRUE(buffer.Ready(kStart));
  EXPECT_TRUE(buffer.Take().records.empty());
}

TEST(PrefixBufferTest, WaitsForABoundedTimeOnceLimited) {
  PrefixBuffer buffer(4, kFar);
  buffer.Add(6, 1'000'000, RecordOf(6), kStart);
  EXPECT_EQ(buffer.ReadyAt(), SteadyTime::max());
  EXPECT_FALSE(buffer.Ready(kStart + std::chrono::hours(1)));
  const SteadyTime later = kStart + std::chrono::hours(2);
  buffer.SetLimited(later);
  EXPECT_FALSE(buffer.Ready(later));
  EXPECT_EQ(buffer.ReadyAt(), later + PrefixBuffer::kLongest);
  EXPECT_TRUE(buffer.Ready(later + PrefixBuffer::kLongest));
  (void)buffer.Take();
  EXPECT_EQ(buffer.ReadyAt(), SteadyTime::max());
}

TEST(PrefixBufferTest, HoldsABoundedNumberOnceLimited) {
  PrefixBuffer buffer(0, kFar);
  std::uint64_t sequence = 2;  // a hole: 1 is not there
  for (int i = 0; i < 5'000; ++i, ++sequence) buffer.Add(sequence, 1'000'000, RecordOf(sequence), kStart);
  EXPECT_FALSE(buffer.Ready(kStart));
  buffer.SetLimited(kStart);
  for (std::size_t i = 0; i < PrefixBuffer::kMostRecords; ++i, ++sequence) {
    EXPECT_FALSE(buffer.Ready(kStart));
    buffer.Add(sequence, 1'000'000, RecordOf(sequence), kStart);
  }
  EXPECT_TRUE(buffer.Ready(kStart));
}

TEST(PrefixBufferTest, WhatIsNoDocumentCountsAsRead) {
  PrefixBuffer buffer(4, kFar);
  buffer.Add(5, 0, std::nullopt, kStart);
  ASSERT_TRUE(buffer.Ready(kStart));
  const auto batch = buffer.Take();
  EXPECT_EQ(batch.sequence, 5U);
  EXPECT_TRUE(batch.records.empty());
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> DoubtfulIn(PrefixBuffer& buffer) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> holes;
  for (const auto& [first, last] : buffer.Take().doubtful) holes.emplace_back(first, last);
  return holes;
}

// What took the missing message's place may still come.
TEST(PrefixBufferTest, TakenEarlyAtAHoleWhatFollowsIsNotCompleteEither) {
  PrefixBuffer buffer(4, kFar);
  buffer.SetLimited(kStart);
  buffer.Add(6, 3, RecordOf(6), kStart);
  const SteadyTime later = kStart + PrefixBuffer::kLongest;
  ASSERT_TRUE(buffer.Ready(later));
  EXPECT_FALSE(buffer.Take().complete);
  buffer.Add(7, 1, RecordOf(7), later);
  ASSERT_TRUE(buffer.Ready(later + PrefixBuffer::kLongest));
  EXPECT_FALSE(buffer.Take().complete);
  buffer.Add(8, 0, RecordOf(8), later);
  EXPECT_FALSE(buffer.Take().complete);
  buffer.Add(9, 0, RecordOf(9), later);
  EXPECT_TRUE(buffer.Take().complete);
}

TEST(PrefixBufferTest, WhatIsMissingBeforeTheEndWasOverwritten) {
  PrefixBuffer buffer(4, 10);
  buffer.Add(6, 5, RecordOf(6), kStart);
  buffer.Add(10, 1, RecordOf(10), kStart);
  buffer.Add(11, 1, RecordOf(11), kStart);
  EXPECT_TRUE(buffer.Take().doubtful.empty());
}

TEST(PrefixBufferTest, WhatIsMissingBeyondTheEndIsDoubtful) {
  PrefixBuffer buffer(4, 10);
  buffer.Add(8, 5, RecordOf(8), kStart);
  buffer.Add(13, 1, RecordOf(13), kStart);
  buffer.Add(15, 1, RecordOf(15), kStart);
  EXPECT_EQ(DoubtfulIn(buffer), (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{11, 12}, {14, 14}}));
  buffer.Add(16, 0, RecordOf(16), kStart);
  EXPECT_TRUE(buffer.Take().doubtful.empty());
}

// The server of the consumer may be behind the one that told the end.
TEST(PrefixBufferTest, WhatIsMissingAfterNothingWasPendingIsDoubtful) {
  PrefixBuffer buffer(4, 10);
  buffer.Add(6, 0, RecordOf(6), kStart);
  buffer.Add(8, 0, RecordOf(8), kStart);
  EXPECT_EQ(DoubtfulIn(buffer), (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{7, 7}}));
}

TEST(PrefixBufferTest, WhatAnIdleServerPassedOverIsDoubtful) {
  PrefixBuffer buffer(4, 4);
  buffer.Idle(4);
  EXPECT_TRUE(buffer.Empty());
  buffer.Idle(6);
  EXPECT_EQ(DoubtfulIn(buffer), (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{5, 6}}));
  buffer.Add(8, 0, RecordOf(8), kStart);
  EXPECT_EQ(DoubtfulIn(buffer), (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{7, 7}}));
}

}  // namespace
}  // namespace mlnode::storage
