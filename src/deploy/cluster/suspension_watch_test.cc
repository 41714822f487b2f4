#include "deploy/cluster/suspension_watch.h"

#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SuspensionWatchTest : public ::testing::Test {
 protected:
  SuspensionWatchTest() {
    store_.set_before_call([this](std::string_view call) { catches_ += call == "CatchUp" ? 1 : 0; });
    watch_.Start();
    timers_.RunFor(seconds(2));
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor timers_{clock_}, background_{clock_};
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
  int catches_ = 0;
  SuspensionWatch watch_{store_, clock_, timers_, background_};
};

TEST_F(SuspensionWatchTest, AProcessThatRunsIsCurrentWhateverItsStoreDoes) {
  EXPECT_TRUE(watch_.Current());
  store_.Sever();
  timers_.RunFor(std::chrono::minutes(10));
  background_.RunUntilIdle();
  EXPECT_TRUE(watch_.Current());
  EXPECT_EQ(catches_, 0);
}

TEST_F(SuspensionWatchTest, AShortStopIsNone) {
  clock_.Advance(milliseconds(3700));
  EXPECT_TRUE(watch_.Current());
}

TEST_F(SuspensionWatchTest, ASuspendedProcessIsNotCurrentUntilItCaughtUp) {
  clock_.Advance(milliseconds(4300));
  EXPECT_FALSE(watch_.Current()) << "before any timer ran";
  timers_.RunFor(seconds(1));
  EXPECT_FALSE(watch_.Current()) << "nothing was read yet";
  background_.RunUntilIdle();
  EXPECT_EQ(catches_, 1);
  EXPECT_TRUE(watch_.Current());
  timers_.RunFor(seconds(10));
  EXPECT_TRUE(watch_.Current());
}

TEST_F(SuspensionWatchTest, TheTimerSeesItToo) {
  clock_.Advance(seconds(60));
  timers_.RunFor(milliseconds(1));
  background_.RunUntilIdle();
  EXPECT_EQ(catches_, 1) << "nobody has asked";
  EXPECT_TRUE(watch_.Current());
}

TEST_F(SuspensionWatchTest, WithoutItsStoreASuspendedProcessStaysSo) {
  store_.Sever();
  clock_.Advance(seconds(60));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(watch_.Current());
    timers_.RunFor(seconds(1));
    background_.RunUntilIdle();
  }
  EXPECT_GE(catches_, 15);
  EXPECT_LE(catches_, 21) << "once a second";
  store_.Reconnect();
  timers_.RunFor(seconds(2));
  background_.RunUntilIdle();
  EXPECT_TRUE(watch_.Current());
}

TEST_F(SuspensionWatchTest, ASecondSuspensionWithinTheCatchingUpIsNotForgotten) {
  store_.set_before_call([this](std::string_view call) {
    if (call == "CatchUp" && ++catches_ == 1) clock_.Advance(seconds(60));
  });
  clock_.Advance(seconds(60));
  EXPECT_FALSE(watch_.Current());
  background_.RunUntilIdle();
  EXPECT_EQ(catches_, 1);
  EXPECT_FALSE(watch_.Current()) << "what that one read may be from before the second";
  background_.RunUntilIdle();
  EXPECT_EQ(catches_, 2);
  EXPECT_TRUE(watch_.Current());
}

TEST_F(SuspensionWatchTest, AfterStopItJudgesNobody) {
  watch_.Stop();
  clock_.Advance(seconds(60));
  EXPECT_TRUE(watch_.Current());
  timers_.RunFor(seconds(60));
  background_.RunUntilIdle();
  EXPECT_EQ(catches_, 0);
}

TEST_F(SuspensionWatchTest, GoneItLeavesNothingThatRuns) {
  {
    SuspensionWatch other(store_, clock_, timers_, background_);
    other.Start();
    clock_.Advance(seconds(60));
    EXPECT_FALSE(other.Current());
  }
  watch_.Stop();
  background_.RunUntilIdle();
  timers_.RunFor(seconds(10));
  background_.RunUntilIdle();
  EXPECT_EQ(catches_, 0);
}

}  // namespace
}  // namespace mlnode::deploy
