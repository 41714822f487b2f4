#include "storage/testing/fault_store.h"

#include "storage/memory/memory_store.h"
#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

using mlnode::testing::SeededRandom;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FaultHarness final : public StoreHarness {
 public:
  Store& store() override { return faults_; }
  void Reopen() override { under_.Restart(); }
  void TearPart(const UploadId& upload, std::uint32_t number) override { EXPECT_TRUE(under_.TearPart(upload, number)); }

 private:
  mlnode::testing::ManualClock clock_;
  MemoryStore under_{clock_};
  FaultStore faults_{under_};
};

const StoreKind kFaultless{"faultless", [] { return std::make_unique<FaultHarness>(); }};
INSTANTIATE_TEST_SUITE_P(Faultless, StoreContract, ::testing::Values(kFaultless), StoreKindName);
INSTANTIATE_TEST_SUITE_P(Faultless, WatchContract, ::testing::Values(kFaultless), StoreKindName);

// Also the tests of Commit and Update (storage/store.h), which need faults.
class FaultStoreTest : public ::testing::Test {
 protected:
  Write Creation(std::int64_t n = 1) {
    return {.key = kKey, .expect = Expect::Absent(), .body = json::object{{"n", n}}, .nonce = ++nonce_};
  }
  std::int64_t Stored() { return (*store_.Get(kKey))->body.at("n").as_int64(); }

  const Key kKey = ModelKey("m1");
  std::uint64_t nonce_ = 0;
  mlnode::testing::ManualClock clock_;
  MemoryStore under_{clock_};
  FaultStore store_{under_};
  SeededRandom random_{1};
};

TEST_F(FaultStoreTest, CommitReturnsARefusalAsItIs) {
  store_.FailWrite(1, WriteFault::kDiskFull);
  EXPECT_EQ(CodeOf(Commit(store_, Creation())), Code::kResourceExhausted);
  store_.FailWrite(1, WriteFault::kUnavailable);
  EXPECT_EQ(CodeOf(Commit(store_, Creation())), Code::kUnavailable);
  EXPECT_EQ(CodeOf(store_.Get(kKey)), Code::kNotFound);
  EXPECT_EQ(store_.writes(), 2U);
}

TEST_F(FaultStoreTest, ForgottenFaultsDoNotCome) {
  store_.FailWrite(1, WriteFault::kDiskFull);
  store_.FailPart(1, PartFault::kDiskFull);
  store_.FailFreshReads(1);
  store_.ForgetFaults();
  EXPECT_TRUE(Commit(store_, Creation()));
  EXPECT_TRUE(store_.PutPart(UploadId("u"), 0, "x"));
  EXPECT_TRUE(store_.GetFresh(kKey));
}

TEST_F(FaultStoreTest, CommitSettlesALostAnswer) {
  store_.FailWrite(1, WriteFault::kLostDone);
  const auto written = Commit(store_, Creation());
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->revision, (*store_.Get(kKey))->revision);
  EXPECT_EQ(store_.writes(), 1U);
}

TEST_F(FaultStoreTest, CommitTriesALostWriteAgain) {
  store_.FailWrite(1, WriteFault::kLostNotDone);
  const auto written = Commit(store_, Creation());
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(store_.writes(), 2U);
  EXPECT_EQ(Stored(), 1);
}

TEST_F(FaultStoreTest, CommitSettlesALostRemoval) {
  const auto created = Commit(store_, Creation());
  ASSERT_TRUE(created);
  store_.FailWrite(1, WriteFault::kLostDone);
  const auto removed = Commit(
      store_, {.key = kKey, .expect = Expect::Revision(created->revision), .body = std::nullopt, .nonce = ++nonce_});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->version, 2U);
}

TEST_F(FaultStoreTest, CommitThatCannotReadBackSaysSo) {
  store_.FailWrite(1, WriteFault::kLostDone);
  store_.FailFreshReads(100);
  const auto written = Commit(store_, Creation());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kUnavailable);
  EXPECT_THAT(written.error().message, HasSubstr("models/m1"));
  EXPECT_TRUE(written.error().retry_after);
  EXPECT_LE(store_.writes(), 4U);
}

// The write happened, its answer was lost, and somebody else changed the document before it could be read back: neither
// "conflict" nor "done" would be honest.
TEST_F(FaultStoreTest, CommitOverwrittenBeforeItWasSettledIsUnavailable) {
  store_.FailWrite(1, WriteFault::kLostDone);
  bool overwritten = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "Settle" || std::exchange(overwritten, true)) return;
    const auto now = under_.Get(kKey);
    ASSERT_TRUE(now);
    ASSERT_TRUE(Commit(under_, {.key = kKey,
                                .expect = Expect::Revision((*now)->revision),
                                .body = json::object{{"n", 9}},
                                .nonce = ++nonce_}));
  });
  EXPECT_EQ(CodeOf(Commit(store_, Creation())), Code::kUnavailable);
  EXPECT_EQ(Stored(), 9);
}

TEST_F(FaultStoreTest, UpdateReadsAgainAfterAConflict) {
  ASSERT_TRUE(Commit(store_, Creation(1)));
  bool interfered = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "TryWrite" || std::exchange(interfered, true)) return;
    ASSERT_TRUE(Update(under_, random_, kKey, [](json::object& body) -> Result<bool> {
      body["n"] = 10;
      return true;
    }));
  });
  int runs = 0;
  const auto updated = Update(store_, random_, kKey, [&](json::object& body) -> Result<bool> {
    ++runs;
    body["n"] = body["n"].as_int64() + 1;
    return true;
  });
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Stored(), 11);
  EXPECT_EQ(updated->body.at("n"), 11);
  EXPECT_EQ(updated->written.version, 3U);
}

TEST_F(FaultStoreTest, UpdateGivesUpAfterSixteenConflicts) {
  ASSERT_TRUE(Commit(store_, Creation(1)));
  store_.set_before_call([&](std::string_view call) {
    if (call != "TryWrite") return;
    const auto now = under_.Get(kKey);
    ASSERT_TRUE(Commit(under_, {.key = kKey,
                                .expect = Expect::Revision((*now)->revision),
                                .body = json::object{{"n", 0}},
                                .nonce = ++nonce_}));
  });
  const std::uint64_t before = store_.writes();
  const auto updated = Update(store_, random_, kKey, [](json::object&) -> Result<bool> { return true; });
  EXPECT_EQ(CodeOf(updated), Code::kConflict);
  EXPECT_EQ(store_.writes() - before, 16U);
}

TEST_F(FaultStoreTest, UpdateLeavesAloneWhatItIsToldTo) {
  const auto created = Commit(store_, Creation(5));
  const auto updated = Update(store_, random_, kKey, [](json::object& body) -> Result<bool> {
    body["n"] = 6;
    return false;
  });
  ASSERT_TRUE(updated);
  EXPECT_FALSE(updated->changed);
  EXPECT_EQ(updated->written.revision, created->revision);
  EXPECT_EQ(Stored(), 5);
  const auto refused = Update(store_, random_, kKey,
                              [](json::object&) -> Result<bool> { return MakeError(Code::kFailedPrecondition, "no"); });
  EXPECT_EQ(CodeOf(refused), Code::kFailedPrecondition);
}

TEST_F(FaultStoreTest, UpdateOfAnAbsentDocument) {
  const auto touch = [](json::object& body) -> Result<bool> {
    body["n"] = 1;
    return true;
  };
  EXPECT_EQ(CodeOf(Update(store_, random_, kKey, touch)), Code::kNotFound);
  const auto created = Update(store_, random_, kKey, touch, {.create_if_absent = true});
  ASSERT_TRUE(created);
  EXPECT_EQ(created->written.version, 1U);
}

TEST_F(FaultStoreTest, PartFaults) {
  const UploadId upload("u");
  store_.set_tear([&](const UploadId& id, std::uint32_t number) { EXPECT_TRUE(under_.TearPart(id, number)); });
  store_.FailPart(1, PartFault::kDiskFull);
  store_.FailPart(2, PartFault::kSyncFailed);
  store_.FailPart(3, PartFault::kTorn);
  EXPECT_EQ(CodeOf(store_.PutPart(upload, 0, "bytes")), Code::kResourceExhausted);
  EXPECT_EQ(CodeOf(store_.PutPart(upload, 0, "bytes")), Code::kUnavailable);
  EXPECT_EQ(CodeOf(store_.GetPart(upload, 0)), Code::kNotFound);
  EXPECT_TRUE(store_.PutPart(upload, 0, "bytes"));
  EXPECT_EQ(CodeOf(store_.GetPart(upload, 0)), Code::kDataLoss);
  EXPECT_TRUE(store_.PutPart(upload, 0, "bytes"));
  EXPECT_EQ(*store_.GetPart(upload, 0), "bytes");
  EXPECT_EQ(store_.parts(), 4U);
}

TEST_F(FaultStoreTest, NothingReachesASeveredStore) {
  const auto created = Commit(store_, Creation(1));
  ASSERT_TRUE(created);
  store_.Sever();
  Write change = Creation(2);
  change.expect = Expect::Revision(created->revision);
  EXPECT_EQ(CodeOf(Commit(store_, change)), Code::kUnavailable);
  EXPECT_EQ(CodeOf(store_.PutPart(UploadId("u"), 0, "x")), Code::kUnavailable);
  EXPECT_EQ(CodeOf(store_.RemoveUpload(UploadId("u"))), Code::kUnavailable);
  EXPECT_EQ(CodeOf(store_.GetFresh(kKey)), Code::kUnavailable);
  EXPECT_EQ(Stored(), 1);
  store_.Reconnect();
  EXPECT_TRUE(Commit(store_, change));
}

TEST_F(FaultStoreTest, TheHookRunsInsideCallsAndEndsItsNesting) {
  std::vector<std::string> calls;
  store_.set_before_call([&](std::string_view call) {
    calls.emplace_back(call);
    (void)store_.Get(kKey);
  });
  (void)store_.TryWrite(Creation());
  EXPECT_THAT(calls, ElementsAre("TryWrite", "Get", "Get", "Get"));
}

}  // namespace
}  // namespace mlnode::storage::testing
