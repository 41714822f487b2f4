#include "deploy/gate/rate_limits.h"

#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr models::Allowance kFourAMinute{.requests = 4, .period = minutes(1)};
const ModelId kModel("m");

class RateLimitsTest : public ::testing::Test {
 protected:
  bool Take(const models::Allowance& allowance, std::size_t nodes = 1, std::string_view user = {}) {
    return limits_.Take(kModel, user, allowance, nodes).has_value();
  }
  int TakeAll(const models::Allowance& allowance, std::size_t nodes = 1) {
    int taken = 0;
    while (taken < 1'000 && Take(allowance, nodes)) ++taken;
    return taken;
  }
  mlnode::testing::ManualClock clock_;
  RateLimits limits_{clock_};
};

TEST_F(RateLimitsTest, BeginsFullAndRefillsEvenly) {
  EXPECT_EQ(TakeAll(kFourAMinute), 4);
  clock_.Advance(milliseconds(14'999));
  EXPECT_FALSE(Take(kFourAMinute));
  clock_.Advance(milliseconds(1));
  EXPECT_TRUE(Take(kFourAMinute));
  EXPECT_FALSE(Take(kFourAMinute));
}

TEST_F(RateLimitsTest, NeverHoldsMoreThanItsLimit) {
  EXPECT_TRUE(Take(kFourAMinute));
  clock_.Advance(std::chrono::hours(10));
  EXPECT_EQ(TakeAll(kFourAMinute), 4);
}

TEST_F(RateLimitsTest, EveryUnitCounts) {
  constexpr models::Allowance kTwoADay{.requests = 2, .period = std::chrono::hours(24)};
  EXPECT_EQ(TakeAll(kTwoADay), 2);
  clock_.Advance(std::chrono::hours(11));
  EXPECT_FALSE(Take(kTwoADay));
  clock_.Advance(std::chrono::hours(1));
  EXPECT_TRUE(Take(kTwoADay));
}

TEST_F(RateLimitsTest, AZeroLimitLetsOnePass) {
  constexpr models::Allowance kNone{.requests = 0, .period = seconds(1)};
  EXPECT_EQ(TakeAll(kNone), 1);
  clock_.Advance(std::chrono::hours(1'000));
  const Status refused = limits_.Take(kModel, {}, kNone, 1);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_FALSE(refused.error().retry_after) << "no time would help";
}

TEST_F(RateLimitsTest, ARefusalSaysWhenToComeAgain) {
  EXPECT_EQ(TakeAll(kFourAMinute), 4);
  clock_.Advance(seconds(5));
  EXPECT_EQ(limits_.Take(kModel, {}, kFourAMinute, 1).error().retry_after, seconds(10));
}

TEST_F(RateLimitsTest, NodesShareTheLimit) {
  EXPECT_EQ(TakeAll(kFourAMinute, 2), 2);
  clock_.Advance(seconds(30));
  EXPECT_EQ(TakeAll(kFourAMinute, 2), 1);
}

TEST_F(RateLimitsTest, AShareBelowOneStillLetsOnePass) {
  EXPECT_EQ(TakeAll(kFourAMinute, 8), 1);
  clock_.Advance(seconds(119));
  EXPECT_FALSE(Take(kFourAMinute, 8));
  clock_.Advance(seconds(1));
  EXPECT_TRUE(Take(kFourAMinute, 8));
}

TEST_F(RateLimitsTest, NodesThatComeAndGoGiveNoTokens) {
  EXPECT_EQ(TakeAll(kFourAMinute, 1), 4);
  EXPECT_FALSE(Take(kFourAMinute, 2));
  EXPECT_FALSE(Take(kFourAMinute, 1));
}

TEST_F(RateLimitsTest, AChangedLimitBeginsFull) {
  EXPECT_EQ(TakeAll(kFourAMinute), 4);
  constexpr models::Allowance kFiveAMinute{.requests = 5, .period = minutes(1)};
  EXPECT_EQ(TakeAll(kFiveAMinute), 5);
}

TEST_F(RateLimitsTest, UsersAndModelsHaveBucketsOfTheirOwn) {
  EXPECT_EQ(TakeAll(kFourAMinute), 4);
  EXPECT_TRUE(Take(kFourAMinute, 1, "alice"));
  EXPECT_TRUE(limits_.Take(ModelId("other"), {}, kFourAMinute, 1));
  EXPECT_EQ(limits_.buckets(), 3U);
}

TEST_F(RateLimitsTest, FullBucketsMakeRoomFirst) {
  EXPECT_EQ(TakeAll(kFourAMinute), 4);
  for (std::size_t i = 1; i < RateLimits::kMaxBuckets; ++i) ASSERT_TRUE(Take(kFourAMinute, 1, std::to_string(i)));
  EXPECT_EQ(limits_.buckets(), RateLimits::kMaxBuckets);
  clock_.Advance(seconds(15));  // those of one request are full again, the model's own is not
  EXPECT_TRUE(Take(kFourAMinute, 1, "one more"));
  EXPECT_EQ(limits_.buckets(), 2U);
  EXPECT_EQ(TakeAll(kFourAMinute), 1) << "its own tokens were kept";
}

TEST_F(RateLimitsTest, WithoutFullOnesTheLeastRecentlyUsedGoes) {
  EXPECT_EQ(TakeAll(kFourAMinute), 4);
  clock_.Advance(milliseconds(1));
  for (std::size_t i = 1; i <= RateLimits::kMaxBuckets; ++i) ASSERT_TRUE(Take(kFourAMinute, 1, std::to_string(i)));
  EXPECT_EQ(limits_.buckets(), RateLimits::kMaxBuckets);
  EXPECT_EQ(TakeAll(kFourAMinute), 4) << "the first one was forgotten";
}

}  // namespace
}  // namespace mlnode::deploy
