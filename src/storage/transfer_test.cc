#include "storage/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"
#include "storage/testing/golden_document.h"

namespace mlnode::storage {
namespace {

using testing::FaultStore;
using ::testing::HasSubstr;
using testing::PartFault;
using testing::WriteFault;

class TransferTest : public ::testing::Test {
 protected:
  static void Put(Store& store, RandomSource& random, Collection collection, const std::string& id, int value) {
    const auto written = Update(store, random, {collection, id},
                                [&](json::object& body) -> Result<bool> {
                                  body["value"] = value;
                                  return true;
                                },
                                {.create_if_absent = true});
    ASSERT_TRUE(written);
  }
  void Fill() {
    Put(from_, random_, Collection::kModels, "m1", 1);
    Put(from_, random_, Collection::kPlans, "m1", 2);
    Put(from_, random_, Collection::kLeases, "n1", 3);
    ASSERT_TRUE(from_.PutPart(UploadId("u1"), 0, "zero"));
    ASSERT_TRUE(from_.PutPart(UploadId("u1"), 1, "one"));
  }
  Result<TransferReport> Run(const std::string& source = "source") {
    return Transfer(from_, to_, random_, {.source_id = source});
  }
  // `runs` is told which look it is and says whether somebody runs.
  Result<TransferReport> RunUnless(const std::function<bool(int look)>& runs) {
    int look = 0;
    const auto alone = [&]() -> Status {
      if (runs(++look)) return MakeError(Code::kFailedPrecondition, "somebody runs");
      return {};
    };
    return Transfer(from_, to_, random_, {.source_id = "source", .alone = alone});
  }
  static void Erase(Store& store, Collection collection, const std::string& id) {
    const auto document = store.Get({collection, id}).value();
    ASSERT_TRUE(Commit(
        store,
        {.key = document->key, .expect = Expect::Revision(document->revision), .body = std::nullopt, .nonce = 99}));
  }
  // Refused however often it is asked, the target is what it was, and the way out is named.
  void ExpectChanged(const std::string& source = "source") {
    for (int round = 0; round < 2; ++round) {
      const auto refused = Run(source);
      ASSERT_FALSE(refused) << round;
      EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
      EXPECT_THAT(refused.error().message, HasSubstr("--overwrite"));
      EXPECT_TRUE(CheckTransferred(under_));
    }
  }
  int ValueOf(Collection collection, const std::string& id) {
    const auto document = under_.Get({collection, id});
    return document ? static_cast<int>((*document)->body.at("value").as_int64()) : -1;
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  MemoryStore from_{clock_}, under_{clock_};
  FaultStore to_{under_};
};

TEST_F(TransferTest, CopiesWhatIsDurableAndNothingOfProcesses) {
  Fill();
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->documents_copied, 2U);
  EXPECT_EQ(report->parts_copied, 2U);
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), 1);
  EXPECT_EQ(ValueOf(Collection::kPlans, "m1"), 2);
  EXPECT_EQ(ValueOf(Collection::kLeases, "n1"), -1);
  EXPECT_EQ(under_.GetPart(UploadId("u1"), 1).value(), "one");
  EXPECT_TRUE(CheckTransferred(under_));
}

TEST_F(TransferTest, RunAgainItCopiesOnlyWhatChangedAndRemovesWhatIsGone) {
  Fill();
  ASSERT_TRUE(Run());
  Put(from_, random_, Collection::kModels, "m1", 7);
  Put(from_, random_, Collection::kModels, "m2", 8);
  ASSERT_TRUE(from_.RemoveUpload(UploadId("u1")));
  const auto plan = from_.Get({Collection::kPlans, "m1"}).value();
  ASSERT_TRUE(Commit(from_, {.key = plan->key, .expect = Expect::Revision(plan->revision), .body = {}, .nonce = 5}));
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->documents_copied, 2U);
  EXPECT_EQ(report->documents_removed, 1U);
  EXPECT_EQ(report->uploads_removed, 1U);
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), 7);
  EXPECT_EQ(ValueOf(Collection::kPlans, "m1"), -1);
}

// A restored cluster that served for a week, and the same restore once more.
TEST_F(TransferTest, WhatTheTargetAcknowledgedSinceIsNotErased) {
  Fill();
  ASSERT_TRUE(Run());
  Put(under_, random_, Collection::kModels, "later", 9);
  ASSERT_TRUE(under_.PutPart(UploadId("later"), 0, "bytes"));
  ExpectChanged();
  Put(from_, random_, Collection::kModels, "m1", 7);  // nor is it when the source has something new
  ExpectChanged();
  EXPECT_EQ(ValueOf(Collection::kModels, "later"), 9);
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), 1);
  EXPECT_EQ(under_.GetPart(UploadId("later"), 0).value(), "bytes");
}

TEST_F(TransferTest, AChangeAndARemovalInTheTargetCountLikeANewDocument) {
  Fill();
  ASSERT_TRUE(Run());
  Put(under_, random_, Collection::kPlans, "m1", 9);
  ExpectChanged();
  ASSERT_TRUE(Transfer(from_, to_, random_, {.source_id = "source", .overwrite = true}));
  Erase(under_, Collection::kModels, "m1");
  ExpectChanged();
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), -1);
}

TEST_F(TransferTest, ATargetThatWasWrittenToIsOverwrittenWhenToldSo) {
  Fill();
  ASSERT_TRUE(Run());
  Put(under_, random_, Collection::kModels, "later", 9);
  Put(under_, random_, Collection::kModels, "m1", 9);
  const auto report = Transfer(from_, to_, random_, {.source_id = "source", .overwrite = true});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->documents_removed, 1U);
  EXPECT_EQ(ValueOf(Collection::kModels, "later"), -1);
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), 1);
  EXPECT_TRUE(Run());  // nobody wrote since
}

TEST_F(TransferTest, OverwritingIsNotForWhatAnotherSourcePutThere) {
  Fill();
  ASSERT_TRUE(Run("first"));
  const auto refused = Transfer(from_, to_, random_, {.source_id = "second", .overwrite = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
}

// What a node writes of itself is no document that a transfer could undo.
TEST_F(TransferTest, ANodeThatOnlyRanInTheTargetChangedNothing) {
  Fill();
  ASSERT_TRUE(Run());
  Put(under_, random_, Collection::kLeases, "n2", 1);
  Put(under_, random_, Collection::kPlacements, "n2/m1", 1);
  Put(under_, random_, Collection::kMeta, "cluster", 1);
  Erase(under_, Collection::kLeases, "n2");
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->documents_same, 2U);
}

// Wherever it stops, the target says that it is unfinished, and the next run ends it. The first write is the claim, the
// second says that copying begins.
TEST_F(TransferTest, StoppedAtAnyWriteItIsRefusedAndGoesOn) {
  Fill();
  for (int nth = 2; nth <= 5; ++nth) {
    MemoryStore disk(clock_);
    FaultStore target(disk);
    target.FailWrite(nth, WriteFault::kUnavailable);
    ASSERT_FALSE(Transfer(from_, target, random_, {.source_id = "source"})) << nth;
    const Status unfinished = CheckTransferred(disk);
    ASSERT_FALSE(unfinished) << nth;
    EXPECT_EQ(unfinished.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(unfinished.error().message, HasSubstr("source"));
    const auto again = Transfer(from_, target, random_, {.source_id = "source"});
    ASSERT_TRUE(again) << nth << ": " << again.error().message;
    EXPECT_EQ(again->parts_same, nth == 2 ? 0U : 2U) << nth;
    EXPECT_TRUE(CheckTransferred(disk));
  }
}

TEST_F(TransferTest, WhereSomebodyRunsNothingIsWritten) {
  Fill();
  const auto refused = RunUnless([](int) { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "somebody runs");
  EXPECT_EQ(to_.writes(), 0U);
}

// The look that counts comes after the claim, which a node that starts would see.
TEST_F(TransferTest, WhoStartedBeforeTheClaimIsSeenAfterItAndKeepsAUsableStore) {
  Fill();
  const auto second_look = [&](int look) {
    EXPECT_EQ(CheckTransferred(under_).has_value(), look == 1);
    return look == 2;
  };
  ASSERT_FALSE(RunUnless(second_look));
  EXPECT_TRUE(CheckTransferred(under_));
  EXPECT_EQ(under_.Get({Collection::kMeta, "transfer"}).error().code, Code::kNotFound);
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), -1);

  ASSERT_TRUE(Run());
  const json::object complete = under_.Get({Collection::kMeta, "transfer"}).value()->body;
  ASSERT_FALSE(RunUnless(second_look));
  EXPECT_EQ(under_.Get({Collection::kMeta, "transfer"}).value()->body, complete);
  EXPECT_TRUE(Run());  // the claim and its end count as no change
}

TEST_F(TransferTest, WhatANodeWroteJustBeforeTheClaimIsNotErased) {
  Fill();
  const auto writes_and_stops = [&](int look) {
    if (look == 2) Put(under_, random_, Collection::kModels, "quick", 9);
    return false;
  };
  const auto refused = RunUnless(writes_and_stops);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("1 documents"));
  EXPECT_EQ(ValueOf(Collection::kModels, "quick"), 9);
  EXPECT_TRUE(CheckTransferred(under_));
}

// The claim of a process that died while it looked hides nothing of what was there before.
TEST_F(TransferTest, AClaimLeftByACrashIsJudgedByWhatWasThereBefore) {
  Fill();
  ASSERT_TRUE(Run());
  to_.FailWrite(2, WriteFault::kUnavailable);
  ASSERT_FALSE(Run());
  ASSERT_FALSE(CheckTransferred(under_));
  Put(under_, random_, Collection::kModels, "later", 9);  // by a node that has run since before the claim
  ExpectChanged();
  EXPECT_EQ(ValueOf(Collection::kModels, "later"), 9);
}

TEST_F(TransferTest, AClaimLeftInAnEmptyTargetIsTakenAwayByWhoeverIsRefused) {
  Fill();
  to_.FailWrite(2, WriteFault::kUnavailable);
  ASSERT_FALSE(Run("first"));
  Put(under_, random_, Collection::kModels, "later", 9);
  const auto refused = Run("second");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("use an empty target"));
  EXPECT_TRUE(CheckTransferred(under_));
  EXPECT_EQ(ValueOf(Collection::kModels, "later"), 9);
}

TEST_F(TransferTest, AnotherSourcesDataIsNotTouched) {
  Fill();
  Put(to_, random_, Collection::kModels, "other", 9);
  const auto refused = Run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("1 documents"));
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), -1);
  EXPECT_TRUE(CheckTransferred(under_));
}

TEST_F(TransferTest, AnUnfinishedTransferOfAnotherSourceStays) {
  Fill();
  to_.FailPart(1, PartFault::kDiskFull);
  ASSERT_FALSE(Run("first"));
  const auto refused = Run("second");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("first"));
}

TEST_F(TransferTest, APartThatWasNotKeptIsFound) {
  Fill();
  to_.set_tear([&](const UploadId& upload, std::uint32_t number) { ASSERT_TRUE(under_.TearPart(upload, number)); });
  to_.FailPart(1, PartFault::kTorn);
  const auto report = Run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kDataLoss);
}

// A source that others write to while it is copied.
class ChangingSourceTest : public TransferTest {
 protected:
  ChangingSourceTest() {
    Fill();
    source_.set_before_call([this](std::string_view call) {
      if (call != when_) return;
      when_ = {};
      change_();
    });
  }
  // Before the first call of that name.
  void When(std::string_view call, std::function<void()> change) {
    when_ = call;
    change_ = std::move(change);
  }
  void RemoveModel() {
    Erase(from_, Collection::kModels, "m1");
    ASSERT_TRUE(from_.RemoveUpload(UploadId("u1")));
  }
  // Each model needs both parts.
  Result<TransferReport> Copy() {
    const auto needs = [](const Document& document) -> NeededParts {
      if (document.key.collection != Collection::kModels) return {};
      return {.upload = UploadId("u1"), .numbers = {0, 1}};
    };
    return Transfer(source_, to_, random_, {.source_id = "source", .needs = needs});
  }
  void ExpectFails(Code code, const std::string& words) {
    const auto report = Copy();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, code);
    EXPECT_THAT(report.error().message, HasSubstr("models/m1"));
    EXPECT_THAT(report.error().message, HasSubstr(words));
    EXPECT_EQ(CheckTransferred(under_).error().code, Code::kFailedPrecondition) << "the target is not taken for whole";
  }

  FaultStore source_{from_};
  std::string_view when_;
  std::function<void()> change_;
};

TEST_F(ChangingSourceTest, AModelThatIsRemovedBeforeItsPartsAreListedIsNotHalfCopied) {
  When("ListUploads", [this] { RemoveModel(); });
  ExpectFails(Code::kUnavailable, "was changed while it was copied; run it again");
  const auto again = Copy();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(CheckTransferred(under_));
  EXPECT_EQ(ValueOf(Collection::kModels, "m1"), -1);
}

TEST_F(ChangingSourceTest, NorOneWhosePartsGoWhileTheyAreCopied) {
  When("GetPart", [this] { RemoveModel(); });
  ExpectFails(Code::kUnavailable, "run it again");
  EXPECT_TRUE(Copy());
}

TEST_F(ChangingSourceTest, NorOneThatIsMadeAnewMeanwhile) {
  When("ListUploads", [this] {
    RemoveModel();
    Put(from_, random_, Collection::kModels, "m1", 2);
  });
  ExpectFails(Code::kUnavailable, "run it again");
}

TEST_F(ChangingSourceTest, PartsThatNoDocumentNeedsMayGo) {
  ASSERT_TRUE(from_.PutPart(UploadId("nobodys"), 0, "bytes"));
  When("GetPart", [this] { ASSERT_TRUE(from_.RemoveUpload(UploadId("nobodys"))); });
  const auto report = Copy();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->parts_copied, 2U);
}

TEST_F(ChangingSourceTest, AModelThatLostAPartIsNamed) {
  ASSERT_TRUE(from_.RemoveUpload(UploadId("u1")));
  ASSERT_TRUE(from_.PutPart(UploadId("u1"), 0, "zero"));
  ExpectFails(Code::kDataLoss, "lost part 1");
  RemoveModel();
  EXPECT_TRUE(Copy());
}

TEST_F(ChangingSourceTest, WhetherItIsSoIsAskedOfTheAuthority) {
  When("GetFresh", [this] { source_.FailFreshReads(1); });
  ASSERT_TRUE(from_.RemoveUpload(UploadId("u1")));
  const auto report = Copy();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kUnavailable);
  EXPECT_THAT(report.error().message, ::testing::Not(HasSubstr("changed")));
}

// What was acknowledged before the call is copied, though this replica heard of it late.
TEST_F(ChangingSourceTest, CatchesUpBeforeItReads) {
  When("CatchUp", [this] { Put(from_, random_, Collection::kModels, "late", 5); });
  ASSERT_TRUE(Copy());
  EXPECT_EQ(ValueOf(Collection::kModels, "late"), 5);
}

// What docs/formats/meta.md says is what is written, and what is read: the target changed since.
TEST_F(TransferTest, ReadsAndWritesTheStoredForm) {
  const Document golden = testing::GoldenDocument({Collection::kMeta, "transfer"}, "transfer.1.json");
  const std::string source(golden.body.at("source").as_string());
  Fill();
  ASSERT_TRUE(Run(source));
  EXPECT_EQ(to_.Get(golden.key).value()->body, golden.body);
  EXPECT_TRUE(CheckTransferred(to_));
  Put(to_, random_, Collection::kModels, "m1", 4);
  ExpectChanged(source);
}

TEST_F(TransferTest, ProgressEndsAtTheTotals) {
  Fill();
  TransferProgress last;
  ASSERT_TRUE(
      Transfer(from_, to_, random_, {.source_id = "s", .progress = [&](const TransferProgress& now) { last = now; }}));
  EXPECT_EQ(last.parts, 2U);
  EXPECT_EQ(last.parts_total, 2U);
  EXPECT_EQ(last.documents, 2U);
  EXPECT_EQ(last.documents_total, 2U);
  EXPECT_EQ(last.bytes, 7U);
}

}  // namespace
}  // namespace mlnode::storage
