#include <algorithm>
#include <atomic>
#include <functional>

#include "core/testing/manual_executor.h"
#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

using mlnode::testing::SeededRandom;

// Runs work(0) to work(threads - 1), each on a thread of its own, and waits for them.
void RunOnThreads(int threads, const std::function<void(int)>& work) {
  ThreadPool pool({.name = "contract", .threads = threads});
  for (int t = 0; t < threads; ++t) EXPECT_TRUE(pool.Post([&work, t] { work(t); }));
  pool.Stop();
}

Result<bool> Increment(json::object& body) {
  const json::value* n = body.if_contains("n");
  body["n"] = (n == nullptr ? 0 : n->as_int64()) + 1;
  return true;
}

TEST_P(StoreContract, UpdatesFromManyThreadsAreNotLost) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  RunOnThreads(kThreads, [this](int t) {
    SeededRandom random(static_cast<std::uint64_t>(t) + 1);
    for (int done = 0; done < kRounds;) {
      const auto updated = Update(store(), random, ModelKey("m1"), Increment, {.create_if_absent = true});
      if (updated) {
        ++done;
      } else {
        ASSERT_EQ(updated.error().code, Code::kConflict) << updated.error().message;
      }
    }
  });
  const Result<DocumentPtr> found = store().Get(ModelKey("m1"));
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->body.at("n"), kThreads * kRounds);
  EXPECT_EQ((*found)->version, static_cast<std::uint64_t>(kThreads * kRounds));
}

TEST_P(StoreContract, OneOfManyCreatorsWins) {
  std::atomic<int> won = 0;
  RunOnThreads(4, [this, &won](int t) {
    const Key key{Collection::kReservations, "group_name/x"};
    const WriteOutcome outcome = store().TryWrite({.key = key,
                                                   .expect = Expect::Absent(),
                                                   .body = json::object{{"owner", t}},
                                                   .nonce = static_cast<std::uint64_t>(t) + 1});
    if (std::holds_alternative<Written>(outcome)) ++won;
  });
  EXPECT_EQ(won, 1);
}

// A writer changes the lease first and the model second, so in every consistent view the lease is at most one ahead.
TEST_P(StoreContract, SnapshotsAreConsistentUnderWrites) {
  const Key ahead{Collection::kLeases, "a"};
  const Key behind{Collection::kPlacements, "b"};
  ASSERT_TRUE(std::holds_alternative<Written>(store().TryWrite(CreationOf(ahead, {{"n", 0}}))));
  ASSERT_TRUE(std::holds_alternative<Written>(store().TryWrite(CreationOf(behind, {{"n", 0}}))));
  std::atomic<bool> done = false;
  ThreadPool writer({.name = "writer"});
  ASSERT_TRUE(writer.Post([&] {
    SeededRandom random(1);
    for (int i = 0; i < 300; ++i) {
      EXPECT_TRUE(Update(store(), random, ahead, Increment));
      EXPECT_TRUE(Update(store(), random, behind, Increment));
    }
    done = true;
  }));
  std::uint64_t last_revision = 0;
  while (!done) {
    const Collection asked[] = {Collection::kPlacements, Collection::kLeases};
    const Snapshot snapshot = store().Read(asked);
    ASSERT_EQ(snapshot.documents.size(), 2U);
    const std::int64_t lead =
        snapshot.documents[1]->body.at("n").as_int64() - snapshot.documents[0]->body.at("n").as_int64();
    EXPECT_TRUE(lead == 0 || lead == 1) << lead;
    EXPECT_GE(snapshot.revision, last_revision);
    EXPECT_GE(snapshot.revision, std::max(snapshot.documents[0]->revision, snapshot.documents[1]->revision));
    last_revision = snapshot.revision;
  }
  writer.Stop();
}

TEST_P(StoreContract, PartsFromManyThreads) {
  RunOnThreads(4, [this](int t) {
    const UploadId own("own" + std::to_string(t));
    for (std::uint32_t i = 0; i < 5; ++i) {
      EXPECT_TRUE(store().PutPart(UploadId("u"), i, "same"));
      EXPECT_TRUE(store().PutPart(own, i, "own"));
    }
    EXPECT_TRUE(store().RemoveUpload(own));
  });
  EXPECT_EQ(store().ListParts(UploadId("u"))->size(), 5U);
  EXPECT_EQ(store().ListUploads()->size(), 1U);
}

}  // namespace
}  // namespace mlnode::storage::testing
