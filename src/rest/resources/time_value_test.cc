#include "rest/resources/time_value.h"

#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

TEST(ParseTimeValueTest, ReadsUnits) {
  EXPECT_EQ(ParseTimeValue("timeout", "30s").value(), std::chrono::seconds(30));
  EXPECT_EQ(ParseTimeValue("timeout", "500ms").value(), std::chrono::milliseconds(500));
  EXPECT_EQ(ParseTimeValue("timeout", "2m").value(), std::chrono::minutes(2));
  EXPECT_EQ(ParseTimeValue("timeout", "0").value(), Duration::zero());
}

TEST(ParseTimeValueTest, NamesWhatItCannotRead) {
  for (const char* text : {"", "30", "s", "-1s", "1 s", "99999999999d", "1w"}) {
    const auto value = ParseTimeValue("timeout", text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().message.find("failed to parse setting [timeout]"), 0U);
  }
}

}  // namespace
}  // namespace mlnode::rest
