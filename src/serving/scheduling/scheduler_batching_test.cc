// What the scheduler puts into one batch.
#include "serving/testing/scheduler_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using testing::JobSpec;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using testing::TestJobPtr;
using ::testing::UnorderedElementsAre;

using SchedulerBatchingTest = testing::SchedulerFixture;
using Lengths = std::vector<std::size_t>;

TEST_F(SchedulerBatchingTest, IdleNodeStartsAtOnceWithoutWaitingForCompany) {
  Open();
  Submit({7});
  EXPECT_EQ(lanes_.ReadyCount(), 1U);
  EXPECT_EQ(timers_.ReadyCount(), 0U);
  lanes_.RunOne();
  EXPECT_THAT(model_->Lengths(), ElementsAre(ElementsAre(7)));
}

TEST_F(SchedulerBatchingTest, WhatArrivesWhileTheLaneIsBusyIsOneBatch) {
  Open();
  std::vector<TestJobPtr> jobs;
  model_->during_run = [&] {
    model_->during_run = nullptr;
    jobs = {Submit({5, 9}, 100), Submit({7}, 200), Submit({8}, 300)};
  };
  const TestJobPtr first = Submit({3});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(ElementsAre(3), UnorderedElementsAre(5, 7, 8, 9)));
  EXPECT_TRUE(first->Ok());
  EXPECT_THAT(jobs[0]->consumed, ElementsAre(std::pair(0U, 100.0F), std::pair(1U, 101.0F)));
  EXPECT_THAT(jobs[1]->consumed, ElementsAre(std::pair(0U, 200.0F)));
  EXPECT_THAT(jobs[2]->consumed, ElementsAre(std::pair(0U, 300.0F)));
  for (const TestJobPtr& job : jobs) EXPECT_TRUE(job->Ok());
  EXPECT_EQ(Closed("queue_empty"), 2);
}

TEST_F(SchedulerBatchingTest, BatchKeepsToItsBudget) {
  Open({.max_batch_tokens = 100});
  for (int i = 0; i < 10; ++i) Submit({30, 20});
  lanes_.RunUntilIdle();
  for (const TokenBatch& batch : model_->batches) EXPECT_LE(batch.tokens(), 100U);
  EXPECT_LE(model_->batches.size(), 6U);
  EXPECT_GE(Closed("budget"), 4);
}

TEST_F(SchedulerBatchingTest, LikeLengthsShareABatch) {
  Open({.max_batch_tokens = 200});
  for (int i = 0; i < 4; ++i) {
    Submit({100});
    Submit(Lengths(5, 10));
  }
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(Each(100), Each(10), Each(100)));
}

TEST_F(SchedulerBatchingTest, OddLengthIsNotLeftBehindByAStreamOfOthers) {
  Open({.max_batch_tokens = 100});
  for (int i = 0; i < 10; ++i) Submit({50});
  const TestJobPtr odd = Submit({3});
  int after = 0;
  model_->during_run = [&] {
    if (after++ < 200) {
      Submit({50});
      Submit({50});
    }
  };
  RunBatches(8);
  EXPECT_TRUE(odd->Ok());
}

TEST_F(SchedulerBatchingTest, ALargeJobSharesItsLastBatch) {
  Open({.max_batch_tokens = 100});
  Submit({90, 90, 40});
  const TestJobPtr small = Submit({40});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(ElementsAre(90), ElementsAre(90), ElementsAre(40, 40)));
  EXPECT_TRUE(small->Ok());
}

TEST_F(SchedulerBatchingTest, LittleWorkIsSharedByIdleLanes) {
  Open({.lanes = 2});
  const TestJobPtr job = Submit(Lengths(8, 50));
  std::size_t at_once = 0;
  model_->during_run = [&] {
    at_once = std::max<std::size_t>(at_once, queue_->Use().running);
    model_->during_run = nullptr;
    lanes_.RunOne();
  };
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(SizeIs(4), SizeIs(4)));
  EXPECT_EQ(Closed("spread"), 1);
  EXPECT_TRUE(job->Ok());
}

TEST_F(SchedulerBatchingTest, TooLittleToShareStaysTogether) {
  Open({.lanes = 4});
  Submit(Lengths(8, 30));
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(SizeIs(8)));
}

TEST_F(SchedulerBatchingTest, LanesThatAreIdleAreSharedByTheModelsThatWait) {
  Open({.lanes = 2});
  const auto other = MakeModel({});
  model_->during_run = other->during_run = [&] { lanes_.RunOne(); };
  Submit(Lengths(8, 50));
  Submit({.lengths = Lengths(8, 50), .model = other});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->batches, SizeIs(1));
  EXPECT_THAT(other->batches, SizeIs(1));
}

TEST_F(SchedulerBatchingTest, LargeJobFeedsAllLanes) {
  Open({.lanes = 4});
  Submit(Lengths(100, 50));
  std::size_t at_once = 0;
  model_->during_run = [&] {
    at_once = std::max<std::size_t>(at_once, queue_->Use().running);
    if (queue_->Use().running < 4) lanes_.RunOne();
  };
  lanes_.RunUntilIdle();
  EXPECT_EQ(at_once, 4U);
}

TEST_F(SchedulerBatchingTest, OtherOutputsMakeAnotherBatch) {
  Open();
  const TestJobPtr a = Submit({5});
  const TestJobPtr b = Submit({.lengths = {6}, .first_id = 7, .wanted = {1, 0}});
  const TestJobPtr c = Submit({7});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(ElementsAre(5, 7), ElementsAre(6)));
  EXPECT_TRUE(a->Ok() && b->Ok() && c->Ok());
  EXPECT_EQ(Closed("other_wanted"), 1);
}

TEST_F(SchedulerBatchingTest, OtherModelMakesAnotherBatch) {
  Open();
  const auto other = MakeModel({});
  Submit({5});
  Submit({.lengths = {6}, .model = other});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(ElementsAre(5)));
  EXPECT_THAT(other->Lengths(), ElementsAre(ElementsAre(6)));
}

TEST_F(SchedulerBatchingTest, OneByOneTakesNoCompany) {
  Open();
  Submit(JobSpec{.lengths = {4, 5}, .one_by_one = true});
  Submit({6});
  Submit({7});
  lanes_.RunUntilIdle();
  EXPECT_THAT(model_->Lengths(), ElementsAre(ElementsAre(5), ElementsAre(4), ElementsAre(6, 7)));
  EXPECT_EQ(Closed("one_by_one"), 2);
}

TEST_F(SchedulerBatchingTest, BatchOfASlowModelEndsInTimeForOthers) {
  Open({.max_batch_time = milliseconds(100)});
  const auto slow = MakeModel(milliseconds(1));
  Learn(slow, 3);
  Submit({5});
  Submit({.lengths = Lengths(40, 10), .model = slow});
  lanes_.RunUntilIdle();
  EXPECT_THAT(slow->Lengths(), Each(SizeIs(AllOf(Ge(1), Le(11)))));
  EXPECT_GE(Closed("time"), 3);
  clock_.Advance(seconds(1));
  Learn(slow);
  Submit({.lengths = Lengths(40, 10), .model = slow});
  lanes_.RunUntilIdle();
  EXPECT_THAT(slow->Lengths(), ElementsAre(SizeIs(40))) << "alone, it need not";
}

TEST_F(SchedulerBatchingTest, PoisonFailsTheGuiltyJobAlone) {
  Open();
  const TestJobPtr before = Submit({5}, 1);
  const TestJobPtr guilty = Submit({6, 6}, 666'000);
  const TestJobPtr after = Submit({7}, 3);
  model_->poison = {666'001};
  lanes_.RunUntilIdle();
  EXPECT_TRUE(before->Ok());
  EXPECT_TRUE(after->Ok());
  ASSERT_TRUE(guilty->Failed(Code::kInternal));
  EXPECT_THAT(guilty->answer->error().message, HasSubstr("poisonous"));
  EXPECT_THAT(model_->batches, SizeIs(4)) << "once together, once apart each";
  EXPECT_EQ(Closed("apart"), 3);
  EXPECT_EQ(guilty->answers + before->answers + after->answers, 3);
  EXPECT_EQ(queue_->QueuedTokens(), 0U);
}

TEST_F(SchedulerBatchingTest, WhatWasComputedBeforeAFailedBatchIsNotComputedAgain) {
  Open({.max_batch_tokens = 20});
  const TestJobPtr large = Submit({20, 20, 4, 3}, 10);
  const TestJobPtr guilty = Submit({4}, 99);
  model_->poison = {99};
  lanes_.RunUntilIdle();
  EXPECT_TRUE(large->Ok());
  EXPECT_THAT(large->consumed, SizeIs(4));
  EXPECT_TRUE(guilty->Failed(Code::kInternal));
  EXPECT_THAT(model_->Lengths(), ElementsAre(ElementsAre(20), ElementsAre(20), UnorderedElementsAre(4, 3, 4),
                                             ElementsAre(4, 3), ElementsAre(4)));
}

TEST_F(SchedulerBatchingTest, CancelledWhileItsBatchFailedIsNotComputedApart) {
  Open();
  const TestJobPtr gone = Submit({5}, 1);
  const TestJobPtr kept = Submit({6}, 2);
  model_->error = MakeError(Code::kInternal, "once");
  model_->during_run = [&] {
    gone->cancelled->store(true);
    model_->during_run = [&] { model_->error.reset(); };
  };
  lanes_.RunUntilIdle();
  EXPECT_TRUE(gone->Failed(Code::kCancelled));
  EXPECT_TRUE(kept->Ok());
  EXPECT_THAT(model_->batches, SizeIs(2));
}

TEST_F(SchedulerBatchingTest, StoppingWhileASharedBatchFailsAnswersAllOnce) {
  Open();
  const TestJobPtr a = Submit({5}, 1);
  const TestJobPtr b = Submit({6}, 2);
  model_->error = MakeError(Code::kInternal, "broken");
  model_->during_run = [&] { queue_.reset(); };
  lanes_.RunUntilIdle();
  EXPECT_TRUE(a->Failed(Code::kUnavailable)) << "whose fault it was nobody knows";
  EXPECT_TRUE(b->Failed(Code::kUnavailable));
  EXPECT_EQ(a->answers + b->answers, 2);
}

TEST_F(SchedulerBatchingTest, ConsumerThatFailsLeavesItsNeighboursAlone) {
  Open();
  const TestJobPtr before = Submit({5}, 1);
  const TestJobPtr guilty = Submit({6}, static_cast<std::int64_t>(kPoison));
  const TestJobPtr after = Submit({7}, 3);
  lanes_.RunUntilIdle();
  EXPECT_TRUE(before->Ok() && after->Ok());
  EXPECT_TRUE(guilty->Failed(Code::kInternal));
  EXPECT_THAT(model_->batches, SizeIs(1));
}

TEST_F(SchedulerBatchingTest, SeriesOfAModelComeAndGoWithIt) {
  Open();
  auto model = MakeModel(microseconds(10));
  Submit({.lengths = {5, 6}, .model = model, .name = "minilm"});
  lanes_.RunUntilIdle();
  const std::string text = metrics_.ToText();
  EXPECT_THAT(text, HasSubstr("mlnode_model_batches_total{model=\"minilm\"} 1"));
  EXPECT_THAT(text, HasSubstr("mlnode_model_engine_seconds_total{model=\"minilm\"} 0.00011"));
  EXPECT_THAT(text, HasSubstr("mlnode_batch_requests_sum 1"));
  timers_.RunFor(seconds(30));
  EXPECT_THAT(metrics_.ToText(), HasSubstr("minilm")) << "the model is still there";
  model.reset();
  timers_.RunFor(seconds(30));
  EXPECT_THAT(metrics_.ToText(), Not(HasSubstr("minilm")));
}

}  // namespace
}  // namespace mlnode::serving
