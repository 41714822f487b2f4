// Random arrivals, cancels, undeploys, failures and stops, some of them in the middle of an engine call or an answer:
// every job is answered once, with what its own input gives or with an error that something happened to give a reason
// for. A failing seed replays alone: change the loop's bounds.
#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "serving/testing/scheduler_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::JobSpec;
using testing::StubModel;
using testing::TestJobPtr;

constexpr int kSeeds = 400;
constexpr int kSteps = 120;
constexpr std::int64_t kIdsPerJob = 64;

struct Deployed {
  std::shared_ptr<StubModel> model;
  CancelFlag withdrawn = std::make_shared<std::atomic<bool>>(false);
  bool fails = false;  // now and then, whatever it is given
};

struct Sent {
  JobSpec spec;
  TestJobPtr job;
  std::shared_ptr<Deployed> to;
  bool poisoned = false;
};

class SchedulerPropertyTest : public testing::SchedulerFixture {
 protected:
  void Run(std::uint64_t seed);
  std::vector<Sent> sent_;

 private:
  bool Chance(std::uint64_t percent) { return random_->Below(100) < percent; }
  void Deploy(std::size_t at);
  void Undeploy();
  void Send();
  void Cancel();
  void Act();
  void DuringRun(Deployed& deployed);
  void Check(const Sent& sent, bool stopped) const;

  std::unique_ptr<mlnode::testing::SeededRandom> random_;
  std::vector<std::shared_ptr<Deployed>> deployed_;
  int depth_ = 0;
};

void SchedulerPropertyTest::Deploy(std::size_t at) {
  auto deployed = std::make_shared<Deployed>();
  deployed->model = MakeModel(microseconds(random_->Below(200)), microseconds(random_->Below(2'000)));
  deployed->fails = Chance(20);
  deployed->model->during_run = [this, weak = std::weak_ptr(deployed)] {
    if (const auto self = weak.lock()) DuringRun(*self);
  };
  deployed_[at] = std::move(deployed);
}

void SchedulerPropertyTest::DuringRun(Deployed& deployed) {
  deployed.model->error.reset();
  if (deployed.fails && Chance(10)) deployed.model->error = MakeError(Code::kInternal, "broken");
  if (depth_ > 2) return;
  ++depth_;
  if (Chance(30)) Act();
  if (Chance(50)) lanes_.RunOne();  // another lane, at the same time
  --depth_;
  if (deployed.fails && Chance(5)) throw std::runtime_error("thrown");
}

void SchedulerPropertyTest::Undeploy() {
  const std::size_t at = random_->Below(deployed_.size());
  deployed_[at]->withdrawn->store(true);
  if (Chance(80)) queue_->DropCancelled();
  Deploy(at);
}

void SchedulerPropertyTest::Send() {
  Sent sent;
  sent.to = deployed_[random_->Below(deployed_.size())];
  JobSpec& spec = sent.spec;
  spec.model = sent.to->model;
  spec.withdrawn = sent.to->withdrawn;
  spec.first_id = static_cast<std::int64_t>(1'000 + sent_.size() * kIdsPerJob);
  const std::size_t sequences = Chance(10) ? 1 + random_->Below(kIdsPerJob - 1) : 1 + random_->Below(5);
  for (std::size_t i = 0; i < sequences; ++i) spec.lengths.push_back(1 + random_->Below(Chance(10) ? 300 : 60));
  spec.urgency = Chance(40) ? Urgency::kBulk : Urgency::kInteractive;
  spec.one_by_one = Chance(10);
  if (Chance(15)) spec.wanted = {1, 0};
  if (Chance(30)) spec.deadline = Deadline::After(clock_, milliseconds(random_->Below(200)));
  if (Chance(5)) {
    sent.poisoned = true;
    sent.to->model->poison.insert(spec.first_id + static_cast<std::int64_t>(random_->Below(sequences)));
  }
  const std::size_t place = sent_.size();
  sent_.push_back(std::move(sent));
  const TestJobPtr job = Submit(sent_[place].spec);
  sent_[place].job = job;
}

void SchedulerPropertyTest::Cancel() {
  if (sent_.empty()) return;
  const TestJobPtr& job = sent_[random_->Below(sent_.size())].job;
  if (!job) return;  // it is being submitted
  job->cancelled->store(true);
  if (Chance(50)) queue_->DropCancelled();
}

void SchedulerPropertyTest::Act() {
  const std::uint64_t drawn = random_->Below(100);
  if (drawn < 60) {
    Send();
  } else if (drawn < 75) {
    Cancel();
  } else if (drawn < 79) {
    Undeploy();
  } else {
    clock_.Advance(microseconds(random_->Below(20'000)));
    timers_.RunUntilIdle();
  }
}

void SchedulerPropertyTest::Check(const Sent& sent, bool stopped) const {
  ASSERT_EQ(sent.job->answers, 1);
  if (sent.job->Ok()) {
    ASSERT_EQ(sent.job->consumed.size(), sent.spec.lengths.size());
    for (const auto& [i, first] : sent.job->consumed) {
      ASSERT_EQ(first, static_cast<float>(sent.spec.first_id + static_cast<std::int64_t>(i))) << "another's answer";
    }
    ASSERT_FALSE(sent.poisoned);
    return;
  }
  switch (sent.job->answer->error().code) {
    case Code::kInternal:
      ASSERT_TRUE(sent.poisoned || sent.to->fails) << "failed for another's fault";
      break;
    case Code::kCancelled:
      ASSERT_TRUE(sent.job->cancelled->load());
      break;
    case Code::kUnavailable:
      ASSERT_TRUE(sent.to->withdrawn->load() || stopped);
      break;
    case Code::kDeadlineExceeded:
      ASSERT_NE(sent.spec.deadline.at(), SteadyTime::max());
      break;
    case Code::kTooLarge:
      ASSERT_GT(std::accumulate(sent.spec.lengths.begin(), sent.spec.lengths.end(), std::size_t{0}), 1'500U);
      break;
    case Code::kResourceExhausted:
      ASSERT_TRUE(sent.job->answer->error().retry_after);
      break;
    default:
      FAIL() << sent.job->answer->error().message;
  }
}

void SchedulerPropertyTest::Run(std::uint64_t seed) {
  SCOPED_TRACE(seed);
  random_ = std::make_unique<mlnode::testing::SeededRandom>(seed);
  sent_.clear();
  Open({.lanes = 1 + static_cast<int>(random_->Below(4)),
        .max_queued_tokens = Chance(30) ? 1'500U : 100'000U,
        .max_wait = milliseconds(Chance(30) ? 50 : 10'000),
        .max_batch_tokens = 20 + random_->Below(400)});
  deployed_.resize(1 + random_->Below(3));
  for (std::size_t i = 0; i < deployed_.size(); ++i) Deploy(i);
  for (int step = 0; step < kSteps; ++step) {
    if (Chance(60)) Act();
    if (Chance(60)) lanes_.RunOne();
  }
  const bool stopped = Chance(20);
  if (stopped) queue_.reset();
  lanes_.RunUntilIdle();
  if (!stopped) {
    EXPECT_EQ(queue_->QueuedTokens(), 0U);
    EXPECT_EQ(queue_->Use().running, 0U);
  }
  for (std::size_t i = 0; i < sent_.size() && !HasFatalFailure(); ++i) Check(sent_[i], stopped);
  queue_.reset();
  deployed_.clear();
}

TEST_F(SchedulerPropertyTest, EveryJobIsAnsweredOnceWithItsOwnAnswerOrAReason) {
  std::size_t jobs = 0;
  std::size_t served = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    Run(seed);
    jobs += sent_.size();
    served += static_cast<std::size_t>(
        std::count_if(sent_.begin(), sent_.end(), [](const Sent& sent) { return sent.job->Ok(); }));
  }
  EXPECT_GT(jobs, 10'000U);
  EXPECT_GT(served, jobs / 3) << "too little was left to check";
}

}  // namespace
}  // namespace mlnode::serving
