#include "core/testing/manual_executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlnode::testing {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ManualExecutorTest, RunsNothingByItself) {
  ManualClock clock;
  ManualExecutor executor(clock);
  int ran = 0;
  ASSERT_TRUE(executor.Post([&] { ++ran; }));
  EXPECT_EQ(executor.ReadyCount(), 1U);
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(executor.RunOne());
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(executor.RunOne());
}

TEST(ManualExecutorTest, WithoutRandomTasksRunInOrder) {
  ManualClock clock;
  ManualExecutor executor(clock);
  std::string order;
  for (const char c : {'a', 'b', 'c'}) ASSERT_TRUE(executor.Post([&order, c] { order += c; }));
  EXPECT_EQ(executor.RunUntilIdle(), 3U);
  EXPECT_EQ(order, "abc");
}

std::string Shuffled(std::uint64_t seed) {
  ManualClock clock;
  SeededRandom random(seed);
  ManualExecutor executor(clock, &random);
  std::string order;
  for (char c = 'a'; c <= 'p'; ++c) (void)executor.Post([&order, c] { order += c; });
  executor.RunUntilIdle();
  return order;
}

TEST(ManualExecutorTest, ASeedDecidesTheOrder) {
  EXPECT_EQ(Shuffled(1), Shuffled(1));
  EXPECT_NE(Shuffled(1), Shuffled(2));
  EXPECT_EQ(Shuffled(1).size(), 16U);
}

TEST(ManualExecutorTest, TimeMovesFromTimerToTimer) {
  ManualClock clock;
  ManualExecutor executor(clock);
  const SteadyTime start = clock.Now();
  std::vector<Duration> fired;
  const auto note = [&] { fired.push_back(clock.Now() - start); };
  Timer late = executor.PostAfter(seconds(2), note);
  Timer soon = executor.PostAfter(seconds(1), note);
  Timer beyond = executor.PostAfter(seconds(9), note);
  executor.RunFor(seconds(3));
  EXPECT_EQ(fired, (std::vector<Duration>{seconds(1), seconds(2)}));
  EXPECT_EQ(clock.Now() - start, seconds(3));
}

TEST(ManualExecutorTest, TimersSetByTimersCountWithinTheSameRun) {
  ManualClock clock;
  ManualExecutor executor(clock);
  int ran = 0;
  Timer second;
  Timer first = executor.PostAfter(seconds(1), [&] { second = executor.PostAfter(seconds(1), [&] { ++ran; }); });
  executor.RunFor(seconds(2));
  EXPECT_EQ(ran, 1);
}

TEST(ManualExecutorTest, ADueTimerCanStillBeCancelled) {
  ManualClock clock;
  ManualExecutor executor(clock);
  int ran = 0;
  Timer timer = executor.PostAfter(milliseconds(1), [&] { ++ran; });
  ASSERT_TRUE(executor.Post([&] { timer.Cancel(); }));
  clock.Advance(seconds(1));
  executor.RunUntilIdle();
  EXPECT_EQ(ran, 0);
}

TEST(ManualExecutorTest, TasksMayRunOthersInTheirMiddle) {
  ManualClock clock;
  ManualExecutor executor(clock);
  std::string order;
  ASSERT_TRUE(executor.Post([&] {
    order += '(';
    executor.RunOne();
    order += ')';
  }));
  ASSERT_TRUE(executor.Post([&] { order += 'x'; }));
  executor.RunUntilIdle();
  EXPECT_EQ(order, "(x)");
}

TEST(ManualExecutorTest, DropAllDestroysTasksAndWhatTheyPostMeanwhile) {
  ManualClock clock;
  ManualExecutor executor(clock);
  auto posts_when_destroyed = std::shared_ptr<void>(nullptr, [&](void*) { (void)executor.Post([] { FAIL(); }); });
  auto owned = std::make_shared<int>();
  ASSERT_TRUE(executor.Post([posts_when_destroyed, owned] { FAIL(); }));
  Timer timer = executor.PostAfter(seconds(1), [owned] { FAIL(); });
  posts_when_destroyed.reset();
  executor.DropAll();
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_EQ(executor.ReadyCount(), 0U);
}

TEST(ManualExecutorDeathTest, EndlessWorkEndsTheTest) {
  ManualClock clock;
  ManualExecutor executor(clock);
  std::function<void()> again = [&] { (void)executor.Post([&] { again(); }); };
  again();
  EXPECT_DEATH(executor.RunUntilIdle(100), "still busy after 100 tasks");
  executor.DropAll();
}

TEST(ManualExecutorTest, NextDueIsThatOfTheFirstTimerThatStands) {
  ManualClock clock;
  ManualExecutor executor(clock);
  const SteadyTime start = clock.Now();
  EXPECT_EQ(executor.NextDue(), std::nullopt);
  Timer late = executor.PostAfter(seconds(2), [] {});
  Timer soon = executor.PostAfter(seconds(1), [] {});
  EXPECT_EQ(executor.NextDue(), start + seconds(1));
  soon.Cancel();
  EXPECT_EQ(executor.NextDue(), start + seconds(2));
  late.Cancel();
  EXPECT_EQ(executor.NextDue(), std::nullopt);
}

TEST(ManualExecutorTest, CancelledTimersLeaveTheOthersTheirOrder) {
  ManualClock clock;
  ManualExecutor executor(clock);
  std::string order;
  std::vector<Timer> timers;
  for (int i = 0; i < 500; ++i) {
    const char c = static_cast<char>('a' + (i * 7) % 26);
    timers.push_back(executor.PostAfter(milliseconds(c), [&order, c] { order += c; }));
    if (i % 20 != 0) timers.back().Cancel();
  }
  executor.RunFor(seconds(1));
  EXPECT_EQ(order.size(), 25U);
  EXPECT_TRUE(std::ranges::is_sorted(order)) << order;
}

}  // namespace
}  // namespace mlnode::testing
