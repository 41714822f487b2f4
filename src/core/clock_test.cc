#include "core/clock.h"

#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"

namespace mlnode {
namespace {
using std::chrono::seconds;

TEST(DeadlineTest, ExpiresAtItsTimeNotBefore) {
  testing::ManualClock clock;
  const Deadline deadline = Deadline::After(clock, seconds(2));
  EXPECT_EQ(deadline.Remaining(clock), seconds(2));
  clock.Advance(seconds(2) - Duration(1));
  EXPECT_FALSE(deadline.Expired(clock));
  EXPECT_EQ(deadline.Remaining(clock), Duration(1));
  clock.Advance(Duration(1));
  EXPECT_TRUE(deadline.Expired(clock));
  EXPECT_EQ(deadline.Remaining(clock), Duration::zero());
  clock.Advance(seconds(1));
  EXPECT_EQ(deadline.Remaining(clock), Duration::zero());
}

TEST(DeadlineTest, NeverNeverExpires) {
  testing::ManualClock clock;
  clock.Advance(std::chrono::hours(100'000));
  EXPECT_FALSE(Deadline::Never().Expired(clock));
  EXPECT_EQ(Deadline::Never().Remaining(clock), Duration::max());
}

TEST(SystemClockTest, SteadyTimeDoesNotGoBackAndWallTimeIsThisCentury) {
  const SystemClock clock;
  const SteadyTime first = clock.Now();
  EXPECT_GE(clock.Now(), first);
  EXPECT_GT(clock.WallMillis(), 1'700'000'000'000);
}

}  // namespace
}  // namespace mlnode
