#include "tasks/task_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::tasks {
namespace {

using storage::testing::WriteFault;

class TaskRepositoryTest : public ::testing::Test {
 protected:
  TaskRecord Made() {
    TaskRecord task;
    task.function_name = "TEXT_EMBEDDING";
    task.owner = {NodeId("n1"), 3};
    task.state = TaskState::kFailed;  // Create decides
    return tasks_.Create(task).value();
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
  TaskRepository tasks_{store_, random_, clock_};
};

TEST_F(TaskRepositoryTest, CreateFillsInIdStateAndTimes) {
  const TaskRecord task = Made();
  EXPECT_EQ(task.id.str().size(), 20U);
  const TaskRecord read = tasks_.Get(task.id).value();
  EXPECT_EQ(read.state, TaskState::kCreated);
  EXPECT_EQ(read.create_time, clock_.WallMillis());
  EXPECT_EQ(read.doc_version, 1U);
}

TEST_F(TaskRepositoryTest, UnknownTaskIsNotFound) {
  const Result<TaskRecord> missing = tasks_.Get(TaskId("x"));
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_EQ(missing.error().message, "Failed to find task");
  EXPECT_EQ(tasks_.Transition(TaskId("x"), TaskState::kRunning).error().message, "Failed to find task");
  EXPECT_EQ(tasks_.Remove(TaskId("x")).error().message, "Failed to find task");
}

TEST_F(TaskRepositoryTest, TransitionStoresStateTimeAndChange) {
  const TaskRecord task = Made();
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_TRUE(tasks_.Transition(task.id, TaskState::kFailed, [](TaskRecord& t) { t.error = "why"; }));
  const TaskRecord read = tasks_.Get(task.id).value();
  EXPECT_EQ(read.state, TaskState::kFailed);
  EXPECT_EQ(read.error, "why");
  EXPECT_EQ(read.last_update_time, task.last_update_time + 1000);
  EXPECT_EQ(read.doc_version, 2U);
}

TEST_F(TaskRepositoryTest, ATerminalTaskStaysAsItIs) {
  const TaskRecord task = Made();
  ASSERT_TRUE(tasks_.Transition(task.id, TaskState::kCompleted));
  for (TaskState to : {TaskState::kRunning, TaskState::kCompleted, TaskState::kFailed}) {
    const Result<TaskRecord> again = tasks_.Transition(task.id, to, [](TaskRecord& t) { t.error = "late"; });
    EXPECT_EQ(again.error().code, Code::kFailedPrecondition);
  }
  EXPECT_FALSE(tasks_.Get(task.id).value().error.has_value());
}

TEST_F(TaskRepositoryTest, TheSameStateRenewsTheDeadline) {
  const TaskRecord task = Made();
  ASSERT_TRUE(tasks_.Transition(task.id, TaskState::kCreated, [](TaskRecord& t) { t.deadline = 42; }));
  EXPECT_EQ(tasks_.Get(task.id).value().deadline, 42);
}

TEST_F(TaskRepositoryTest, ALostAnswerIsSettled) {
  const TaskRecord task = Made();
  store_.FailWrite(1, WriteFault::kLostDone);
  EXPECT_TRUE(tasks_.Transition(task.id, TaskState::kRunning));
  EXPECT_EQ(tasks_.Get(task.id).value().state, TaskState::kRunning);
}

TEST_F(TaskRepositoryTest, OfTwoTransitionsAtOnceOneEndsTheTask) {
  const TaskRecord task = Made();
  bool entered = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "TryWrite" || std::exchange(entered, true)) return;
    ASSERT_TRUE(tasks_.Transition(task.id, TaskState::kFailed));
  });
  EXPECT_EQ(tasks_.Transition(task.id, TaskState::kCompleted).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(tasks_.Get(task.id).value().state, TaskState::kFailed);
}

TEST_F(TaskRepositoryTest, InProgressLeavesOutWhatEnded) {
  const TaskRecord one = Made(), two = Made();
  ASSERT_TRUE(tasks_.Transition(one.id, TaskState::kCompleted));
  EXPECT_EQ(tasks_.List().size(), 2U);
  ASSERT_EQ(tasks_.InProgress().size(), 1U);
  EXPECT_EQ(tasks_.InProgress()[0].id, two.id);
}

TEST_F(TaskRepositoryTest, ARunningTaskIsNotRemoved) {
  const TaskRecord task = Made();
  ASSERT_TRUE(tasks_.Transition(task.id, TaskState::kRunning));
  const Result<storage::Written> refused = tasks_.Remove(task.id);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().message, "Task cannot be deleted in running state. Try after some time.");
  ASSERT_TRUE(tasks_.Transition(task.id, TaskState::kCompleted));
  EXPECT_EQ(tasks_.Remove(task.id).value().version, 4U);
  EXPECT_FALSE(tasks_.Get(task.id));
}

TEST_F(TaskRepositoryTest, RemoveSeesAChangeInBetween) {
  const TaskRecord task = Made();
  bool entered = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "TryWrite" || std::exchange(entered, true)) return;
    ASSERT_TRUE(tasks_.Transition(task.id, TaskState::kRunning));
  });
  EXPECT_EQ(tasks_.Remove(task.id).error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace mlnode::tasks
