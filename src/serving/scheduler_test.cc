#include "serving/scheduler.h"

#include <new>
#include <stdexcept>

#include "serving/testing/scheduler_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::JobSpec;
using ::testing::SizeIs;

class SchedulerTest : public testing::SchedulerFixture {
 protected:
  using SchedulerFixture::Submit;
  testing::TestJobPtr Submit(const std::vector<std::size_t>& lengths, std::int64_t first_id, Deadline deadline) {
    return Submit(JobSpec{.lengths = lengths, .first_id = first_id, .deadline = deadline});
  }
};

TEST_F(SchedulerTest, NothingRunsInsideSubmit) {
  Open();
  const auto job = Submit({3});
  EXPECT_FALSE(job->answer);
  EXPECT_EQ(queue_->QueuedTokens(), 3U);
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Ok());
  EXPECT_THAT(job->consumed, ElementsAre(std::pair(0U, 0.0F)));
  EXPECT_EQ(queue_->QueuedTokens(), 0U);
}

TEST_F(SchedulerTest, TellsWhatTheLanesDo) {
  Open();
  LaneUse during;
  model_->during_run = [&] { during = queue_->Use(); };
  Submit({3});
  EXPECT_EQ(queue_->Use(), LaneUse());
  lanes_.RunUntilIdle();
  EXPECT_EQ(during, (LaneUse{.begun = 1, .running = 1}));
  EXPECT_EQ(queue_->Use(), (LaneUse{.begun = 1, .running = 0}));
}

TEST_F(SchedulerTest, SequencesKeepTheirPlaceHoweverTheyAreCut) {
  Open({.lanes = 2, .max_batch_tokens = 10});
  const auto job = Submit({4, 9, 1, 30, 5, 5}, 100);
  lanes_.RunUntilIdle();
  ASSERT_TRUE(job->Ok());
  ASSERT_THAT(job->consumed, SizeIs(6));
  for (const auto& [i, value] : job->consumed) EXPECT_EQ(value, 100.0F + static_cast<float>(i));
  EXPECT_GT(model_->batches.size(), 2U);
}

TEST_F(SchedulerTest, OneByOneNeverBatches) {
  Open();
  Submit(JobSpec{.lengths = {4, 4, 4}, .one_by_one = true});
  lanes_.RunUntilIdle();
  ASSERT_THAT(model_->batches, SizeIs(3));
  for (const TokenBatch& batch : model_->batches) EXPECT_EQ(batch.sequences(), 1U);
}

TEST_F(SchedulerTest, JobsRunInOrderOfArrival) {
  Open({.max_batch_tokens = 2});
  Submit({2}, 10);
  Submit({2}, 20);
  Submit({2}, 30);
  lanes_.RunUntilIdle();
  ASSERT_THAT(model_->batches, SizeIs(3));
  EXPECT_EQ(model_->batches[0].ids[0], 10);
  EXPECT_EQ(model_->batches[1].ids[0], 20);
  EXPECT_EQ(model_->batches[2].ids[0], 30);
}

TEST_F(SchedulerTest, NeverMoreTasksThanLanesOrBatches) {
  Open({.lanes = 2, .max_batch_tokens = 5});
  Submit({5});
  EXPECT_EQ(lanes_.ReadyCount(), 1U);
  Submit({5, 5, 5});
  EXPECT_EQ(lanes_.ReadyCount(), 2U);
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->batches, SizeIs(4));
}

TEST_F(SchedulerTest, ReportsWaitAndEngineTime) {
  Open({.max_batch_tokens = 40});
  model_->per_token = milliseconds(1);
  Submit({40});
  const auto second = Submit({20});
  lanes_.RunUntilIdle();
  ASSERT_TRUE(second->Ok());
  EXPECT_EQ((*second->answer)->queue, milliseconds(40));
  EXPECT_EQ((*second->answer)->engine, milliseconds(20));
}

TEST_F(SchedulerTest, FullQueueRefusesWithRetryAfter) {
  Open({.max_queued_tokens = 100});
  const auto first = Submit({60});
  const auto second = Submit({41});
  ASSERT_TRUE(second->Failed(Code::kResourceExhausted));
  EXPECT_GE(second->answer->error().retry_after, milliseconds(1000));
  EXPECT_THAT(second->answer->error().message, HasSubstr("60 tokens wait, the limit is 100"));
  EXPECT_EQ(Refused("queue_full"), 1);
  EXPECT_FALSE(first->answer);
  lanes_.RunUntilIdle();
  EXPECT_TRUE(Submit({100})->answer == std::nullopt);
}

TEST_F(SchedulerTest, JobThatNeverFitsIsTooLargeAndNamesTheLimit) {
  Open({.max_queued_tokens = 100});
  const auto job = Submit({101});
  ASSERT_TRUE(job->Failed(Code::kTooLarge));
  EXPECT_THAT(job->answer->error().message, HasSubstr("101 tokens; this node queues at most 100"));
  EXPECT_FALSE(job->answer->error().retry_after);
}

TEST_F(SchedulerTest, LongEstimatedWaitIsRefusedFromTheMeasuredRate) {
  Open({.max_wait = seconds(2)});
  model_->per_token = milliseconds(10);  // 100 tokens a second
  Submit({50});
  lanes_.RunUntilIdle();
  EXPECT_EQ(queue_->EstimatedWait(), Duration::zero());
  Submit({300});
  EXPECT_NEAR(std::chrono::duration<double>(queue_->EstimatedWait()).count(), 3, 0.05);
  const auto refused = Submit({1});
  ASSERT_TRUE(refused->Failed(Code::kResourceExhausted));
  EXPECT_NEAR(static_cast<double>(refused->answer->error().retry_after->count()), 1000, 50);
  EXPECT_EQ(Refused("queue_wait"), 1);
}

TEST_F(SchedulerTest, WaitBeyondTheDeadlineIsRefusedAtOnce) {
  Open({.max_wait = seconds(10)});
  model_->per_token = milliseconds(10);
  Submit({50});
  lanes_.RunUntilIdle();
  Submit({100});
  EXPECT_TRUE(Submit({1}, 0, Deadline::After(clock_, milliseconds(900)))->Failed(Code::kResourceExhausted));
  EXPECT_FALSE(Submit({1}, 0, Deadline::After(clock_, milliseconds(1100)))->answer);
}

TEST_F(SchedulerTest, ExpiredOrCancelledOnArrivalNeverQueues) {
  Open();
  EXPECT_TRUE(Submit({1}, 0, Deadline(clock_.Now()))->Failed(Code::kDeadlineExceeded));
  EXPECT_EQ(queue_->QueuedTokens(), 0U);
  EXPECT_EQ(lanes_.ReadyCount(), 0U);
}

TEST_F(SchedulerTest, TimerAnswersWhileTheLanesAreBusy) {
  Open();
  const auto job = Submit({5}, 0, Deadline::After(clock_, seconds(1)));
  timers_.RunFor(seconds(2));  // no lane ever came
  EXPECT_TRUE(job->Failed(Code::kDeadlineExceeded));
  EXPECT_EQ(queue_->QueuedTokens(), 0U);
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->batches, SizeIs(0));
  EXPECT_EQ(job->answers, 1);
}

TEST_F(SchedulerTest, TimerAnswersWhileTheJobItselfRuns) {
  Open();
  const auto job = Submit({5}, 0, Deadline::After(clock_, seconds(1)));
  model_->during_run = [&] { timers_.RunFor(seconds(2)); };
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Failed(Code::kDeadlineExceeded));
  EXPECT_EQ(job->answers, 1);
}

TEST_F(SchedulerTest, TimerOfAnAnsweredJobDoesNothing) {
  Open();
  const auto job = Submit({5}, 0, Deadline::After(clock_, seconds(1)));
  lanes_.RunUntilIdle();
  timers_.RunFor(seconds(2));
  EXPECT_TRUE(job->Ok());
  EXPECT_EQ(job->answers, 1);
}

TEST_F(SchedulerTest, CancelledIsSkippedWhenItsTurnComes) {
  Open();
  const auto job = Submit({5});
  job->cancelled->store(true);
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Failed(Code::kCancelled));
  EXPECT_THAT(model_->batches, SizeIs(0));
}

TEST_F(SchedulerTest, CancelStopsALargeJobBetweenItsBatches) {
  Open({.max_batch_tokens = 5});
  const auto job = Submit({5, 5, 5, 5});
  model_->during_run = [&] { job->cancelled->store(true); };
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Failed(Code::kCancelled));
  EXPECT_THAT(model_->batches, SizeIs(1));
}

TEST_F(SchedulerTest, DropCancelledAnswersTheWithdrawnAtOnceAndLeavesTheRest) {
  Open();
  const CancelFlag withdrawn = std::make_shared<std::atomic<bool>>(false);
  const auto gone = Submit(JobSpec{.lengths = {5}, .withdrawn = withdrawn});
  const auto kept = Submit({7});
  withdrawn->store(true);
  queue_->DropCancelled();
  ASSERT_TRUE(gone->Failed(Code::kUnavailable));
  EXPECT_EQ(gone->answer->error().message, kModelWithdrawn);
  EXPECT_FALSE(kept->answer);
  EXPECT_EQ(queue_->QueuedTokens(), 7U);
  lanes_.RunUntilIdle();
  EXPECT_TRUE(kept->Ok());
  EXPECT_EQ(gone->answers, 1);
}

TEST_F(SchedulerTest, EngineErrorFailsTheJobOnceAndStopsItsOtherBatches) {
  Open({.max_batch_tokens = 5});
  model_->error = MakeError(Code::kResourceExhausted, "no memory for the batch");
  const auto job = Submit({5, 5, 5});
  lanes_.RunUntilIdle();
  ASSERT_TRUE(job->Failed(Code::kResourceExhausted));
  EXPECT_THAT(model_->batches, SizeIs(1));
  model_->error.reset();
  const auto next = Submit({5});
  lanes_.RunUntilIdle();
  EXPECT_TRUE(next->Ok());
  EXPECT_EQ(job->answers, 1);
}

TEST_F(SchedulerTest, WhatAnEngineThrowsFailsTheJobAndNotTheLane) {
  Open();
  model_->during_run = [] { throw std::bad_alloc(); };
  const auto without_memory = Submit({5});
  lanes_.RunUntilIdle();
  EXPECT_TRUE(without_memory->Failed(Code::kResourceExhausted));
  model_->during_run = [] { throw std::runtime_error("vendor text"); };
  const auto broken = Submit({5});
  lanes_.RunUntilIdle();
  ASSERT_TRUE(broken->Failed(Code::kInternal));
  EXPECT_EQ(broken->answer->error().detail, "vendor text");
  model_->during_run = nullptr;
  const auto next = Submit({5});
  lanes_.RunUntilIdle();
  EXPECT_TRUE(next->Ok());
}

TEST_F(SchedulerTest, ConsumeErrorFailsTheJob) {
  Open();
  const auto job = Submit({2, 2}, static_cast<std::int64_t>(kPoison));
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Failed(Code::kInternal));
}

TEST_F(SchedulerTest, EngineThatLosesSequencesIsAnInternalError) {
  Open();
  model_->missing_sequences = 1;
  const auto job = Submit({2, 2});
  lanes_.RunUntilIdle();
  ASSERT_TRUE(job->Failed(Code::kInternal));
  EXPECT_THAT(job->answer->error().message, HasSubstr("1 of 2 sequences"));
}

TEST_F(SchedulerTest, DestructionAnswersWhatWaits) {
  Open();
  const auto job = Submit({5});
  queue_.reset();
  EXPECT_TRUE(job->Failed(Code::kUnavailable));
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->batches, SizeIs(0));
}

TEST_F(SchedulerTest, EmptyJobIsDoneAtOnce) {
  Open();
  EXPECT_TRUE(Submit(JobSpec())->Ok());
}

TEST_F(SchedulerTest, TimerAnswersWhatIsPartlyComputedAndTheRestLeavesTheQueue) {
  Open({.max_batch_tokens = 5});
  const auto job = Submit({5, 5, 5}, 0, Deadline::After(clock_, seconds(1)));
  RunBatches(1);
  EXPECT_EQ(queue_->QueuedTokens(), 10U);
  timers_.RunFor(seconds(2));
  EXPECT_TRUE(job->Failed(Code::kDeadlineExceeded));
  EXPECT_EQ(queue_->QueuedTokens(), 0U);
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->batches, SizeIs(1));
  EXPECT_EQ(job->answers, 1);
}

TEST_F(SchedulerTest, ExpiredIsFoundWhenItsTurnComesThoughTheTimerIsLate) {
  Open();
  const auto job = Submit({5}, 0, Deadline::After(clock_, seconds(1)));
  clock_.Advance(seconds(2));
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Failed(Code::kDeadlineExceeded));
  EXPECT_THAT(model_->batches, SizeIs(0));
}

TEST_F(SchedulerTest, DropCancelledAnswersWhatIsPartlyComputed) {
  Open({.max_batch_tokens = 5});
  const auto job = Submit({5, 5, 5});
  model_->during_run = [&] {
    job->cancelled->store(true);
    queue_->DropCancelled();
  };
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Failed(Code::kCancelled));
  EXPECT_THAT(job->consumed, SizeIs(0)) << "consumed although nobody wants it";
  EXPECT_THAT(model_->batches, SizeIs(1));
  EXPECT_EQ(job->answers, 1);
}

TEST_F(SchedulerTest, DestructionAnswersWhatIsPartlyComputed) {
  Open({.max_batch_tokens = 5});
  const auto job = Submit({5, 5, 5});
  RunBatches(1);
  queue_.reset();
  EXPECT_TRUE(job->Failed(Code::kUnavailable));
  lanes_.RunUntilIdle();
  EXPECT_EQ(job->answers, 1);
  EXPECT_THAT(model_->batches, SizeIs(1));
}

TEST_F(SchedulerTest, TaskThatNeverRanMayOutliveTheMetrics) {
  auto metrics = std::make_unique<Metrics>();
  queue_ = Scheduler::Create({}, lanes_, timers_, clock_, *metrics);
  Submit(JobSpec{.lengths = {5}, .name = "a"});
  RunBatches(1);  // leaves its next task on the lane
  EXPECT_EQ(lanes_.ReadyCount(), 1U);
  queue_.reset();
  metrics.reset();
  lanes_.DropAll();
}

class RefusingExecutor final : public Executor {
 public:
  bool Post(Task) override { return false; }
  Timer PostAfter(Duration, Task) override { return Timer(); }
};

TEST_F(SchedulerTest, LanesThatTakeNoWorkAreUnavailable) {
  RefusingExecutor refusing;
  queue_ = Scheduler::Create({}, refusing, timers_, clock_, metrics_);
  EXPECT_TRUE(Submit({5})->Failed(Code::kUnavailable));
  EXPECT_EQ(queue_->QueuedTokens(), 0U);
}

TEST_F(SchedulerTest, MetricsCountBatchesAndShowTheQueue) {
  Open({.max_batch_tokens = 5});
  Submit({5, 3});
  EXPECT_EQ(metrics_.GetGauge("mlnode_queue_tokens", "").Value(), 8);
  lanes_.RunUntilIdle();
  EXPECT_EQ(metrics_.GetGauge("mlnode_queue_tokens", "").Value(), 0);
  const std::string text = metrics_.ToText();
  EXPECT_THAT(text, HasSubstr("mlnode_batch_tokens_sum 8"));
  EXPECT_THAT(text, HasSubstr("mlnode_batch_sequences_count 2"));
  EXPECT_THAT(text, HasSubstr("mlnode_queue_wait_seconds_count 1"));
  EXPECT_THAT(text, HasSubstr("mlnode_engine_seconds_count 2"));
}

}  // namespace
}  // namespace mlnode::serving
