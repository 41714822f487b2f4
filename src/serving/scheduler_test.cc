#include "serving/scheduler.h"

#include <gmock/gmock.h>

#include <map>
#include <new>
#include <optional>
#include <stdexcept>

#include "core/testing/manual_executor.h"

namespace mlnode::serving {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Answers each sequence with its first id. A run takes `per_token` of the clock for each token.
class StubModel final : public engines::LoadedModel {
 public:
  explicit StubModel(mlnode::testing::ManualClock& clock) : clock_(clock) {}
  const std::vector<engines::Port>& inputs() const override { return ports_; }
  const std::vector<engines::Port>& outputs() const override { return ports_; }
  std::string engine() const override { return "stub"; }
  engines::Precision precision() const override { return engines::Precision::kF32; }
  Result<engines::BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) override {
    batches.push_back(batch);
    clock_.Advance(per_token * static_cast<std::int64_t>(batch.tokens()));
    if (during_run) during_run();
    if (error) return *error;
    engines::BatchResult result;
    for (std::size_t i = 0; i < batch.sequences() - missing_sequences; ++i) {
      result.per_sequence.emplace_back(wanted.size(), MakeFloatTensor({static_cast<float>(batch.Ids(i)[0])}, {1}));
    }
    return result;
  }

  std::vector<TokenBatch> batches;
  Duration per_token{};
  std::function<void()> during_run;
  std::optional<Error> error;
  std::size_t missing_sequences = 0;

 private:
  mlnode::testing::ManualClock& clock_;
  std::vector<engines::Port> ports_;
};

// What became of one job.
struct Job {
  std::optional<Result<BatchOutcome>> answer;
  int answers = 0;
  std::map<std::size_t, float> consumed;
  CancelFlag cancelled = std::make_shared<std::atomic<bool>>(false);
  CancelFlag withdrawn = std::make_shared<std::atomic<bool>>(false);

  bool Failed(Code code) const { return answer && !*answer && answer->error().code == code; }
  bool Ok() const { return answer && answer->has_value(); }
};

class SchedulerTest : public ::testing::Test {
 protected:
  void Open(Scheduler::Options options = {}) { queue_ = Scheduler::Create(options, lanes_, timers_, clock_, metrics_); }
  // A job of sequences of `lengths` whose first ids are `first_id`, first_id + 1, ...
  std::shared_ptr<Job> Submit(const std::vector<std::size_t>& lengths, std::int64_t first_id = 0,
                              Deadline deadline = Deadline::Never(), bool one_by_one = false) {
    auto job = std::make_shared<Job>();
    BatchJob work;
    work.model = model_;
    work.wanted = {0};
    work.one_by_one = one_by_one;
    work.deadline = deadline;
    work.cancelled = job->cancelled;
    work.withdrawn = job->withdrawn;
    for (const std::size_t length : lengths) {
      work.batch.ids.insert(work.batch.ids.end(), length, first_id++);
      work.batch.offsets.push_back(work.batch.ids.size());
    }
    work.consume = [job](std::size_t i, const std::vector<TensorView>& outputs) -> Status {
      if (outputs[0].Floats()[0] == kPoison) return MakeError(Code::kInternal, "poison");
      EXPECT_TRUE(job->consumed.emplace(i, outputs[0].Floats()[0]).second) << "consumed twice";
      return {};
    };
    queue_->Submit(std::move(work), [job](Result<BatchOutcome> outcome) {
      job->answer = std::move(outcome);
      ++job->answers;
    });
    return job;
  }
  double Refused(const char* reason) {
    return metrics_.GetCounter("mlnode_refused_total", "", {{"reason", reason}}).Value();
  }

  static constexpr float kPoison = 666;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor lanes_{clock_};
  mlnode::testing::ManualExecutor timers_{clock_};
  Metrics metrics_;
  std::shared_ptr<StubModel> model_ = std::make_shared<StubModel>(clock_);
  std::unique_ptr<Scheduler> queue_;
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
  Submit({4, 4, 4}, 0, Deadline::Never(), true);
  lanes_.RunUntilIdle();
  ASSERT_THAT(model_->batches, SizeIs(3));
  for (const TokenBatch& batch : model_->batches) EXPECT_EQ(batch.sequences(), 1U);
}

TEST_F(SchedulerTest, JobsRunInOrderOfArrival) {
  Open();
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
  Open();
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
  EXPECT_EQ(queue_->EstimatedWait(), seconds(3));
  const auto refused = Submit({1});
  ASSERT_TRUE(refused->Failed(Code::kResourceExhausted));
  EXPECT_EQ(refused->answer->error().retry_after, milliseconds(1000));
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
  const auto gone = Submit({5});
  const auto kept = Submit({7});
  gone->withdrawn->store(true);
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
  EXPECT_TRUE(Submit({})->Ok());
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
