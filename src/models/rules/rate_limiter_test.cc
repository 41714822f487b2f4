#include "models/rules/rate_limiter.h"

#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

RateLimiter Parsed(const json::object& given) { return ParseRateLimiter(given).value(); }

TEST(RateLimiterTest, LimitsAreTextHoweverTheyWereGiven) {
  EXPECT_EQ(Parsed({{"limit", 4}, {"unit", "MINUTES"}}).limit, "4");
  EXPECT_EQ(Parsed({{"limit", "0.5"}, {"unit", "MINUTES"}}).limit, "0.5");
  EXPECT_EQ(Parsed({{"limit", 2.5}}).limit, "2.5");
  EXPECT_EQ(Parsed({{"limit", 0}}).limit, "0");
}

TEST(RateLimiterTest, LimitsThatAreNoNumbersFromZeroAreRefused) {
  for (const json::value& limit :
       {json::value("many"), json::value(-1), json::value("-1"), json::value("1 "), json::value(""), json::value("inf"),
        json::value("nan"), json::value("1e999"), json::value(true), json::value(json::array{1})}) {
    const auto refused = ParseRateLimiter({{"limit", limit}, {"unit", "SECONDS"}});
    ASSERT_FALSE(refused) << ToJson(limit);
    EXPECT_EQ(refused.error().message, "Limit field must be a positive number.");
    EXPECT_EQ(refused.error().reason, "parse_exception");
  }
}

TEST(RateLimiterTest, UnknownUnitsAreRefused) {
  const auto refused = ParseRateLimiter({{"limit", 1}, {"unit", "minutes"}});
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(refused.error().message, "No enum constant java.util.concurrent.TimeUnit.minutes");
}

TEST(RateLimiterTest, FormReadsBackAndHasNothingElse) {
  const RateLimiter limiter = Parsed({{"limit", 4}, {"unit", "DAYS"}, {"other", 1}});
  EXPECT_EQ(ToJson(RateLimiterForm(limiter)), R"({"limit":"4","unit":"DAYS"})");
  EXPECT_EQ(Parsed(RateLimiterForm(limiter)), limiter);
  EXPECT_EQ(ToJson(RateLimiterForm({})), "{}");
}

TEST(RateLimiterTest, MergingReplacesWhatIsGiven) {
  const RateLimiter stored = Parsed({{"limit", 4}, {"unit", "DAYS"}});
  EXPECT_EQ(Merged(stored, {}), stored);
  EXPECT_EQ(Merged(stored, Parsed({{"limit", 7}})), Parsed({{"limit", 7}, {"unit", "DAYS"}}));
  EXPECT_EQ(Merged(stored, Parsed({{"unit", "HOURS"}})), Parsed({{"limit", 4}, {"unit", "HOURS"}}));
}

TEST(RateLimiterTest, OnlyCompleteLimitersAllowSomething) {
  EXPECT_FALSE(AllowanceOf(Parsed({{"limit", 4}})));
  EXPECT_FALSE(AllowanceOf(Parsed({{"unit", "DAYS"}})));
  EXPECT_EQ(AllowanceOf(Parsed({{"limit", "2.5"}, {"unit", "MINUTES"}})),
            (Allowance{.requests = 2.5, .period = std::chrono::minutes(1)}));
  EXPECT_EQ(AllowanceOf(Parsed({{"limit", 1}, {"unit", "DAYS"}}))->period, std::chrono::hours(24));
}

}  // namespace
}  // namespace mlnode::models
