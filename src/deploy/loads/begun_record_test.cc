#include "deploy/loads/begun_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"

namespace mlnode::deploy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class BegunRecordTest : public ::testing::Test {
 protected:
  BegunLoads Stored() { return ReadBegun(**store_.Get(BegunKey(node_))).value(); }

  const NodeId node_{"n1"};
  const ModelId a_{"a"}, b_{"b"};
  const BegunLoad load_{.generation = 3, .incarnation = 7, .count = 1};
  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  storage::MemoryStore store_{clock_};
  BegunRecord record_{store_, random_, node_};
};

TEST_F(BegunRecordTest, BeginsEmptyAndStoresWhatBegins) {
  EXPECT_THAT(record_.Read(), IsEmpty());
  EXPECT_FALSE(record_.Changed());
  record_.Begin(a_, load_);
  record_.Begin(b_, load_);
  EXPECT_TRUE(record_.Changed());
  ASSERT_TRUE(record_.Write());
  EXPECT_FALSE(record_.Changed());
  EXPECT_THAT(Stored(), ElementsAre(Pair(a_, load_), Pair(b_, load_)));
  record_.Forget(a_);
  ASSERT_TRUE(record_.Write()) << "without another look";
  EXPECT_THAT(Stored(), ElementsAre(Pair(b_, load_)));
}

TEST_F(BegunRecordTest, WhatWasNotWrittenIsDroppedByTheNextLook) {
  record_.Read();
  record_.Begin(a_, load_);
  EXPECT_THAT(record_.Read(), IsEmpty());
  EXPECT_FALSE(record_.Changed());
}

TEST_F(BegunRecordTest, AnotherWriterIsAConflictUntilItIsRead) {
  record_.Read();
  BegunRecord other(store_, random_, node_);
  other.Read();
  other.Begin(b_, load_);
  ASSERT_TRUE(other.Write());
  record_.Begin(a_, load_);
  EXPECT_EQ(record_.Write().error().code, Code::kConflict);
  EXPECT_THAT(record_.Read(), ElementsAre(Pair(b_, load_)));
  record_.Begin(a_, load_);
  ASSERT_TRUE(record_.Write());
  EXPECT_THAT(Stored(), ElementsAre(Pair(a_, load_), Pair(b_, load_)));
}

TEST_F(BegunRecordTest, ADamagedDocumentIsReplaced) {
  ASSERT_TRUE(storage::Commit(
      store_,
      {.key = BegunKey(node_), .expect = storage::Expect::Absent(), .body = json::object{{"models", 3}}, .nonce = 1}));
  EXPECT_THAT(record_.Read(), IsEmpty());
  record_.Begin(a_, load_);
  ASSERT_TRUE(record_.Write());
  EXPECT_THAT(Stored(), ElementsAre(Pair(a_, load_)));
}

}  // namespace
}  // namespace mlnode::deploy
