#include "models/time_to_live.h"

#include <gtest/gtest.h>

#include <limits>

namespace mlnode::models {
namespace {

std::optional<std::chrono::minutes> Of(json::value minutes) {
  return TimeToLive({{"deploy_setting", json::object{{"model_ttl_minutes", std::move(minutes)}}}});
}

TEST(TimeToLiveTest, IsWhatTheDocumentSays) {
  EXPECT_EQ(Of(0), std::chrono::minutes(0));
  EXPECT_EQ(Of(90), std::chrono::minutes(90));
}

TEST(TimeToLiveTest, IsForEverUnlessSaid) {
  EXPECT_EQ(TimeToLive({}), std::nullopt);
  EXPECT_EQ(TimeToLive({{"deploy_setting", json::object{}}}), std::nullopt);
  EXPECT_EQ(TimeToLive({{"deploy_setting", 3}}), std::nullopt);
  EXPECT_EQ(Of(-1), std::nullopt);
  EXPECT_EQ(Of("soon"), std::nullopt);
}

TEST(TimeToLiveTest, FitsTheClockHoweverLong) {
  const auto longest = Of(std::numeric_limits<std::int64_t>::max());
  ASSERT_TRUE(longest);
  EXPECT_GT(std::chrono::nanoseconds(*longest), std::chrono::hours(24 * 365 * 99));
}

}  // namespace
}  // namespace mlnode::models
