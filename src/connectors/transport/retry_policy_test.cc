#include "connectors/transport/retry_policy.h"

#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"

namespace mlnode::connectors {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

net::ClientReply Reply(int status, const std::string& name = {}, const std::string& value = {}) {
  net::ClientReply reply;
  reply.status = status;
  if (!name.empty()) reply.headers.Add(name, value);
  return reply;
}

class NextRetryTest : public ::testing::Test {
 protected:
  std::optional<Duration> Next(RetryState state) {
    if (state.remaining == Duration::zero()) state.remaining = Duration::max();
    return NextRetry(config_, state, random_);
  }
  ClientConfig config_{.retry_backoff = 200ms, .retry_timeout = 30s, .max_retry_times = 3};
  mlnode::testing::SeededRandom random_{1};
};

TEST(IsRetryableTest, IsThrottlingOverloadAndServerFaults) {
  EXPECT_TRUE(IsRetryable(Reply(429)));
  EXPECT_TRUE(IsRetryable(Reply(500)));
  EXPECT_TRUE(IsRetryable(Reply(529)));
  EXPECT_TRUE(IsRetryable(Reply(400, "X-Amzn-ErrorType", "ThrottlingException:http://internal.amazon.com/")));
  EXPECT_FALSE(IsRetryable(Reply(200)));
  EXPECT_FALSE(IsRetryable(Reply(302)));
  EXPECT_FALSE(IsRetryable(Reply(400, "x-amzn-ErrorType", "ValidationException")));
  EXPECT_FALSE(IsRetryable(Reply(401)));
}

TEST(RetryAfterTest, ReadsSecondsAndDates) {
  constexpr EpochMillis kNow = 1'440'938'160'000;  // Sun, 30 Aug 2015 12:36:00 GMT
  EXPECT_EQ(RetryAfter(Reply(429, "Retry-After", "2").headers, kNow), Duration(2s));
  EXPECT_EQ(RetryAfter(Reply(429, "retry-after", "Sun, 30 Aug 2015 12:36:05 GMT").headers, kNow), Duration(5s));
  EXPECT_EQ(RetryAfter(Reply(429, "Retry-After", "Sun, 30 Aug 2015 12:35:00 GMT").headers, kNow), Duration(0s));
  EXPECT_EQ(RetryAfter(Reply(429, "Retry-After", "-5").headers, kNow), Duration(0s));
  EXPECT_EQ(RetryAfter(Reply(429, "Retry-After", "999999999999").headers, kNow), Duration(1'000'000s));
  for (const char* nonsense : {"", "soon", "1.5", "2 s", "99999999999999999999999"}) {
    EXPECT_EQ(RetryAfter(Reply(429, "Retry-After", nonsense).headers, kNow), std::nullopt) << nonsense;
  }
  EXPECT_EQ(RetryAfter(Reply(429).headers, kNow), std::nullopt);
}

TEST_F(NextRetryTest, ConstantWaitsTheSameEachTime) {
  for (std::int64_t made : {0, 1, 2}) EXPECT_EQ(Next({.retries = made}), Duration(200ms));
  EXPECT_EQ(Next({.retries = 3}), std::nullopt);
}

TEST_F(NextRetryTest, NoRetriesByDefault) {
  config_.max_retry_times = ClientConfig().max_retry_times;
  EXPECT_EQ(Next({}), std::nullopt);
}

TEST_F(NextRetryTest, EqualJitterStaysInTheUpperHalf) {
  config_.retry_backoff_policy = BackoffPolicy::kExponentialEqualJitter;
  for (int i = 0; i < 200; ++i) {
    const auto wait = Next({.retries = 2});
    ASSERT_TRUE(wait.has_value());
    EXPECT_GE(*wait, 400ms);
    EXPECT_LE(*wait, 800ms);
  }
}

TEST_F(NextRetryTest, FullJitterUsesTheWholeStep) {
  config_.retry_backoff_policy = BackoffPolicy::kExponentialFullJitter;
  Duration least = 1h;
  Duration most{};
  for (int i = 0; i < 200; ++i) {
    const Duration wait = Next({.retries = 2}).value_or(1h);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, kShortestBackoff);
  EXPECT_LT(least, 200ms);
  EXPECT_GT(most, 600ms);
  EXPECT_LE(most, 800ms);
}

TEST_F(NextRetryTest, ManyRetriesDoNotOverflow) {
  config_.max_retry_times = -1;
  config_.retry_backoff_policy = BackoffPolicy::kExponentialEqualJitter;
  const auto wait = Next({.retries = 1'000'000});
  ASSERT_TRUE(wait.has_value());
  EXPECT_GE(*wait, 15s);
  EXPECT_LE(*wait, 30s);
}

TEST_F(NextRetryTest, EndsWithTheBudget) {
  config_.max_retry_times = -1;
  EXPECT_EQ(Next({.retries = 500, .elapsed = 29'800ms}), Duration(200ms));
  EXPECT_EQ(Next({.retries = 500, .elapsed = 29'801ms}), std::nullopt);
}

TEST_F(NextRetryTest, EndsWithTheDeadline) {
  EXPECT_EQ(Next({.remaining = 200ms}), std::nullopt);
  EXPECT_EQ(Next({.remaining = 201ms}), Duration(200ms));
}

TEST_F(NextRetryTest, HonoursRetryAfterWithinTheBudget) {
  EXPECT_EQ(Next({.asked_for = Duration(3s)}), Duration(3s));
  EXPECT_EQ(Next({.asked_for = Duration(100ms)}), Duration(200ms));
  EXPECT_EQ(Next({.asked_for = Duration(31s)}), std::nullopt);
}

TEST_F(NextRetryTest, NeverAsksAgainAtOnce) {
  config_.retry_backoff = 0ms;
  EXPECT_EQ(Next({}), Duration(kShortestBackoff));
}

}  // namespace
}  // namespace mlnode::connectors
