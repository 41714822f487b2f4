#include "query/date_math.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::query {
namespace {

using ::testing::HasSubstr;

constexpr EpochMillis kNow = 1'795'449'017'690;  // 2026-11-23T15:50:17.690Z, a Monday

struct Case {
  std::string_view text;
  std::string_view down, up;  // dates it resolves to
};
EpochMillis At(std::string_view date) { return DateMath::Parse(date).value().value().Resolve(0, false); }

class DateMathTest : public ::testing::TestWithParam<Case> {};
TEST_P(DateMathTest, Resolves) {
  const DateMath date = DateMath::Parse(GetParam().text).value().value();
  EXPECT_EQ(date.Resolve(kNow, false), At(GetParam().down));
  EXPECT_EQ(date.Resolve(kNow, true), At(GetParam().up));
}
INSTANTIATE_TEST_SUITE_P(Dates, DateMathTest,
                         ::testing::Values(Case{"now", "2026-11-23T15:50:17.690Z", "2026-11-23T15:50:17.690Z"},
                                           Case{"now-1d+2h", "2026-11-22T17:50:17.690Z", "2026-11-22T17:50:17.690Z"},
                                           Case{"now/d", "2026-11-23", "2026-11-23T23:59:59.999Z"},
                                           Case{"now-1w/w", "2026-11-16", "2026-11-22T23:59:59.999Z"},
                                           Case{"now/M", "2026-11", "2026-11-30T23:59:59.999Z"},
                                           Case{"now-1y/y", "2025", "2025-12-31T23:59:59.999Z"},
                                           Case{"now/h", "2026-11-23T15", "2026-11-23T15:59:59.999"},
                                           Case{"now+d", "2026-11-24T15:50:17.690Z", "2026-11-24T15:50:17.690Z"},
                                           Case{"2026-01-31||+1M", "2026-02-28", "2026-02-28"},
                                           Case{"2024-02-29||+1y", "2025-02-28", "2025-02-28"},
                                           Case{"2026-11-23T16:50:17.690+01:00", "2026-11-23T15:50:17.690Z",
                                                "2026-11-23T15:50:17.690Z"},
                                           Case{"1969-12-31T12:00||/d", "1969-12-31", "1969-12-31T23:59:59.999"}));

TEST(DateMathParseTest, KnowsTheEpoch) {
  EXPECT_EQ(At("1970-01-01"), 0);
  EXPECT_EQ(At("2026-11-23T15:50:17.690Z"), kNow);
}

TEST(DateMathParseTest, OtherTextIsNoDate) {
  for (const char* text : {"", "x", "TEXT", "2026-13-01", "2026-02-30", "1.0.0", "20261", "2026-1-1"}) {
    EXPECT_FALSE(DateMath::Parse(text).value().has_value()) << text;
  }
}

TEST(DateMathParseTest, WhatGoesWrongIsRefused) {
  for (const char* text : {"now-", "now-1", "now-1x", "now*1d", "nowhere", "now--1d", "x||+1d", "2026||1d", "now/"}) {
    const auto date = DateMath::Parse(text);
    ASSERT_FALSE(date) << text;
    EXPECT_EQ(date.error().reason, "parse_exception");
    EXPECT_THAT(date.error().message, HasSubstr(text));
  }
}

TEST(DateMathParseTest, StaysWithinTheYears) {
  std::string many = "now", slow = "now";
  for (int i = 0; i < 60; ++i) many += "+600w";
  for (int i = 0; i < 65; ++i) slow += "+1s";
  EXPECT_TRUE(DateMath::Parse("now-9000000000s"));
  for (const std::string& text : {many, std::string("now+9223372036854775807w"), std::string("now-10000000w"),
                                  std::string("now+99999999999999999999d"), std::string("now+301y"), slow}) {
    EXPECT_FALSE(DateMath::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace mlnode::query
