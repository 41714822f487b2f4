// Who is served when, and who is refused.
#include "serving/testing/scheduler_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Each;
using testing::JobSpec;
using ::testing::Le;
using ::testing::SizeIs;
using testing::StubModel;
using testing::TestJobPtr;

using Lengths = std::vector<std::size_t>;

class SchedulerFairnessTest : public testing::SchedulerFixture {
 protected:
  // Keeps `jobs` jobs of the spec waiting for as long as this lives.
  void KeepWaiting(const JobSpec& spec, int jobs) {
    for (int i = 0; i < jobs; ++i) streams_.push_back({spec, Submit(spec)});
  }
  // Runs batch by batch for so long on the clock, replacing the jobs of streams that were answered.
  void RunStreams(Duration time) {
    const SteadyTime end = clock_.Now() + time;
    while (clock_.Now() < end && lanes_.RunOne()) {
      for (auto& [spec, job] : streams_) {
        if (!job->answer) continue;
        EXPECT_TRUE(job->Ok());
        worst_wait_ = std::max(worst_wait_, job->Ok() ? (*job->answer)->queue : Duration());
        job = Submit(spec);
      }
    }
  }
  std::vector<std::pair<JobSpec, TestJobPtr>> streams_;
  Duration worst_wait_{};
};

double Ratio(Duration a, Duration b) { return static_cast<double>(a.count()) / static_cast<double>(b.count()); }

TEST_F(SchedulerFairnessTest, ModelsGetEqualTimeWhateverTheyCost) {
  Open({.max_wait = seconds(1'000)});
  const auto cheap = MakeModel(microseconds(10));
  const auto costly = MakeModel(microseconds(700), milliseconds(3));
  KeepWaiting({.lengths = Lengths(2, 20), .model = cheap}, 50);
  KeepWaiting({.lengths = Lengths(3, 30), .model = costly}, 50);
  RunStreams(seconds(5));
  cheap->busy = costly->busy = {};  // what was learned on the way
  RunStreams(seconds(20));
  EXPECT_NEAR(Ratio(cheap->busy, costly->busy), 1, 0.1);
}

TEST_F(SchedulerFairnessTest, OneCostlyRequestAtATimeGetsNoMoreThanItsShare) {
  Open({.max_wait = seconds(1'000)});
  const auto cheap = MakeModel(microseconds(20));
  const auto costly = MakeModel(milliseconds(1));
  KeepWaiting({.lengths = {20}, .model = cheap}, 100);
  KeepWaiting({.lengths = {100}, .model = costly}, 1);
  RunStreams(seconds(5));
  cheap->busy = costly->busy = {};
  RunStreams(seconds(20));
  EXPECT_LT(Ratio(costly->busy, cheap->busy), 1.15);
}

TEST_F(SchedulerFairnessTest, InteractiveOvertakesBulk) {
  Open({.max_batch_tokens = 50});
  model_->per_token = microseconds(10);
  Learn(model_);
  const TestJobPtr bulk = Submit({.lengths = Lengths(100, 50), .urgency = Urgency::kBulk});
  RunBatches(3);
  const TestJobPtr interactive = Submit({20});
  RunBatches(1);
  lanes_.RunOne();
  EXPECT_TRUE(interactive->Ok());
  EXPECT_FALSE(bulk->answer);
  lanes_.RunUntilIdle();
  EXPECT_TRUE(bulk->Ok());
}

TEST_F(SchedulerFairnessTest, BulkBatchesAreShortForASecondAfterInteractiveWork) {
  Open();
  model_->per_token = microseconds(100);
  Learn(model_, 20);
  Submit({10});
  lanes_.RunUntilIdle();
  model_->batches.clear();
  Submit({.lengths = Lengths(40, 20), .urgency = Urgency::kBulk});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), Each(SizeIs(Le(4)))) << "8 ms are 80 tokens";
  EXPECT_GE(Closed("bulk_cut"), 9);
  clock_.Advance(seconds(1));
  model_->batches.clear();
  Submit({.lengths = Lengths(40, 20), .urgency = Urgency::kBulk});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), SizeIs(1));
}

TEST_F(SchedulerFairnessTest, BulkIsNotStarvedByInteractiveWorkWithoutEnd) {
  Open({.max_wait = seconds(1'000)});
  const auto bulk = MakeModel(microseconds(100));
  const auto interactive = MakeModel(microseconds(100));
  KeepWaiting({.lengths = Lengths(50, 20), .urgency = Urgency::kBulk, .model = bulk}, 5);
  KeepWaiting({.lengths = {20}, .model = interactive}, 50);
  RunStreams(seconds(2));
  bulk->busy = interactive->busy = {};
  RunStreams(seconds(10));
  const double share = Ratio(bulk->busy, bulk->busy + interactive->busy);
  EXPECT_GT(share, 0.10);
  EXPECT_LT(share, 0.20);
}

TEST_F(SchedulerFairnessTest, NoInteractiveRequestWaitsForMoreThanAShortBulkBatch) {
  Open();
  model_->per_token = microseconds(100);
  Learn(model_, 20);
  Submit({10});
  lanes_.RunUntilIdle();
  Submit({.lengths = Lengths(1'000, 20), .urgency = Urgency::kBulk});
  TestJobPtr asked;
  SteadyTime asked_at;
  Duration worst{};
  model_->during_run = [&] {
    if (asked && !asked->answer) return;
    if (asked) worst = std::max(worst, asked->answered_at - asked_at);
    asked_at = clock_.Now() - milliseconds(8);  // as if it had come when the running batch began
    asked = Submit({20});
  };
  lanes_.RunUntilIdle();
  EXPECT_GT(worst, Duration::zero());
  EXPECT_LE(worst, milliseconds(8 + 2 + 8));
}

TEST_F(SchedulerFairnessTest, OneOfTwoLanesIsLeftToInteractiveWork) {
  Open({.lanes = 2});
  const auto bulk = MakeModel(microseconds(100));
  const auto interactive = MakeModel(microseconds(100));
  Learn(bulk, 20);
  Learn(interactive, 20);
  std::size_t both_bulk = 0;
  bulk->during_run = [&, running = 0]() mutable {
    if (++running > 1) ++both_bulk;
    if (running == 1) lanes_.RunOne();
    --running;
  };
  Submit({.lengths = Lengths(200, 20), .urgency = Urgency::kBulk, .model = bulk});
  for (int i = 0; i < 2'000; ++i) Submit({.lengths = {20}, .model = interactive});
  for (int i = 0; i < 40; ++i) RunBatches(1);
  EXPECT_GT(queue_->QueuedTokens(), 0U);
  EXPECT_FALSE(bulk->batches.empty());
  EXPECT_EQ(both_bulk, 0U);
}

TEST_F(SchedulerFairnessTest, RequestAloneIsNeverRefusedForItsOwnTime) {
  Open({.max_wait = milliseconds(100)});
  model_->per_token = milliseconds(1);
  Learn(model_);
  const TestJobPtr job = Submit({.lengths = Lengths(1'000, 100), .urgency = Urgency::kBulk});
  EXPECT_FALSE(job->answer);
  lanes_.RunUntilIdle();
  EXPECT_TRUE(job->Ok());
}

TEST_F(SchedulerFairnessTest, IdleLaneIsNoWaitThoughTheOtherIsBusyForLong) {
  Open({.lanes = 2, .max_wait = milliseconds(10)});
  model_->per_token = milliseconds(1);
  Learn(model_);
  std::optional<bool> refused;
  model_->during_run = [&] {
    if (!refused) refused = Submit({5})->answer.has_value();
  };
  Submit({500});
  lanes_.RunOne();
  EXPECT_EQ(refused, false);
}

TEST_F(SchedulerFairnessTest, OneDocumentOrManyAreRefusedAlike) {
  Open({.max_wait = seconds(1)});
  model_->per_token = milliseconds(1);
  Learn(model_);
  Submit(Lengths(30, 100));
  EXPECT_TRUE(Submit({1})->Failed(Code::kResourceExhausted));
  EXPECT_TRUE(Submit(Lengths(30, 100))->Failed(Code::kResourceExhausted));
  EXPECT_TRUE(queue_->CheckWait(*model_, Urgency::kInteractive, Deadline::Never()).error().retry_after);
  EXPECT_EQ(Refused("queue_wait"), 3);
}

TEST_F(SchedulerFairnessTest, BacklogOfAnotherModelRefusesNobody) {
  Open({.max_wait = seconds(1)});
  const auto other = MakeModel(milliseconds(1));
  Learn(model_);
  Learn(other);
  Submit({.lengths = Lengths(50, 100), .model = other});
  EXPECT_TRUE(Submit({.lengths = {1}, .model = other})->Failed(Code::kResourceExhausted));
  EXPECT_FALSE(Submit({1})->answer);
}

TEST_F(SchedulerFairnessTest, BulkBacklogRefusesNoInteractiveWork) {
  Open({.max_wait = seconds(1)});
  model_->per_token = milliseconds(1);
  Learn(model_);
  Submit({.lengths = Lengths(50, 100), .urgency = Urgency::kBulk});
  EXPECT_TRUE(Submit({.lengths = {1}, .urgency = Urgency::kBulk})->Failed(Code::kResourceExhausted));
  EXPECT_FALSE(Submit({1})->answer);
  EXPECT_FALSE(queue_->CheckWait(*model_, Urgency::kBulk, Deadline::Never()));
  EXPECT_TRUE(queue_->CheckWait(*model_, Urgency::kInteractive, Deadline::Never()));
}

// Twice what one lane can do for 30 s, then 0.8 of it, each job its own deadline of a minute.
TEST_F(SchedulerFairnessTest, FiveSecondsAfterAnOverloadAllIsAsBefore) {
  Open();
  model_->per_token = milliseconds(1);
  Learn(model_, 10);
  std::vector<TestJobPtr> jobs;
  const auto load_for = [&](Duration time, Duration every) {
    const SteadyTime end = clock_.Now() + time;
    SteadyTime next = clock_.Now();
    while (clock_.Now() < end) {
      while (next <= clock_.Now()) {
        jobs.push_back(Submit({10}));
        next += every;
      }
      if (!lanes_.RunOne()) clock_.Advance(milliseconds(1));
    }
  };
  load_for(seconds(30), milliseconds(5));
  EXPECT_GT(Refused("queue_wait"), 0);
  jobs.clear();
  load_for(seconds(5), microseconds(12'500));
  jobs.clear();
  load_for(seconds(10), microseconds(12'500));
  for (const TestJobPtr& job : jobs) {
    ASSERT_FALSE(job->answer && !*job->answer) << "refused though the overload is over";
    if (job->Ok()) ASSERT_LT((*job->answer)->queue, milliseconds(250));
  }
}

TEST_F(SchedulerFairnessTest, NothingIsLeftOfAnOverloadOnceTheQueueIsEmpty) {
  Open({.max_wait = seconds(1)});
  model_->per_token = milliseconds(1);
  Learn(model_);
  for (int i = 0; i < 100; ++i) Submit(Lengths(10, 10));
  EXPECT_GT(Refused("queue_wait"), 0);
  lanes_.RunUntilIdle();
  EXPECT_EQ(queue_->EstimatedWait(), Duration::zero());
  EXPECT_EQ(queue_->QueuedTokens(), 0U);
  EXPECT_FALSE(Submit(Lengths(10, 10))->answer);
}

}  // namespace
}  // namespace mlnode::serving
