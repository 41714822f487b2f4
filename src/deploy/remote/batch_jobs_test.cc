#include "deploy/remote/batch_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/remote/batch_actions.h"
#include "deploy/testing/one_node.h"
#include "serving/testing/fake_remote.h"

namespace mlnode::deploy {
namespace {

using connectors::Action;
using connectors::ActionType;
using tasks::TaskState;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(JobStateTest, TheProvidersWordDecides) {
  const auto settings = config::Settings::Create({}).value();
  const auto state = [&](const char* job) { return JobState(ParseJsonObject(job).value(), *settings->Current()); };
  EXPECT_EQ(state(R"({"status":"Completed"})"), TaskState::kCompleted);
  EXPECT_EQ(state(R"({"Status":"PartiallyCompleted"})"), TaskState::kCompleted);
  EXPECT_EQ(state(R"({"TransformJobStatus":"Stopped"})"), TaskState::kCancelled);
  EXPECT_EQ(state(R"({"status":"cancelling"})"), TaskState::kCancelling);
  EXPECT_EQ(state(R"({"status":"expired"})"), TaskState::kExpired);
  EXPECT_EQ(state(R"({"status":"failed"})"), TaskState::kFailed);
  EXPECT_EQ(state(R"({"status":"in_progress"})"), TaskState::kRunning);
  EXPECT_EQ(state(R"({"status":"incomplete"})"), TaskState::kRunning) << "compared as a whole";
  EXPECT_EQ(state(R"({"id":"x"})"), TaskState::kRunning);
}

Action BatchAction(const std::string& url) {
  Action action;
  action.type = ActionType::kBatchPredict;
  action.method = "POST";
  action.url = url;
  action.headers = {{"Authorization", "x"}};
  return action;
}

connectors::Connector WithUrl(const std::string& url) {
  connectors::Connector connector;
  connector.actions = {BatchAction(url)};
  return WithBatchActions(std::move(connector));
}

TEST(BatchActionsTest, KnownServicesAreAskedTheirWay) {
  struct Row {
    const char *url, *method, *status, *cancel;
  };
  const Row rows[] = {
      {"https://api.sagemaker.us-east-1.amazonaws.com/CreateTransformJob", "POST",
       "https://api.sagemaker.us-east-1.amazonaws.com/DescribeTransformJob",
       "https://api.sagemaker.us-east-1.amazonaws.com/StopTransformJob"},
      {"https://api.openai.com/v1/batches", "GET", "https://api.openai.com/v1/batches/${parameters.id}",
       "https://api.openai.com/v1/batches/${parameters.id}/cancel"},
      {"https://api.cohere.com/v1/embed-jobs", "GET", "https://api.cohere.com/v1/embed-jobs/${parameters.job_id}",
       "https://api.cohere.com/v1/embed-jobs/${parameters.job_id}/cancel"},
      {"https://bedrock.us-east-1.amazonaws.com/model-invocation-job", "GET",
       "https://bedrock.us-east-1.amazonaws.com/model-invocation-job/${parameters.processedJobArn}",
       "https://bedrock.us-east-1.amazonaws.com/model-invocation-job/${parameters.processedJobArn}/stop"},
  };
  for (const Row& row : rows) {
    const connectors::Connector connector = WithUrl(row.url);
    ASSERT_THAT(connector.actions, SizeIs(3)) << row.url;
    EXPECT_EQ(connector.actions[1].type, ActionType::kBatchPredictStatus);
    EXPECT_EQ(connector.actions[1].method, row.method);
    EXPECT_EQ(connector.actions[1].url, row.status);
    EXPECT_EQ(connector.actions[1].headers, connector.actions[0].headers);
    EXPECT_EQ(connector.actions[2].type, ActionType::kCancelBatchPredict);
    EXPECT_EQ(connector.actions[2].url, row.cancel);
  }
}

TEST(BatchActionsTest, OthersAndTheConnectorsOwnAreLeft) {
  EXPECT_THAT(WithUrl("https://batch.example/jobs").actions, SizeIs(1));
  connectors::Connector connector;
  connector.actions = {BatchAction("https://api.openai.com/v1/batches"), BatchAction("https://own.example")};
  connector.actions[1].type = ActionType::kBatchPredictStatus;
  connector = WithBatchActions(std::move(connector));
  ASSERT_THAT(connector.actions, SizeIs(3));
  EXPECT_EQ(connector.Find(ActionType::kBatchPredictStatus)->url, "https://own.example");
  EXPECT_THAT(WithBatchActions(connectors::Connector()).actions, IsEmpty());
}

TEST(BatchActionsTest, AJobsMembersAreParameters) {
  const json::object job =
      ParseJsonObject(R"({"TransformJobArn":"arn:aws:sagemaker:job/my-job","jobArn":"arn:a/b","n":5,"o":{"x":1}})")
          .value();
  EXPECT_EQ(ToJson(JobParameters(job)),
            R"({"TransformJobArn":"arn:aws:sagemaker:job/my-job","jobArn":"arn:a/b","n":"5","o":"{\"x\":1}",)"
            R"("TransformJobName":"my-job","processedJobArn":"arn:a%2Fb"})");
}

class BatchJobsTest : public ::testing::Test {
 protected:
  BatchJobsTest() {
    Put(storage::Collection::kModels, "r", "connector_id", "c");
    Put(storage::Collection::kConnectors, "c", "name", "c");
  }
  void Put(storage::Collection collection, const std::string& id, const char* field, const char* value) {
    EXPECT_TRUE(storage::Update(disk_.store, disk_.random, {collection, id},
                                [&](json::object& body) -> Result<bool> {
                                  body[field] = value;
                                  return true;
                                },
                                {.create_if_absent = true}));
  }
  TaskId Begin() {
    serving::PredictResult answer;
    answer.documents = {{{.name = "response", .data_as_map = R"({"id":"job-1","status":"validating"})"}}};
    return jobs_.Record(model_, answer, std::nullopt).value().id;
  }
  void Answer(const std::string& body, int status = 200) {
    disk_.executor.RunUntilIdle();
    caller_.Answer(body, status);
    disk_.executor.RunUntilIdle();
  }

  testing::OneDisk disk_;
  serving::testing::FullableExecutor background_{disk_.executor};
  testing::OneNode node_{disk_};
  const ModelId model_ = node_.AddRemote("r");
  Metrics metrics_;
  serving::testing::FakeCaller caller_;
  serving::RemoteEnvironment remote_{
      .store = disk_.store,
      .caller = caller_,
      .cpu = disk_.executor,
      .timers = disk_.executor,
      .clock = disk_.clock,
      .metrics = metrics_,
      .settings = *node_.settings,
      .compile = [](const storage::Document&) -> Result<std::shared_ptr<const connectors::CompiledConnector>> {
        return std::shared_ptr<const connectors::CompiledConnector>(
            std::make_shared<serving::testing::EchoConnector>(connectors::Connector()));
      },
      .rules = [] { return std::make_shared<const serving::testing::TrustingRules>(); }};
  BatchJobs jobs_{{.tasks = node_.tasks,
                   .settings = *node_.settings,
                   .remote = &remote_,
                   .background = background_,
                   .clock = disk_.clock,
                   .self = NodeId("n1")}};
};

TEST_F(BatchJobsTest, AReadAsksTheProviderAndWritesWhatItSays) {
  const TaskId task = Begin();
  std::optional<Result<tasks::TaskRecord>> read;
  jobs_.Refresh(task, [&](Result<tasks::TaskRecord> record) { read = std::move(record); });
  Answer(R"({"status":"completed","output":"file-1"})");
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->state, TaskState::kCompleted);
  EXPECT_EQ(ToJson(*(*read)->remote_job), R"({"id":"job-1","status":"completed","output":"file-1"})");
  jobs_.Refresh(task, [&](Result<tasks::TaskRecord> record) { read = std::move(record); });
  EXPECT_EQ((*read)->state, TaskState::kCompleted) << "at once: it has ended";
  EXPECT_EQ(caller_.waiting(), 0U);
}

TEST_F(BatchJobsTest, AJobIsStoredWithoutTheConnectorsSecrets) {
  const TaskId task = Begin();
  jobs_.Refresh(task, [](const Result<tasks::TaskRecord>&) {});
  Answer(R"({"status":"in_progress","request":"Bearer sk-secret-1"})");
  EXPECT_EQ(ToJson(*node_.Task(task).remote_job), R"({"id":"job-1","status":"in_progress","request":"Bearer ***"})");
}

TEST_F(BatchJobsTest, EachMinuteJobsInProgressAreLookedAt) {
  const TaskId task = Begin();
  jobs_.Start();
  Answer(R"({"status":"in_progress"})");
  EXPECT_EQ(node_.Task(task).state, TaskState::kRunning);
  disk_.executor.RunFor(BatchJobs::kPace - std::chrono::seconds(1));
  EXPECT_EQ(caller_.waiting(), 0U);
  disk_.executor.RunFor(std::chrono::seconds(1));
  Answer(R"({"status":"failed"})");
  EXPECT_EQ(node_.Task(task).state, TaskState::kFailed);
  disk_.executor.RunFor(BatchJobs::kPace);
  EXPECT_EQ(caller_.waiting(), 0U);
  jobs_.Stop();
}

TEST_F(BatchJobsTest, AllJobsAreLookedAtEachMinuteAFewAtOnce) {
  constexpr std::size_t kJobs = 3 * BatchJobs::kAtOnce + 1;
  for (std::size_t i = 0; i < kJobs; ++i) (void)Begin();
  jobs_.Start();
  for (std::size_t round = 1; round <= 2; ++round) {
    disk_.executor.RunUntilIdle();
    EXPECT_EQ(caller_.waiting(), BatchJobs::kAtOnce);
    while (caller_.waiting() > 0) {
      EXPECT_LE(caller_.waiting(), BatchJobs::kAtOnce);
      Answer(R"({"status":"in_progress"})");
    }
    EXPECT_EQ(caller_.bodies.size(), round * kJobs);
    disk_.executor.RunFor(BatchJobs::kPace);
  }
  jobs_.Stop();
  const std::size_t asked = caller_.bodies.size();
  while (caller_.waiting() > 0) Answer("{}");
  EXPECT_EQ(caller_.bodies.size(), asked) << "a round ends with the loop";
}

TEST_F(BatchJobsTest, ALookWhoseNewsIsRefusedIsOver) {
  std::vector<TaskId> tasks;
  for (std::size_t i = 0; i < BatchJobs::kAtOnce; ++i) tasks.push_back(Begin());
  jobs_.Start();
  disk_.executor.RunUntilIdle();
  for (int i = 0; i < 2 * BatchJobs::kFailures; ++i) {
    ASSERT_EQ(caller_.waiting(), BatchJobs::kAtOnce) << "minute " << i;
    while (caller_.waiting() > 0) {
      caller_.Answer("{}");
      background_.full = true;
      disk_.executor.RunUntilIdle();
      background_.full = false;
    }
    disk_.executor.RunFor(BatchJobs::kPace);
  }
  for (const TaskId& task : tasks) EXPECT_FALSE(tasks::IsTerminal(node_.Task(task).state)) << "the node was full";
  jobs_.Stop();
}

TEST_F(BatchJobsTest, WhoReadsATaskOfAFullNodeIsTold) {
  const TaskId task = Begin();
  std::optional<Result<tasks::TaskRecord>> read;
  jobs_.Refresh(task, [&](Result<tasks::TaskRecord> record) { read = std::move(record); });
  disk_.executor.RunUntilIdle();
  background_.full = true;
  Answer(R"({"status":"completed"})");
  ASSERT_TRUE(read && !*read);
  EXPECT_EQ(read->error().code, Code::kResourceExhausted);
}

TEST_F(BatchJobsTest, AJobNobodyCanTellOfIsGivenUp) {
  const TaskId task = Begin();
  jobs_.Start();
  for (int i = 1; i <= BatchJobs::kFailures; ++i) {
    EXPECT_EQ(node_.Task(task).state, TaskState::kCreated) << i;
    Answer("down", 503);
    disk_.executor.RunFor(BatchJobs::kPace);
  }
  EXPECT_EQ(node_.Task(task).state, TaskState::kUnreachable);
  EXPECT_EQ(node_.Task(task).error, "Error from remote service: down");
  jobs_.Stop();
}

TEST_F(BatchJobsTest, CancellingAsksTheProviderAndWaitsForItsWord) {
  const TaskId task = Begin();
  std::optional<Status> cancelled;
  jobs_.Cancel(task, [&](Status status) { cancelled = std::move(status); });
  Answer("{}");
  ASSERT_TRUE(cancelled && *cancelled);
  EXPECT_EQ(node_.Task(task).state, TaskState::kCancelling);
  jobs_.Refresh(task, [](const Result<tasks::TaskRecord>&) {});
  Answer(R"({"status":"in_progress"})");
  EXPECT_EQ(node_.Task(task).state, TaskState::kCancelling);
  jobs_.Refresh(task, [](const Result<tasks::TaskRecord>&) {});
  Answer(R"({"status":"cancelled"})");
  EXPECT_EQ(node_.Task(task).state, TaskState::kCancelled);
}

TEST_F(BatchJobsTest, OnlyJobsCanBeCancelled) {
  std::optional<Status> cancelled;
  const auto cancel = [&](const TaskId& task) {
    jobs_.Cancel(task, [&](Status status) { cancelled = std::move(status); });
  };
  cancel(TaskId("gone"));
  EXPECT_EQ(cancelled->error().message, "Fail to find task");
  cancel(node_.tasks.Create(tasks::TaskRecord()).value().id);
  EXPECT_EQ(cancelled->error().message, "The task ID you provided does not have any associated batch job");
}

TEST_F(BatchJobsTest, JobsInProgressAreLimitedAndOutliveTheirNode) {
  node_.Set("plugins.ml_commons.max_batch_inference_tasks", "1");
  EXPECT_TRUE(jobs_.CheckRoom());
  const TaskId task = Begin();
  EXPECT_EQ(jobs_.CheckRoom().error().code, Code::kResourceExhausted);
  node_.Start();
  node_.RunFor(std::chrono::hours(1));
  EXPECT_EQ(node_.Task(task).state, TaskState::kCreated) << "no deadline of this node ends it";
}

// Of two nodes, n1 began the jobs and n0 leads.
class TwoNodesBatchJobsTest : public BatchJobsTest {
 protected:
  TwoNodesBatchJobsTest() {
    EXPECT_TRUE(leader_.membership.Start());
    EXPECT_TRUE(node_.membership.Start());
  }
  BatchJobsEnvironment Of(testing::OneNode& node) {
    return {.tasks = node.tasks,
            .settings = *node.settings,
            .remote = &remote_,
            .background = background_,
            .clock = disk_.clock,
            .self = node.membership.self().id,
            .membership = &node.membership};
  }
  // How many times a provider is asked in the next minute.
  std::size_t AskedInAMinute() {
    const std::size_t before = caller_.bodies.size();
    disk_.executor.RunFor(BatchJobs::kPace);
    while (caller_.waiting() > 0) Answer(R"({"status":"in_progress"})");
    return caller_.bodies.size() - before;
  }

  testing::OneNode leader_{disk_, 1, "n0"};
  BatchJobs own_{Of(node_)}, leaders_{Of(leader_)};
};

TEST_F(TwoNodesBatchJobsTest, WhoBeganAJobLooksAtItAndNobodyElse) {
  Begin();
  leaders_.Start();
  EXPECT_EQ(AskedInAMinute(), 0U);
  own_.Start();
  disk_.executor.RunUntilIdle();
  Answer("{}");
  EXPECT_EQ(AskedInAMinute(), 1U);
}

TEST_F(TwoNodesBatchJobsTest, WhenItIsGoneTheLeaderDoes) {
  testing::OneNode third(disk_, 1, "n3");
  ASSERT_TRUE(third.membership.Start());
  BatchJobs thirds(Of(third));
  Begin();
  leaders_.Start();
  thirds.Start();
  EXPECT_EQ(AskedInAMinute(), 0U);
  node_.membership.Leave();
  EXPECT_EQ(AskedInAMinute(), 1U);
  node_.membership.Stop();
  EXPECT_EQ(AskedInAMinute(), 1U);
  leader_.membership.Leave();
  EXPECT_EQ(AskedInAMinute(), 1U) << "the third leads now";
}

// Whoever is told to ask again pays for a second job, and the first is lost.
TEST_F(BatchJobsTest, AJobThatIsNotRecordedIsToldAndNotToBeAskedForAgain) {
  serving::PredictResult answer;
  answer.documents = {{{.name = "response", .data_as_map = R"({"id":"job-1"})"}}};
  for (const auto fault : {storage::testing::WriteFault::kUnavailable, storage::testing::WriteFault::kDiskFull}) {
    disk_.store.FailWrite(1, fault);
    const auto lost = jobs_.Record(model_, answer, std::nullopt);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, Code::kInternal);
    EXPECT_FALSE(lost.error().retry_after);
    EXPECT_THAT(lost.error().message, ::testing::HasSubstr(R"({"id":"job-1"})"));
  }
}

TEST_F(BatchJobsTest, AnAnswerWithoutAJobMakesNoTask) {
  EXPECT_EQ(jobs_.Record(model_, serving::PredictResult(), std::nullopt).error().message,
            "Unable to create batch transform job");
}

}  // namespace
}  // namespace mlnode::deploy
