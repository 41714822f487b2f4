#include "tasks/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "storage/testing/golden_document.h"

namespace mlnode::tasks {
namespace {

using ::testing::HasSubstr;

constexpr std::array kStates = {TaskState::kCreated,    TaskState::kRunning,   TaskState::kCompleted,
                                TaskState::kFailed,     TaskState::kCancelled, TaskState::kCompletedWithError,
                                TaskState::kCancelling, TaskState::kExpired,   TaskState::kUnreachable};

TEST(CheckTransitionTest, EveryPair) {
  // CREATED RUNNING COMPLETED FAILED CANCELLED WITH_ERROR CANCELLING EXPIRED UNREACHABLE
  constexpr bool kAllowed[9][9] = {/*CR*/ {true, true, true, true, true, true, true, true, true},
                                   /*RU*/ {false, true, true, true, true, true, true, true, true},
                                   /*CO*/ {false, false, true, false, false, false, false, false, false},
                                   /*FA*/ {false, false, false, true, false, false, false, false, false},
                                   /*CA*/ {false, false, false, false, true, false, false, false, false},
                                   /*CE*/ {false, false, false, false, false, true, false, false, false},
                                   /*CI*/ {false, true, true, true, true, true, true, true, true},
                                   /*EX*/ {false, false, false, false, false, false, false, true, false},
                                   /*UN*/ {false, false, false, false, false, false, false, false, true}};
  for (std::size_t from = 0; from < kStates.size(); ++from) {
    for (std::size_t to = 0; to < kStates.size(); ++to) {
      const Status status = CheckTransition(kStates[from], kStates[to]);
      EXPECT_EQ(status.has_value(), kAllowed[from][to])
          << TaskStateName(kStates[from]) << " to " << TaskStateName(kStates[to]);
      if (status) continue;
      EXPECT_EQ(status.error().code, Code::kFailedPrecondition);
      EXPECT_THAT(status.error().message, HasSubstr(TaskStateName(kStates[from])));
      EXPECT_THAT(status.error().message, HasSubstr(TaskStateName(kStates[to])));
    }
  }
}

TEST(TaskStateTest, OnlyCreatedRunningAndCancellingGoOn) {
  for (TaskState state : kStates) {
    const bool goes_on =
        state == TaskState::kCreated || state == TaskState::kRunning || state == TaskState::kCancelling;
    EXPECT_EQ(IsTerminal(state), !goes_on) << TaskStateName(state);
  }
}

TaskRecord Example() {
  TaskRecord task;
  task.id = TaskId("t1");
  task.type = TaskType::kRegisterModel;
  task.state = TaskState::kFailed;
  task.model = ModelId("m1");
  task.function_name = "TEXT_EMBEDDING";
  task.worker_nodes = {NodeId("n1"), NodeId("n2")};
  task.create_time = 5;
  task.last_update_time = 6;
  task.error = "why";
  task.owner = {NodeId("n1"), 18'000'000'000'000'000'000ULL};
  task.deadline = 700;
  return task;
}

TEST(TaskFormTest, ABatchJobIsReadAsItWasStored) {
  TaskRecord task = Example();
  task.type = TaskType::kBatchPrediction;
  task.state = TaskState::kCancelling;
  task.remote_job = json::object{{"id", "job-1"}, {"counts", {{"total", 3}}}};
  const auto read = ReadTask({.key = {storage::Collection::kTasks, "t1"}, .body = StoredForm(task)});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->type, TaskType::kBatchPrediction);
  EXPECT_EQ(read->state, TaskState::kCancelling);
  EXPECT_EQ(read->remote_job, task.remote_job);
  EXPECT_EQ(PublicForm(task).at("task_type").as_string(), "BATCH_PREDICTION");
  EXPECT_EQ(PublicForm(task).at("remote_job").at("id").as_string(), "job-1");
  EXPECT_FALSE(PublicForm(Example()).contains("remote_job"));
}

TEST(TaskFormTest, PublicFormIsThePeers) {
  EXPECT_EQ(ToJson(PublicForm(Example())),
            R"({"model_id":"m1","task_type":"REGISTER_MODEL","function_name":"TEXT_EMBEDDING","state":"FAILED",)"
            R"("worker_node":["n1","n2"],"create_time":5,"last_update_time":6,"error":"why","is_async":true})");
}

TEST(TaskFormTest, StoredFormReadsBack) {
  const storage::Document document{
      .key = {storage::Collection::kTasks, "t1"}, .body = StoredForm(Example()), .revision = 9, .version = 2};
  const Result<TaskRecord> read = ReadTask(document);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(ToJson(StoredForm(*read)), ToJson(document.body));
  EXPECT_EQ(read->owner.incarnation, 18'000'000'000'000'000'000ULL);
  EXPECT_EQ(read->revision, 9U);
  EXPECT_EQ(read->doc_version, 2U);
}

TEST(TaskFormTest, GoldenDocumentsAreReadAndWrittenBackEqual) {
  for (const char* name : {"task.1.register.json", "task.1.deploy.json"}) {
    const storage::Document golden = storage::testing::GoldenDocument({storage::Collection::kTasks, "t1"}, name);
    const Result<TaskRecord> read = ReadTask(golden);
    ASSERT_TRUE(read) << name << ": " << read.error().message;
    EXPECT_EQ(ToJson(StoredForm(*read)), ToJson(golden.body));
  }
}

TEST(TaskFormTest, TheNextFormatIsRefused) {
  const storage::Document golden =
      storage::testing::GoldenDocument({storage::Collection::kTasks, "t1"}, "task.1.deploy.json");
  EXPECT_THAT(ReadTask(storage::testing::OfNextFormat(golden)).error().message, HasSubstr("tasks/t1 has format 2"));
}

TEST(TaskFormTest, ADamagedFieldIsNamed) {
  for (const char* field : {"task_type", "state", "function_name", "create_time", "last_update_time", "is_async",
                            "worker_node", "_mlnode"}) {
    storage::Document document{.key = {storage::Collection::kTasks, "t1"}, .body = StoredForm(Example())};
    document.body[field] = json::array{json::object()};
    const Result<TaskRecord> wrong = ReadTask(document);
    ASSERT_FALSE(wrong) << field;
    EXPECT_EQ(wrong.error().code, Code::kDataLoss);
    EXPECT_THAT(wrong.error().message, HasSubstr(std::string("[") + field));
    document.body.erase(field);
    EXPECT_FALSE(ReadTask(document)) << field;
  }
}

}  // namespace
}  // namespace mlnode::tasks
