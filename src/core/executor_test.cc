#include "core/executor.h"

#include <gtest/gtest.h>

#include <future>

#include <atomic>
#include <latch>
#include <memory>
#include <vector>

#include "core/testing/manual_executor.h"

namespace mlnode {
namespace {
using std::chrono::hours;
using std::chrono::milliseconds;

// Holds the only thread of a pool until released.
struct Gate {
  std::latch entered{1}, open{1};
  Task Hold() {
    return [this] {
      entered.count_down();
      open.wait();
    };
  }
};

TEST(ThreadPoolTest, RunsTasksInOrderOnOneThread) {
  std::vector<int> order;
  {
    ThreadPool pool({.name = "t"});
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Post([&order, i] { order.push_back(i); }));
  }
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(ThreadPoolTest, UsesAllItsThreads) {
  constexpr int kThreads = 3;
  std::latch together(kThreads);  // only passes when three tasks run at once
  ThreadPool pool({.name = "t", .threads = kThreads});
  for (int i = 0; i < kThreads; ++i) ASSERT_TRUE(pool.Post([&] { together.arrive_and_wait(); }));
  pool.Stop();
  EXPECT_TRUE(together.try_wait());
}

TEST(ThreadPoolTest, RefusesWhenTheQueueIsFullAndDestroysTheTask) {
  Gate gate;
  ThreadPool pool({.name = "t", .queue = 1});
  ASSERT_TRUE(pool.Post(gate.Hold()));
  gate.entered.wait();
  ASSERT_TRUE(pool.Post([] {}));
  EXPECT_EQ(pool.QueueDepth(), 1U);
  auto owned = std::make_shared<int>();
  EXPECT_FALSE(pool.Post([owned] {}));
  EXPECT_EQ(owned.use_count(), 1);
  gate.open.count_down();
}

TEST(ThreadPoolTest, StopRunsWhatIsQueuedAndRefusesMore) {
  Gate gate;
  int ran = 0;
  ThreadPool pool({.name = "t"});
  ASSERT_TRUE(pool.Post(gate.Hold()));
  ASSERT_TRUE(pool.Post([&] { ++ran; }));
  gate.open.count_down();
  pool.Stop();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(pool.Post([&] { ++ran; }));
  EXPECT_EQ(ran, 1);
}

TEST(ThreadPoolTest, StopDropsTimers) {
  auto owned = std::make_shared<int>();
  ThreadPool pool({.name = "t"});
  Timer timer = pool.PostAfter(hours(1), [owned] {});
  EXPECT_EQ(owned.use_count(), 2);
  pool.Stop();
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(ThreadPoolTest, TimersFireInOrderOfTheirTime) {
  std::latch done(2);
  std::vector<int> order;
  ThreadPool pool({.name = "t"});
  Timer later = pool.PostAfter(milliseconds(2), [&] {
    order.push_back(2);
    done.count_down();
  });
  Timer sooner = pool.PostAfter(milliseconds(-5), [&] {
    order.push_back(1);
    done.count_down();
  });
  done.wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(ThreadPoolTest, ACancelledTimerGivesUpWhatItOwns) {
  auto owned = std::make_shared<int>();
  ThreadPool pool({.name = "t"});
  Timer timer = pool.PostAfter(hours(1), [owned] {});
  timer.Cancel();
  EXPECT_EQ(owned.use_count(), 1);
  timer.Cancel();
}

TEST(ThreadPoolTest, AssigningATimerCancelsTheOldOne) {
  auto owned = std::make_shared<int>();
  ThreadPool pool({.name = "t"});
  Timer timer = pool.PostAfter(hours(1), [owned] {});
  timer = Timer();
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(ThreadPoolTest, ADetachedTimerStillFires) {
  std::latch fired(1);
  ThreadPool pool({.name = "t"});
  pool.PostAfter(milliseconds(1), [&] { fired.count_down(); }).Detach();
  fired.wait();
}

TEST(ThreadPoolTest, ATimerMayOutliveItsPool) {
  Timer timer;
  {
    ThreadPool pool({.name = "t"});
    timer = pool.PostAfter(hours(1), [] {});
  }
  timer.Cancel();
}

TEST(StrandTest, RunsOneAtATimeInOrderOnManyThreads) {
  std::atomic<int> inside{0};
  std::vector<int> order;
  {
    ThreadPool pool({.name = "t", .threads = 4});
    Strand strand(pool);
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(strand.Post([&, i] {
        EXPECT_EQ(++inside, 1);
        order.push_back(i);
        --inside;
      }));
    }
  }
  ASSERT_EQ(order.size(), 500U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(StrandTest, YieldsToOthersBetweenTasks) {
  testing::ManualClock clock;
  testing::ManualExecutor executor(clock);
  Strand strand(executor);
  std::string order;
  ASSERT_TRUE(strand.Post([&] { order += 'a'; }));
  ASSERT_TRUE(strand.Post([&] { order += 'b'; }));
  ASSERT_TRUE(executor.Post([&] { order += 'x'; }));
  executor.RunUntilIdle();
  EXPECT_EQ(order, "axb");
}

TEST(StrandTest, QueuedTasksRunAfterTheLastReferenceWent) {
  testing::ManualClock clock;
  testing::ManualExecutor executor(clock);
  int ran = 0;
  {
    Strand strand(executor);
    ASSERT_TRUE(strand.Post([&] { ++ran; }));
    ASSERT_TRUE(strand.Post([&] { ++ran; }));
  }
  executor.RunUntilIdle();
  EXPECT_EQ(ran, 2);
}

TEST(StrandTest, RefusesWhenTheExecutorDoes) {
  ThreadPool pool({.name = "t"});
  pool.Stop();
  Strand strand(pool);
  auto owned = std::make_shared<int>();
  EXPECT_FALSE(strand.Post([owned] {}));
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(StrandTest, LosesNoAcceptedTaskWhenThePoolFillsUp) {
  int ran = 0;
  {
    Gate gate;
    ThreadPool pool({.name = "t", .queue = 1});
    Strand strand(pool);
    ASSERT_TRUE(strand.Post(gate.Hold()));
    gate.entered.wait();
    ASSERT_TRUE(strand.Post([&] { ++ran; }));  // accepted by the running strand
    ASSERT_TRUE(pool.Post([] {}));             // the pool's only place is now taken
    ASSERT_TRUE(strand.Post([&] { ++ran; }));
    gate.open.count_down();
    pool.Stop();
  }
  EXPECT_EQ(ran, 2);
}

TEST(StrandTest, TimersJoinTheQueueAndCancel) {
  testing::ManualClock clock;
  testing::ManualExecutor executor(clock);
  Strand strand(executor);
  std::string order;
  Timer kept = strand.PostAfter(milliseconds(5), [&] { order += 'k'; });
  Timer dropped = strand.PostAfter(milliseconds(5), [&] { order += 'd'; });
  dropped.Cancel();
  executor.RunFor(milliseconds(4));
  EXPECT_EQ(order, "");
  executor.RunFor(milliseconds(1));
  EXPECT_EQ(order, "k");
}

// A thread that watched a timer takes a task; another idle thread must watch on, or the timer is late by that task.
TEST(ThreadPoolTest, TimerFiresWhileTheThreadThatWatchedItWorks) {
  ThreadPool pool({.name = "test", .threads = 2});
  std::promise<void> fired;
  std::promise<void> release;
  const Timer timer = pool.PostAfter(std::chrono::milliseconds(30), [&] { fired.set_value(); });
  ASSERT_TRUE(pool.Post([&] { release.get_future().wait(); }));
  EXPECT_EQ(fired.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  release.set_value();
}

}  // namespace
}  // namespace mlnode
