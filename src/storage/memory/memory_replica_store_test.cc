#include "storage/memory/memory_replica_store.h"

#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

using mlnode::testing::ManualClock;
using mlnode::testing::ManualExecutor;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ReplicaHarness final : public StoreHarness {
 public:
  Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    authority_.Restart();
    store_ = std::make_unique<MemoryReplicaStore>(authority_, executor_);
  }
  void TearPart(const UploadId& upload, std::uint32_t number) override {
    EXPECT_TRUE(authority_.TearPart(upload, number));
  }

 private:
  ManualClock clock_;
  ManualExecutor executor_{clock_};
  MemoryAuthority authority_{clock_};
  std::unique_ptr<MemoryReplicaStore> store_ = std::make_unique<MemoryReplicaStore>(authority_, executor_);
};

const StoreKind kReplica{"replica", [] { return std::make_unique<ReplicaHarness>(); }};
INSTANTIATE_TEST_SUITE_P(MemoryReplica, StoreContract, ::testing::Values(kReplica), StoreKindName);
INSTANTIATE_TEST_SUITE_P(MemoryReplica, WatchContract, ::testing::Values(kReplica), StoreKindName);

class MemoryReplicaStoreTest : public ::testing::Test {
 protected:
  static constexpr milliseconds kDelay{5};

  std::unique_ptr<MemoryReplicaStore> Open() {
    return std::make_unique<MemoryReplicaStore>(authority_, executor_, [] { return Duration(kDelay); });
  }
  WriteOutcome Create(Store& store, const std::string& id, int n = 0) {
    return store.TryWrite({.key = ModelKey(id),
                           .expect = Expect::Absent(),
                           .body = json::object{{"n", n}, {"name", "x"}},
                           .nonce = ++nonce_});
  }
  std::uint64_t Do(const WriteOutcome& outcome) {
    const auto* written = std::get_if<Written>(&outcome);
    EXPECT_NE(written, nullptr);
    return written != nullptr ? written->revision : 0;
  }
  static Code RefusalOf(const WriteOutcome& outcome) {
    const auto* error = std::get_if<Error>(&outcome);
    EXPECT_NE(error, nullptr);
    return error != nullptr ? error->code : Code::kInternal;
  }
  static std::vector<std::string> Ids(const Store& store) {
    const Collection asked[] = {Collection::kModels};
    return IdsOf(store.Read(asked).documents);
  }
  std::unique_ptr<Subscription> Listen(Store& store) {
    return store.Watch({Collection::kModels}, executor_, [this](const Change& change) {
      told_.push_back(change.kind == Change::Kind::kResync ? "resync" : change.key.id);
    });
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  MemoryAuthority authority_{clock_};
  std::unique_ptr<MemoryReplicaStore> a_ = Open(), b_ = Open();
  std::vector<std::string> told_;
  std::uint64_t nonce_ = 0;
};

TEST_F(MemoryReplicaStoreTest, AWriteIsReadAtOnceByItsWriterAndLaterByOthers) {
  Do(Create(*a_, "m1"));
  EXPECT_THAT(Ids(*a_), ElementsAre("m1"));
  EXPECT_THAT(Ids(*b_), IsEmpty());
  EXPECT_THAT(b_->Find(Collection::kModels, "name", "x"), IsEmpty());
  EXPECT_EQ(CodeOf(b_->Get(ModelKey("m1"))), Code::kNotFound);
  EXPECT_TRUE(b_->GetFresh(ModelKey("m1")));
  EXPECT_TRUE(b_->Following());
  executor_.RunFor(kDelay - milliseconds(1));
  EXPECT_THAT(Ids(*b_), IsEmpty());
  executor_.RunFor(milliseconds(1));
  EXPECT_THAT(Ids(*b_), ElementsAre("m1"));
  EXPECT_THAT(IdsOf(b_->Find(Collection::kModels, "name", "x")), ElementsAre("m1"));
  EXPECT_EQ(b_->delivered(), 1U);
}

TEST_F(MemoryReplicaStoreTest, AWriteBringsItsReplicaAllThatCameBefore) {
  Do(Create(*a_, "m1"));
  Do(Create(*b_, "m2"));
  EXPECT_THAT(Ids(*b_), ElementsAre("m1", "m2"));
  EXPECT_THAT(Ids(*a_), ElementsAre("m1"));
}

TEST_F(MemoryReplicaStoreTest, WhatIsWrittenAfterADeliveryWasSentComesWithTheNext) {
  Do(Create(*a_, "m1"));
  executor_.RunFor(milliseconds(3));
  Do(Create(*a_, "m2"));
  executor_.RunFor(milliseconds(2));
  EXPECT_THAT(Ids(*b_), ElementsAre("m1")) << "a prefix of what was written";
  executor_.RunFor(kDelay);
  EXPECT_THAT(Ids(*b_), ElementsAre("m1", "m2"));
}

TEST_F(MemoryReplicaStoreTest, AStaleBaseIsAConflict) {
  const std::uint64_t first = Do(Create(*a_, "m1"));
  executor_.RunFor(kDelay);
  Do(a_->TryWrite({.key = ModelKey("m1"), .expect = Expect::Revision(first), .body = json::object{}, .nonce = 10}));
  const WriteOutcome late =
      b_->TryWrite({.key = ModelKey("m1"), .expect = Expect::Revision(first), .body = json::object{}, .nonce = 11});
  EXPECT_EQ(RefusalOf(late), Code::kConflict);
}

TEST_F(MemoryReplicaStoreTest, NoticesComeWithTheDelivery) {
  const auto subscription = Listen(*b_);
  Do(Create(*a_, "m1"));
  executor_.RunFor(kDelay - milliseconds(1));
  EXPECT_THAT(told_, IsEmpty());
  executor_.RunFor(milliseconds(1));
  EXPECT_THAT(told_, ElementsAre("m1"));
}

TEST_F(MemoryReplicaStoreTest, CutOffItReadsOnAndHearsAndWritesNothing) {
  Do(Create(*a_, "m1"));
  b_->CutOff();  // the delivery that is on its way is lost
  Do(Create(*a_, "m2"));
  executor_.RunFor(std::chrono::seconds(10));
  EXPECT_THAT(Ids(*b_), IsEmpty());
  EXPECT_FALSE(b_->Following());
  EXPECT_TRUE(a_->Following());
  EXPECT_EQ(RefusalOf(Create(*b_, "m3")), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->GetFresh(ModelKey("m1"))), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->CatchUp(std::chrono::seconds(1))), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->Settle(ModelKey("m1"), 1)), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->PutPart(UploadId("u"), 0, "x")), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->GetPart(UploadId("u"), 0)), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->ListParts(UploadId("u"))), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->ListUploads()), Code::kUnavailable);
  EXPECT_EQ(CodeOf(b_->RemoveUpload(UploadId("u"))), Code::kUnavailable);
  EXPECT_EQ(CodeOf(authority_.Get(ModelKey("m3"))), Code::kNotFound);
}

TEST_F(MemoryReplicaStoreTest, HealedItFollowsOnceItHasCaughtUpByTheLog) {
  const auto subscription = Listen(*b_);
  b_->CutOff();
  Do(Create(*a_, "m1"));
  Do(Create(*a_, "m2"));
  b_->Heal();
  EXPECT_FALSE(b_->Following()) << "it has not heard yet what it missed";
  Do(Create(*b_, "m3"));
  EXPECT_THAT(Ids(*b_), IsEmpty()) << "its own write waits for what it missed";
  executor_.RunFor(kDelay);
  EXPECT_TRUE(b_->Following());
  EXPECT_THAT(Ids(*b_), ElementsAre("m1", "m2", "m3"));
  EXPECT_THAT(told_, ElementsAre("m1", "m2", "m3"));
  b_->Heal();
  EXPECT_TRUE(b_->Following()) << "healing what is whole does nothing";
}

TEST_F(MemoryReplicaStoreTest, AfterAGapTooLongAllIsReadAnewAndTold) {
  const auto subscription = Listen(*b_);
  const std::uint64_t first = Do(Create(*a_, "m1"));
  executor_.RunFor(kDelay);
  told_.clear();
  b_->CutOff();
  Do(a_->TryWrite({.key = ModelKey("m1"), .expect = Expect::Revision(first), .body = std::nullopt, .nonce = 10}));
  Do(Create(*a_, "m2"));
  b_->Heal(MemoryReplicaStore::Gap::kTooLong);
  executor_.RunFor(kDelay);
  EXPECT_TRUE(b_->Following());
  EXPECT_THAT(Ids(*b_), ElementsAre("m2"));
  EXPECT_THAT(IdsOf(b_->Find(Collection::kModels, "name", "x")), ElementsAre("m2"));
  EXPECT_THAT(told_, ElementsAre("resync"));
  Do(Create(*a_, "m3"));
  executor_.RunFor(kDelay);
  EXPECT_THAT(Ids(*b_), ElementsAre("m2", "m3")) << "it goes on from there";
}

TEST_F(MemoryReplicaStoreTest, TheLogIsBoundedAndWhoComesLaterReadsAnew) {
  const auto subscription = Listen(*b_);
  b_->CutOff();
  for (std::size_t i = 0; i < 2 * MemoryAuthority::kLogKept + 10; ++i) Do(Create(*a_, "m" + std::to_string(i)));
  EXPECT_EQ(authority_.LogAfter(0, authority_.newest()), std::nullopt);
  b_->Heal();
  executor_.RunFor(kDelay);
  EXPECT_EQ(Ids(*b_), Ids(*a_));
  EXPECT_THAT(told_, ElementsAre("resync"));
}

TEST_F(MemoryReplicaStoreTest, TheLogKeepsWhatAFollowerHasNotTaken) {
  const auto subscription = Listen(*b_);
  for (std::size_t i = 0; i < 2 * MemoryAuthority::kLogKept + 10; ++i) Do(Create(*a_, "m" + std::to_string(i)));
  executor_.RunFor(2 * kDelay);
  EXPECT_EQ(Ids(*b_), Ids(*a_));
  EXPECT_EQ(told_.size(), 2 * MemoryAuthority::kLogKept + 10) << "each was told, no resync";
}

TEST_F(MemoryReplicaStoreTest, CatchUpTakesAllAtOnce) {
  Do(Create(*a_, "m1"));
  EXPECT_TRUE(b_->CatchUp(std::chrono::seconds(1)));
  EXPECT_THAT(Ids(*b_), ElementsAre("m1"));
  b_->CutOff();
  Do(Create(*a_, "m2"));
  b_->Heal();
  EXPECT_TRUE(b_->CatchUp(std::chrono::seconds(1)));
  EXPECT_TRUE(b_->Following());
  EXPECT_THAT(Ids(*b_), ElementsAre("m1", "m2"));
}

TEST_F(MemoryReplicaStoreTest, NobodyFollowsWhileTheAuthorityIsDown) {
  Do(Create(*a_, "m1"));
  authority_.SetDown(true);
  executor_.RunFor(std::chrono::seconds(1));
  EXPECT_FALSE(a_->Following());
  EXPECT_FALSE(b_->Following());
  EXPECT_THAT(Ids(*b_), IsEmpty());
  EXPECT_EQ(RefusalOf(Create(*a_, "m2")), Code::kUnavailable);
  authority_.SetDown(false);
  EXPECT_FALSE(b_->Following());
  executor_.RunFor(kDelay);
  EXPECT_TRUE(a_->Following());
  EXPECT_TRUE(b_->Following());
  EXPECT_THAT(Ids(*b_), ElementsAre("m1"));
}

TEST_F(MemoryReplicaStoreTest, AReplicaThatOpensWhileTheAuthorityIsDownFollowsLater) {
  Do(Create(*a_, "m1"));
  authority_.SetDown(true);
  const auto late = Open();
  EXPECT_FALSE(late->Following());
  authority_.SetDown(false);
  executor_.RunFor(kDelay);
  EXPECT_TRUE(late->Following());
  EXPECT_THAT(Ids(*late), ElementsAre("m1"));
}

TEST_F(MemoryReplicaStoreTest, ALostAnswerIsUnknownAndSettled) {
  a_->LoseAnswer(2, MemoryReplicaStore::LostAnswer::kWritten);
  Do(Create(*a_, "m1"));
  EXPECT_TRUE(std::holds_alternative<Unknown>(Create(*a_, "m2")));
  EXPECT_THAT(Ids(*a_), ElementsAre("m1")) << "its echo comes when it comes";
  EXPECT_TRUE(a_->Settle(ModelKey("m2"), nonce_)->has_value());
  executor_.RunFor(2 * kDelay);
  EXPECT_THAT(Ids(*a_), ElementsAre("m1", "m2"));

  a_->LoseAnswer(1, MemoryReplicaStore::LostAnswer::kNotWritten);
  EXPECT_TRUE(std::holds_alternative<Unknown>(Create(*a_, "m3")));
  EXPECT_FALSE(a_->Settle(ModelKey("m3"), nonce_)->has_value());
  EXPECT_EQ(CodeOf(authority_.Get(ModelKey("m3"))), Code::kNotFound);
  Do(Create(*a_, "m3"));
}

TEST_F(MemoryReplicaStoreTest, PartsLiveAtTheAuthority) {
  ASSERT_TRUE(a_->PutPart(UploadId("u"), 0, "x"));
  EXPECT_EQ(*b_->GetPart(UploadId("u"), 0), "x");
}

TEST_F(MemoryReplicaStoreTest, ADeliveryThatOutlivesItsProcessIsNothing) {
  Do(Create(*a_, "m1"));
  b_.reset();
  executor_.RunFor(kDelay);
  EXPECT_THAT(Ids(*a_), ElementsAre("m1"));
}

}  // namespace
}  // namespace mlnode::storage::testing
