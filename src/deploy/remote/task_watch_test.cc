#include "deploy/remote/task_watch.h"

#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using std::chrono::seconds;

class TaskWatchTest : public ::testing::Test {
 protected:
  TaskWatchTest() { watch_.Start(); }
  TaskId AddTask() { return node_.tasks.Create(tasks::TaskRecord()).value().id; }
  std::shared_ptr<int> Told(const TaskId& task) {
    auto told = std::make_shared<int>(0);
    watch_.WhenEnded(task, Deadline::After(disk_.clock, seconds(5)), [told] { ++*told; });
    return told;
  }

  testing::OneDisk disk_;
  testing::OneNode node_{disk_};
  TaskWatch watch_{node_.tasks, disk_.store, disk_.executor, disk_.executor, disk_.clock};
};

TEST_F(TaskWatchTest, TellsTheEndOnce) {
  const TaskId task = AddTask();
  const auto told = Told(task);
  const auto other = Told(AddTask());
  ASSERT_TRUE(node_.tasks.Transition(task, tasks::TaskState::kRunning));
  disk_.executor.RunUntilIdle();
  EXPECT_EQ(*told, 0);
  ASSERT_TRUE(node_.tasks.Transition(task, tasks::TaskState::kCompleted));
  disk_.executor.RunUntilIdle();
  EXPECT_EQ(*told, 1);
  EXPECT_EQ(*other, 0);
  disk_.executor.RunFor(seconds(6));
  EXPECT_EQ(*told, 1);
  EXPECT_EQ(*other, 1) << "its deadline";
}

TEST_F(TaskWatchTest, WhatHasEndedIsToldAtOnce) {
  const TaskId task = AddTask();
  ASSERT_TRUE(node_.tasks.Transition(task, tasks::TaskState::kFailed));
  EXPECT_EQ(*Told(task), 1);
  EXPECT_EQ(*Told(TaskId("gone")), 1);
}

TEST_F(TaskWatchTest, StoppingTellsAll) {
  const auto told = Told(AddTask());
  watch_.Stop();
  EXPECT_EQ(*told, 1);
  EXPECT_EQ(*Told(AddTask()), 1);
}

}  // namespace
}  // namespace mlnode::deploy
