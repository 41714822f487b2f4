#include <atomic>
#include <thread>

#include "core/testing/manual_executor.h"
#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

using mlnode::testing::ManualClock;
using mlnode::testing::ManualExecutor;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// An executor that can be full.
class BoundedExecutor final : public Executor {
 public:
  explicit BoundedExecutor(ManualClock& clock) : under_(clock) {}
  bool Post(Task task) override {
    if (full) return false;
    return under_.Post(std::move(task));
  }
  Timer PostAfter(Duration delay, Task task) override {
    // As a strand on a full pool: the timer fires, and its task is lost.
    return under_.PostAfter(delay, [this, held = std::make_shared<Task>(std::move(task))] {
      if (!full) (*held)();
    });
  }
  ManualExecutor& under() { return under_; }
  bool full = false;

 private:
  ManualExecutor under_;
};

TEST_P(WatchContract, TellsChangesOfTheWatchedCollections) {
  const auto subscription = store().Watch({Collection::kModels, Collection::kLeases}, executor_, Collect());
  const Written created = Do(CreationOf(ModelKey("m1"), {}));
  Do(CreationOf({Collection::kTasks, "t1"}, {}));
  Do(CreationOf({Collection::kLeases, "n1"}, {}));
  EXPECT_THAT(seen_, IsEmpty()) << "a notice ran inside the write";
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, ElementsAre("models/m1", "leases/n1"));
  Do(RemovalOf(ModelKey("m1"), created.revision));
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, ElementsAre("models/m1", "leases/n1", "models/m1"));
}

TEST_P(WatchContract, RefusedWritesAreNotTold) {
  Do(CreationOf(ModelKey("m1"), {}));
  const auto subscription = store().Watch({Collection::kModels}, executor_, Collect());
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey("m1"), {})), Code::kConflict);
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_P(WatchContract, ANoticeFindsTheChangeInTheStore) {
  std::vector<std::int64_t> values;
  const auto subscription = store().Watch({Collection::kModels}, executor_, [&](const Change& change) {
    values.push_back((*store().Get(change.key))->body.at("n").as_int64());
  });
  const Written created = Do(CreationOf(ModelKey("m1"), {{"n", 1}}));
  executor_.RunUntilIdle();
  Do(ChangeOf(ModelKey("m1"), created.revision, {{"n", 2}}));
  executor_.RunUntilIdle();
  EXPECT_THAT(values, ElementsAre(1, 2));
}

TEST_P(WatchContract, AWriteInsideANoticeIsToldAgain) {
  const auto subscription = store().Watch({Collection::kModels}, executor_, [&](const Change& change) {
    seen_.push_back(TextOf(change));
    if (seen_.size() == 1) Do(CreationOf(ModelKey("m2"), {}));
  });
  Do(CreationOf(ModelKey("m1"), {}));
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, ElementsAre("models/m1", "models/m2"));
}

TEST_P(WatchContract, NoNoticeAfterUnsubscribe) {
  auto subscription = store().Watch({Collection::kModels}, executor_, Collect());
  Do(CreationOf(ModelKey("m1"), {}));
  subscription.reset();
  Do(CreationOf(ModelKey("m2"), {}));
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_P(WatchContract, UnsubscribesInsideItsOwnNotice) {
  std::unique_ptr<Subscription> subscription;
  subscription = store().Watch({Collection::kModels}, executor_, [&](const Change& change) {
    seen_.push_back(TextOf(change));
    subscription.reset();
  });
  Do(CreationOf(ModelKey("m1"), {}));
  Do(CreationOf(ModelKey("m2"), {}));
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, ElementsAre("models/m1"));
}

TEST_P(WatchContract, UnsubscribeFreesWhatTheNoticeOwns) {
  auto owned = std::make_shared<int>(1);
  auto subscription = store().Watch({Collection::kModels}, executor_, [owned](const Change&) {});
  Do(CreationOf(ModelKey("m1"), {}));
  subscription.reset();
  EXPECT_EQ(owned.use_count(), 1);
}

TEST_P(WatchContract, AFullExecutorGetsOneResyncLater) {
  BoundedExecutor bounded(clock_);
  const auto subscription = store().Watch({Collection::kModels}, bounded, Collect());
  bounded.full = true;
  Do(CreationOf(ModelKey("m1"), {}));
  Do(CreationOf(ModelKey("m2"), {}));
  bounded.under().RunFor(std::chrono::seconds(3));  // retries are lost too
  EXPECT_THAT(seen_, IsEmpty());
  bounded.full = false;
  bounded.under().RunFor(std::chrono::seconds(1));
  EXPECT_THAT(seen_, ElementsAre("resync"));
  Do(CreationOf(ModelKey("m3"), {}));
  bounded.under().RunUntilIdle();
  EXPECT_THAT(seen_, ElementsAre("resync", "models/m3"));
}

TEST_P(WatchContract, TasksDroppedWithTheProcessDoNotHang) {
  const auto subscription = store().Watch({Collection::kModels}, executor_, Collect());
  Do(CreationOf(ModelKey("m1"), {}));
  executor_.DropAll();
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_P(WatchContract, AStoppedPoolIsNoHang) {
  ThreadPool pool({.name = "watch"});
  std::atomic<int> told = 0;
  const auto subscription = store().Watch({Collection::kModels}, pool, [&](const Change&) { ++told; });
  pool.Stop();
  Do(CreationOf(ModelKey("m1"), {}));
  Do(CreationOf(ModelKey("m2"), {}));
  EXPECT_EQ(told, 0);
}

TEST_P(WatchContract, NoticesOfOneSubscriptionNeverOverlap) {
  ThreadPool pool({.name = "watch", .threads = 4});
  std::atomic<int> running = 0;
  std::atomic<int> told = 0;
  std::atomic<bool> overlapped = false;
  auto subscription = store().Watch({Collection::kModels, Collection::kLeases}, pool, [&](const Change&) {
    if (++running > 1) overlapped = true;
    ++told;
    --running;
  });
  for (int i = 0; i < 50; ++i) Do(CreationOf({Collection::kLeases, std::to_string(i)}, {}));
  while (told < 50)
    std::this_thread::yield();  // the test's time limit ends it; a pool that stops refuses further notices
  pool.Stop();
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(told, 50);
}

// The notice uses what dies right after the subscription; a sanitizer would see a notice that came later.
TEST_P(WatchContract, NothingRunsOnceUnsubscribeReturned) {
  ThreadPool pool({.name = "watch", .threads = 2});
  std::atomic<bool> stop = false;
  ThreadPool writer({.name = "writer"});
  ASSERT_TRUE(writer.Post([&] {
    for (std::uint64_t i = 1; !stop; ++i) {
      const Key key{Collection::kLeases, std::to_string(i)};
      EXPECT_TRUE(std::holds_alternative<Written>(
          store().TryWrite({.key = key, .expect = Expect::Absent(), .body = json::object(), .nonce = i})));
    }
  }));
  std::atomic<int> total = 0;
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_unique<int>(0);
    {
      const auto subscription = store().Watch({Collection::kLeases}, pool, [&](const Change&) {
        ++*alive;
        ++total;
      });
      const int before = total;
      while (total == before) std::this_thread::yield();
    }
    alive.reset();
  }
  stop = true;
  writer.Stop();
}

}  // namespace
}  // namespace mlnode::storage::testing
