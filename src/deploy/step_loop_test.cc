#include "deploy/step_loop.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/testing/manual_executor.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class StepLoopTest : public ::testing::Test {
 protected:
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  int steps_ = 0;
};

TEST_F(StepLoopTest, StepsAtStartAndEachInterval) {
  StepLoop loop(executor_, seconds(1), [this] { ++steps_; });
  executor_.RunFor(seconds(3));
  EXPECT_EQ(steps_, 0);
  loop.Start();
  executor_.RunUntilIdle();
  EXPECT_EQ(steps_, 1);
  executor_.RunFor(milliseconds(2500));
  EXPECT_EQ(steps_, 3);
}

TEST_F(StepLoopTest, ManyKicksMakeOneStep) {
  StepLoop loop(executor_, seconds(1), [this] { ++steps_; });
  loop.Start();
  executor_.RunUntilIdle();
  for (int i = 0; i < 10; ++i) loop.Kick();
  executor_.RunUntilIdle();
  EXPECT_EQ(steps_, 2);
  executor_.RunFor(milliseconds(1500));
  EXPECT_EQ(steps_, 3);  // one timer only
}

TEST_F(StepLoopTest, KickDuringAStepMakesAnotherOneAfterIt) {
  int depth = 0;
  StepLoop* self = nullptr;
  StepLoop loop(executor_, seconds(1), [&] {
    EXPECT_EQ(depth, 0);
    ++depth;
    if (++steps_ == 1) {
      self->Kick();
      while (executor_.RunOne()) {  // others run in the middle of a store call
      }
    }
    --depth;
  });
  self = &loop;
  loop.Start();
  executor_.RunUntilIdle();
  EXPECT_EQ(steps_, 2);
}

TEST_F(StepLoopTest, NoStepAfterStop) {
  StepLoop loop(executor_, seconds(1), [this] { ++steps_; });
  loop.Start();
  loop.Kick();
  loop.Stop();
  loop.Kick();
  executor_.RunFor(seconds(5));
  EXPECT_EQ(steps_, 0);
}

TEST_F(StepLoopTest, DestructionCancelsWhatIsQueued) {
  {
    StepLoop loop(executor_, seconds(1), [this] { ++steps_; });
    loop.Start();
  }
  executor_.RunFor(seconds(5));
  EXPECT_EQ(steps_, 0);
}

TEST_F(StepLoopTest, KickerMayOutliveTheLoop) {
  std::function<void()> kick;
  {
    StepLoop loop(executor_, seconds(1), [this] { ++steps_; });
    kick = loop.Kicker();
    loop.Start();
    executor_.RunUntilIdle();
    kick();
    executor_.RunUntilIdle();
    EXPECT_EQ(steps_, 2);
  }
  kick();
  executor_.RunUntilIdle();
  EXPECT_EQ(steps_, 2);
}

TEST(StepLoopThreadsTest, StopWaitsForTheStepUnderWay) {
  ThreadPool pool({.name = "steps", .threads = 2});
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> inside = 0;
    std::atomic<bool> overlap = false;
    StepLoop loop(pool, milliseconds(1), [&] {
      if (inside.fetch_add(1) != 0) overlap = true;
      inside.fetch_sub(1);
    });
    loop.Start();
    for (int i = 0; i < round % 7; ++i) loop.Kick();
    loop.Stop();
    EXPECT_EQ(inside, 0);
    EXPECT_FALSE(overlap);
  }
}

}  // namespace
}  // namespace mlnode::deploy
