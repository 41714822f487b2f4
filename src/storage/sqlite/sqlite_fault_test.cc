// What the store makes of a disk that fails under SQLite (storage/testing/fault_vfs.h).
#include "core/testing/temp_dir.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/testing/fault_vfs.h"
#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

class SqliteFaultTest : public ::testing::Test {
 protected:
  SqliteFaultTest() {
    FaultVfs::Reset();
    auto store = SqliteStore::Open({.folder = dir_.path(), .sync = FileSync::kDurable, .vfs = FaultVfs::kName});
    if (!store) ADD_FAILURE() << store.error().message << " (" << store.error().detail << ")";
    store_ = std::move(store).value();
  }
  ~SqliteFaultTest() override { FaultVfs::Reset(); }

  WriteOutcome Create(const std::string& id) {
    return store_->TryWrite(
        {.key = ModelKey(id), .expect = Expect::Absent(), .body = json::object{{"n", 1}}, .nonce = ++nonce_});
  }
  static Code CodeIn(const WriteOutcome& outcome) {
    const auto* error = std::get_if<Error>(&outcome);
    if (error == nullptr) {
      ADD_FAILURE() << "outcome " << outcome.index();
      return Code::kInternal;
    }
    return error->code;
  }

  bool FoundAfterRestart(const std::string& id) {
    store_.reset();
    FaultVfs::Reset();
    auto again = SqliteStore::Open({.folder = dir_.path(), .sync = FileSync::kDurable, .vfs = {}});
    if (!again) ADD_FAILURE() << again.error().message;
    return again && (*again)->Get(ModelKey(id)).has_value();
  }

  mlnode::testing::TempDir dir_;
  std::unique_ptr<SqliteStore> store_;
  std::uint64_t nonce_ = 0;
};

TEST_F(SqliteFaultTest, AFullDiskLeavesNothingAndHeals) {
  ASSERT_TRUE(std::holds_alternative<Written>(Create("before")));
  FaultVfs::FailWrites(0);
  WriteOutcome outcome = Create("m1");
  EXPECT_FALSE(std::holds_alternative<Written>(outcome));
  FaultVfs::Reset();
  EXPECT_EQ(CodeOf(store_->GetFresh(ModelKey("m1"))), Code::kNotFound);
  EXPECT_TRUE(store_->Get(ModelKey("before")));
  EXPECT_TRUE(std::holds_alternative<Written>(Create("m1")));
}

TEST_F(SqliteFaultTest, AFullDiskForOneWriteIsSaidSo) {
  ASSERT_TRUE(std::holds_alternative<Written>(Create("before")));
  FaultVfs::FailWrites(0, 1);
  EXPECT_EQ(CodeIn(Create("m1")), Code::kResourceExhausted);
  EXPECT_EQ(CodeOf(store_->Get(ModelKey("m1"))), Code::kNotFound);
  EXPECT_TRUE(std::holds_alternative<Written>(Create("m1")));
}

// SQLite takes the commit back when it closes the log.
TEST_F(SqliteFaultTest, AFailedSyncAtCommitIsSettledAsNotWritten) {
  ASSERT_TRUE(std::holds_alternative<Written>(Create("before")));
  FaultVfs::FailSyncs(0, 1);
  EXPECT_EQ(CodeIn(Create("m1")), Code::kUnavailable);
  EXPECT_EQ(CodeOf(store_->Get(ModelKey("m1"))), Code::kNotFound);
  EXPECT_FALSE(FoundAfterRestart("m1"));
}

// The log cannot be closed either, so its bytes are found, and synced, when it is opened again.
TEST_F(SqliteFaultTest, AFailedSyncAtCommitIsSettledAsWritten) {
  ASSERT_TRUE(std::holds_alternative<Written>(Create("before")));
  FaultVfs::FailSyncs(0, 2);
  const WriteOutcome outcome = Create("m1");
  ASSERT_TRUE(std::holds_alternative<Written>(outcome)) << outcome.index();
  const auto found = store_->Get(ModelKey("m1"));
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->revision, std::get<Written>(outcome).revision);
  EXPECT_TRUE(FoundAfterRestart("m1"));
}

TEST_F(SqliteFaultTest, ADiskThatStaysBrokenIsUnknownThenUnavailable) {
  const WriteOutcome before = Create("before");
  FaultVfs::FailSyncs(0, FaultVfs::kForever);
  FaultVfs::FailOpens();
  const WriteOutcome outcome = Create("m1");
  ASSERT_TRUE(std::holds_alternative<Unknown>(outcome)) << outcome.index();
  EXPECT_TRUE(store_->Get(ModelKey("before"))) << "the replica still answers";
  EXPECT_EQ(CodeOf(store_->GetFresh(ModelKey("before"))), Code::kUnavailable);
  EXPECT_EQ(CodeOf(store_->Settle(ModelKey("m1"), nonce_)), Code::kUnavailable);
  EXPECT_EQ(CodeIn(Create("m2")), Code::kUnavailable);
  FaultVfs::Reset();
  const auto settled = store_->Settle(ModelKey("m1"), 2);
  ASSERT_TRUE(settled) << settled.error().message;
  EXPECT_EQ(settled->has_value(), store_->Get(ModelKey("m1")).has_value());
  const WriteOutcome after = Create("m2");
  ASSERT_TRUE(std::holds_alternative<Written>(after));
  EXPECT_GT(std::get<Written>(after).revision, std::get<Written>(before).revision);
}

TEST_F(SqliteFaultTest, ReopeningTellsWatchersToReadAgain) {
  mlnode::testing::ManualClock clock;
  mlnode::testing::ManualExecutor executor(clock);
  int resyncs = 0;
  const auto subscription = store_->Watch({Collection::kTasks}, executor, [&](const Change& change) {
    if (change.kind == Change::Kind::kResync) ++resyncs;
  });
  FaultVfs::FailSyncs(0, 1);
  (void)Create("m1");
  executor.RunUntilIdle();
  EXPECT_EQ(resyncs, 1);
}

TEST_F(SqliteFaultTest, EphemeralDocumentsSurviveReopeningWithinTheProcess) {
  const Key lease{Collection::kLeases, "n1"};
  ASSERT_TRUE(Commit(*store_, {.key = lease, .expect = Expect::Absent(), .body = json::object(), .nonce = 50}));
  FaultVfs::FailSyncs(0, 1);
  (void)Create("m1");
  EXPECT_TRUE(store_->Get(lease));
}

TEST_F(SqliteFaultTest, EphemeralWritesNeedNoDisk) {
  ASSERT_TRUE(std::holds_alternative<Written>(Create("m1")));  // reserves revisions
  FaultVfs::FailWrites(0);
  FaultVfs::FailSyncs(0, FaultVfs::kForever);
  EXPECT_TRUE(Commit(
      *store_, {.key = {Collection::kLeases, "n1"}, .expect = Expect::Absent(), .body = json::object(), .nonce = 50}));
}

}  // namespace
}  // namespace mlnode::storage::testing
