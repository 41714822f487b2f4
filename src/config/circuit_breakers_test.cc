#include "config/circuit_breakers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

SnapshotPtr With(const std::string& name, const std::string& value) {
  return Settings::Create({{"plugins.ml_commons." + name, value}}).value()->Current();
}

TEST(MemoryBreakerTest, OpensAboveTheThreshold) {
  const SnapshotPtr settings = With("native_memory_threshold", "60");
  EXPECT_TRUE(CheckMemoryBreaker(*settings, {.memory_used = 600, .memory_limit = 1'000}));
  const Status open = CheckMemoryBreaker(*settings, {.memory_used = 620, .memory_limit = 1'000});
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::kResourceExhausted);
  EXPECT_EQ(open.error().reason, "circuit_breaking_exception");
  EXPECT_THAT(open.error().message,
              AllOf(StartsWith("Native Memory Circuit Breaker is open, please check your resources!"),
                    HasSubstr("620 of 1000 bytes (62 percent)"), HasSubstr("native_memory_threshold is 60")));
}

TEST(MemoryBreakerTest, NeverOpensAtAHundredOrWithoutAMeasurement) {
  EXPECT_TRUE(
      CheckMemoryBreaker(*With("native_memory_threshold", "100"), {.memory_used = 2'000, .memory_limit = 1'000}));
  EXPECT_TRUE(CheckMemoryBreaker(*With("native_memory_threshold", "0"), {.memory_used = 2'000, .memory_limit = 0}));
}

TEST(DiskBreakerTest, OpensBelowTheThreshold) {
  const SnapshotPtr settings = With("disk_free_space_threshold", "1kb");
  EXPECT_TRUE(CheckDiskBreaker(*settings, {.disk_free = 1'024}));
  const Status open = CheckDiskBreaker(*settings, {.disk_free = 1'023});
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::kResourceExhausted);
  EXPECT_EQ(open.error().reason, "circuit_breaking_exception");
  EXPECT_THAT(open.error().message, AllOf(StartsWith("Disk Circuit Breaker is open, please check your resources!"),
                                          HasSubstr("1023 bytes are free"), HasSubstr("is 1024 bytes")));
}

TEST(DiskBreakerTest, NeverOpensWhenSwitchedOffOrWithoutAMeasurement) {
  EXPECT_TRUE(CheckDiskBreaker(*With("disk_free_space_threshold", "0"), {.disk_free = 0}));
  EXPECT_TRUE(CheckDiskBreaker(*With("disk_free_space_threshold", "-1"), {.disk_free = 0}));
  EXPECT_TRUE(CheckDiskBreaker(*With("disk_free_space_threshold", "5gb"), {}));
}

}  // namespace
}  // namespace mlnode::config
