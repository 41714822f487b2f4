#include "serving/monitoring/latency_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::serving {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LatencyWindow, KeepsTheNewest) {
  LatencyWindow window;
  for (int i = 1; i <= 5; ++i) window.Add(milliseconds(i), 3);
  EXPECT_THAT(window.Newest(100), ElementsAre(3, 4, 5));
  EXPECT_THAT(window.Newest(2), ElementsAre(4, 5));
}

TEST(LatencyWindow, ShrinksWithTheLimit) {
  LatencyWindow window;
  for (int i = 1; i <= 5; ++i) window.Add(milliseconds(i), 5);
  window.Add(milliseconds(6), 2);
  EXPECT_THAT(window.Newest(100), ElementsAre(5, 6));
}

TEST(LatencyWindow, ALimitOfZeroForgetsAll) {
  LatencyWindow window;
  window.Add(milliseconds(1), 5);
  EXPECT_THAT(window.Newest(0), IsEmpty());
  window.Add(milliseconds(2), 0);
  EXPECT_THAT(window.Newest(100), IsEmpty());
}

TEST(LatencyWindow, IsBoundedWhateverTheLimit) {
  LatencyWindow window;
  for (std::int64_t i = 0; i < LatencyWindow::kMaxValues + 5; ++i) window.Add(milliseconds(1), 10'000'000);
  EXPECT_EQ(window.Newest(10'000'000).size(), static_cast<std::size_t>(LatencyWindow::kMaxValues));
}

TEST(LatencySummary, NothingOfNothing) { EXPECT_FALSE(Summarize({})); }

TEST(LatencySummary, OfOneValue) {
  const auto summary = Summarize({7.5});
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->count, 1U);
  EXPECT_EQ(summary->min, 7.5);
  EXPECT_EQ(summary->max, 7.5);
  EXPECT_EQ(summary->average, 7.5);
  EXPECT_EQ(summary->p99, 7.5);
}

TEST(LatencySummary, InterpolatesBetweenRanks) {
  const auto summary = Summarize({30, 10});
  ASSERT_TRUE(summary);
  EXPECT_DOUBLE_EQ(summary->p50, 20);
  EXPECT_DOUBLE_EQ(summary->p90, 28);
  EXPECT_DOUBLE_EQ(summary->p99, 29.8);
  EXPECT_DOUBLE_EQ(Summarize({1, 2, 3, 4, 5})->p90, 4.6);
}

}  // namespace
}  // namespace mlnode::serving
