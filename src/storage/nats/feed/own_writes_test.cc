#include "storage/nats/feed/own_writes.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/executor.h"

namespace mlnode::storage::nats {
namespace {

const Key kKey{Collection::kModels, "m"};

TEST(OwnWritesTest, TellsWhatBecameOfTheTurnsMessages) {
  OwnWrites writes;
  writes.Note(kKey, 7, 10, true);  // nobody's
  const auto turn = writes.Begin(kKey, 7, CallLimit(Millis(1)));
  ASSERT_TRUE(turn);
  EXPECT_FALSE(turn->IsValid(10));
  writes.Note(kKey, 7, 11, false);
  writes.Note(kKey, 8, 12, true);  // another node's
  writes.Note({Collection::kTasks, "m"}, 7, 13, true);
  writes.Note(kKey, 7, 14, true);
  EXPECT_EQ(turn->IsValid(11), false);
  EXPECT_FALSE(turn->IsValid(12));
  EXPECT_FALSE(turn->IsValid(13));
  EXPECT_EQ(turn->IsValid(14), true);
}

TEST(OwnWritesTest, OneTurnAKey) {
  OwnWrites writes;
  auto first = writes.Begin(kKey, 1, CallLimit(Millis(1)));
  ASSERT_TRUE(first);
  EXPECT_TRUE(writes.Begin({Collection::kModels, "other"}, 2, CallLimit(Millis(1))));
  EXPECT_FALSE(writes.Begin(kKey, 3, CallLimit(Millis(20)))) << "the limit passed";
  std::atomic<bool> done = false;
  ThreadPool pool({.name = "second"});
  ASSERT_TRUE(pool.Post([&] { done = writes.Begin(kKey, 4, CallLimit(Millis(10'000))) != nullptr; }));
  first.reset();
  pool.Stop();
  EXPECT_TRUE(done);
  const auto third = writes.Begin(kKey, 1, CallLimit(Millis(1)));
  ASSERT_TRUE(third);
  writes.Note(kKey, 4, 10, true);
  EXPECT_FALSE(third->IsValid(10)) << "the turn before had that nonce";
}

}  // namespace
}  // namespace mlnode::storage::nats
