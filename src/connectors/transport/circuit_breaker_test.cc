#include "connectors/transport/circuit_breaker.h"

#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"

namespace mlnode::connectors {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using Pass = CircuitBreaker::Pass;

class CircuitBreakerTest : public ::testing::Test {
 protected:
  void Fail(int times) {
    for (int i = 0; i < times; ++i) breaker_.Failed(false, clock_.Now());
  }
  Pass Admit() { return breaker_.Admit(clock_.Now()); }
  Duration RetryAfter() { return breaker_.RetryAfter(clock_.Now()); }

  mlnode::testing::ManualClock clock_;
  CircuitBreaker breaker_;
};

TEST_F(CircuitBreakerTest, OpensAfterTenFailuresInARow) {
  Fail(9);
  EXPECT_EQ(Admit(), Pass::kOrdinary);
  EXPECT_EQ(RetryAfter(), 0s);
  Fail(1);
  EXPECT_EQ(Admit(), Pass::kRefused);
  EXPECT_TRUE(breaker_.open());
  EXPECT_EQ(RetryAfter(), 5s);
  clock_.Advance(2s);
  EXPECT_EQ(RetryAfter(), 3s);
}

TEST_F(CircuitBreakerTest, ASuccessBeginsTheCountAnew) {
  Fail(9);
  breaker_.Succeeded(false);
  Fail(1);
  EXPECT_EQ(Admit(), Pass::kOrdinary);
}

TEST_F(CircuitBreakerTest, OpensWhenMoreThanHalfOfTheLastTwentyFail) {
  for (int i = 0; i < 10; ++i) {  // failure and success in turn: half
    Fail(1);
    breaker_.Succeeded(false);
  }
  EXPECT_FALSE(breaker_.open());
  Fail(1);  // pushes out a failure: still half
  EXPECT_FALSE(breaker_.open());
  Fail(1);  // pushes out a success
  EXPECT_TRUE(breaker_.open());
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughAndClosesWithItsSuccess) {
  Fail(10);
  clock_.Advance(5s);
  EXPECT_EQ(RetryAfter(), 0s);
  EXPECT_EQ(Admit(), Pass::kProbe);
  EXPECT_EQ(Admit(), Pass::kRefused);
  EXPECT_EQ(RetryAfter(), 1s);
  breaker_.Succeeded(true);
  EXPECT_FALSE(breaker_.open());
  Fail(9);
  EXPECT_EQ(Admit(), Pass::kOrdinary);
}

TEST_F(CircuitBreakerTest, OpensAgainWithTheProbesFailure) {
  Fail(10);
  clock_.Advance(5s);
  ASSERT_EQ(Admit(), Pass::kProbe);
  breaker_.Failed(true, clock_.Now());
  EXPECT_EQ(Admit(), Pass::kRefused);
  EXPECT_EQ(RetryAfter(), 5s);
  clock_.Advance(5s);
  EXPECT_EQ(Admit(), Pass::kProbe);
}

TEST_F(CircuitBreakerTest, AnAbandonedProbeMakesRoomForTheNext) {
  Fail(10);
  clock_.Advance(5s);
  ASSERT_EQ(Admit(), Pass::kProbe);
  breaker_.Abandoned(true);
  EXPECT_EQ(Admit(), Pass::kProbe);
}

TEST_F(CircuitBreakerTest, WhatWasSentBeforeDecidesNothing) {
  Fail(10);
  breaker_.Succeeded(false);
  EXPECT_TRUE(breaker_.open());
  clock_.Advance(4s);
  breaker_.Failed(false, clock_.Now());
  breaker_.Abandoned(false);
  clock_.Advance(1s);
  EXPECT_EQ(Admit(), Pass::kProbe);
  breaker_.Failed(false, clock_.Now());
  breaker_.Succeeded(true);
  EXPECT_FALSE(breaker_.open());
}

TEST_F(CircuitBreakerTest, ASilentProbeDoesNotKeepTheNextFromAsking) {
  Fail(10);
  clock_.Advance(5s);
  ASSERT_EQ(Admit(), Pass::kProbe);
  clock_.Advance(4'500ms);
  EXPECT_EQ(RetryAfter(), 500ms);
  EXPECT_EQ(Admit(), Pass::kRefused);
  clock_.Advance(500ms);
  EXPECT_EQ(RetryAfter(), 0s);
  EXPECT_EQ(Admit(), Pass::kProbe);
  EXPECT_EQ(Admit(), Pass::kRefused);
  breaker_.Succeeded(true);
  EXPECT_FALSE(breaker_.open());
  breaker_.Failed(true, clock_.Now());  // the first, at last: one failure among others
  EXPECT_EQ(Admit(), Pass::kOrdinary);
}

}  // namespace
}  // namespace mlnode::connectors
