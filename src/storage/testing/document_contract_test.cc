#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_P(StoreContract, ReadsWhatWasWritten) {
  const json::object body = {{"name", "a"}, {"size", 7}, {"share", 0.25}, {"nested", {{"list", {1, 2}}}}};
  const Written written = Do(CreationOf(ModelKey("m1"), body));
  const Result<DocumentPtr> found = store().Get(ModelKey("m1"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ((*found)->key, ModelKey("m1"));
  EXPECT_EQ((*found)->body, body);
  EXPECT_EQ((*found)->revision, written.revision);
  EXPECT_EQ((*found)->version, 1U);
  const Result<DocumentPtr> fresh = store().GetFresh(ModelKey("m1"));
  ASSERT_TRUE(fresh);
  EXPECT_EQ((*fresh)->body, body);
}

TEST_P(StoreContract, AbsentIsNotFound) {
  EXPECT_EQ(CodeOf(store().Get(ModelKey("m1"))), Code::kNotFound);
  EXPECT_EQ(CodeOf(store().GetFresh(ModelKey("m1"))), Code::kNotFound);
}

TEST_P(StoreContract, SameIdInTwoCollectionsAreTwoDocuments) {
  Do(CreationOf({Collection::kModels, "x"}, {{"name", "model"}}));
  Do(CreationOf({Collection::kTasks, "x"}, {{"state", "CREATED"}}));
  EXPECT_EQ((*store().Get({Collection::kModels, "x"}))->body.at("name"), "model");
  EXPECT_EQ((*store().Get({Collection::kTasks, "x"}))->body.at("state"), "CREATED");
}

TEST_P(StoreContract, CreatesOnlyWhatIsAbsent) {
  Do(CreationOf(ModelKey("m1"), {{"name", "first"}}));
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey("m1"), {{"name", "second"}})), Code::kConflict);
  EXPECT_EQ((*store().Get(ModelKey("m1")))->body.at("name"), "first");
}

TEST_P(StoreContract, SwapsOnlyTheExpectedRevision) {
  const Written first = Do(CreationOf(ModelKey("m1"), {{"n", 1}}));
  const Written second = Do(ChangeOf(ModelKey("m1"), first.revision, {{"n", 2}}));
  EXPECT_GT(second.revision, first.revision);
  EXPECT_EQ(second.version, 2U);
  EXPECT_EQ(RefusalOf(ChangeOf(ModelKey("m1"), first.revision, {{"n", 3}})), Code::kConflict);
  EXPECT_EQ(RefusalOf(RemovalOf(ModelKey("m1"), first.revision)), Code::kConflict);
  EXPECT_EQ(RefusalOf(ChangeOf(ModelKey("absent"), second.revision, {{"n", 3}})), Code::kConflict);
  EXPECT_EQ((*store().Get(ModelKey("m1")))->body.at("n"), 2);
}

TEST_P(StoreContract, RemovesAndCountsVersionsAnew) {
  const Written created = Do(CreationOf(ModelKey("m1"), {{"n", 1}}));
  const Written removed = Do(RemovalOf(ModelKey("m1"), created.revision));
  EXPECT_GT(removed.revision, created.revision);
  EXPECT_EQ(removed.version, 2U);
  EXPECT_EQ(CodeOf(store().Get(ModelKey("m1"))), Code::kNotFound);
  EXPECT_EQ(RefusalOf(RemovalOf(ModelKey("m1"), removed.revision)), Code::kConflict);
  const Written again = Do(CreationOf(ModelKey("m1"), {{"n", 2}}));
  EXPECT_GT(again.revision, removed.revision);
  EXPECT_EQ(again.version, 1U);
}

TEST_P(StoreContract, RefusesBadKeys) {
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey(""), {})), Code::kInvalidArgument);
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey(std::string(641, 'x')), {})), Code::kInvalidArgument);
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey("a\nb"), {})), Code::kInvalidArgument);
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey(std::string("a\0b", 3)), {})), Code::kInvalidArgument);
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey("a\xFF"), {})), Code::kInvalidArgument);
  Do(CreationOf(ModelKey(std::string(640, 'x')), {}));
  Do(CreationOf(ModelKey("node/größe 1%"), {}));
  EXPECT_TRUE(store().Get(ModelKey("node/größe 1%")));
}

TEST_P(StoreContract, RefusesARemovalOfWhatIsAbsent) {
  const Write write{.key = ModelKey("m1"), .expect = Expect::Absent(), .body = {}, .nonce = 1};
  EXPECT_EQ(RefusalOf(write), Code::kInvalidArgument);
}

TEST_P(StoreContract, SizeLimitNamesFieldAndLimit) {
  const std::string overhead = R"({"name":"m","config":""})";
  const std::string fits(kMaxDocumentBytes - overhead.size(), 'x');
  Do(CreationOf(ModelKey("fits"), {{"name", "m"}, {"config", fits}}));
  WriteOutcome outcome = store().TryWrite(CreationOf(ModelKey("m1"), {{"name", "m"}, {"config", fits + "x"}}));
  const auto* error = std::get_if<Error>(&outcome);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, Code::kTooLarge);
  EXPECT_THAT(error->message, HasSubstr("models/m1"));
  EXPECT_THAT(error->message, HasSubstr("[config]"));
  EXPECT_THAT(error->message, HasSubstr("524288"));
  EXPECT_EQ(CodeOf(store().Get(ModelKey("m1"))), Code::kNotFound);
}

TEST_P(StoreContract, RefusesWhatCouldNotBeReadBack) {
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey("m1"), {{"name", "\xFF"}})), Code::kInvalidArgument);
  json::value deep = 1;
  for (std::size_t i = 0; i <= kMaxJsonDepth; ++i) deep = json::object{{"d", deep}};
  EXPECT_EQ(RefusalOf(CreationOf(ModelKey("m1"), deep.as_object())), Code::kInvalidArgument);
}

TEST_P(StoreContract, FindsByIndexedField) {
  const Written b = Do(CreationOf(ModelKey("b"), {{"name", "x"}, {"model_group_id", "g1"}}));
  Do(CreationOf(ModelKey("a"), {{"name", "y"}, {"model_group_id", "g1"}}));
  Do(CreationOf(ModelKey("c"), {{"name", "x"}, {"model_group_id", 5}}));
  EXPECT_THAT(IdsOf(store().Find(Collection::kModels, "model_group_id", "g1")), ElementsAre("a", "b"));
  EXPECT_THAT(IdsOf(store().Find(Collection::kModels, "name", "x")), ElementsAre("b", "c"));
  EXPECT_THAT(store().Find(Collection::kModels, "name", "z"), IsEmpty());
  EXPECT_THAT(store().Find(Collection::kTasks, "state", "n"), IsEmpty());

  const Written changed = Do(ChangeOf(ModelKey("b"), b.revision, {{"name", "z"}}));
  EXPECT_THAT(IdsOf(store().Find(Collection::kModels, "model_group_id", "g1")), ElementsAre("a"));
  EXPECT_THAT(IdsOf(store().Find(Collection::kModels, "name", "z")), ElementsAre("b"));
  Do(RemovalOf(ModelKey("b"), changed.revision));
  EXPECT_THAT(store().Find(Collection::kModels, "name", "z"), IsEmpty());
}

TEST_P(StoreContract, FindsByTheHeadOfIds) {
  for (const char* id : {"n1/b", "n1/a", "n10/a", "n1", "n2/a"}) Do(CreationOf({Collection::kPlacements, id}, {}));
  Do(CreationOf(ModelKey("n1/c"), {}));
  EXPECT_THAT(IdsOf(store().FindUnder(Collection::kPlacements, "n1/")), ElementsAre("n1/a", "n1/b"));
  EXPECT_THAT(IdsOf(store().FindUnder(Collection::kPlacements, "n2")), ElementsAre("n2/a"));
  EXPECT_THAT(store().FindUnder(Collection::kPlacements, "n3/"), IsEmpty());
}

TEST_P(StoreContract, ReadsCollectionsInTheOrderAsked) {
  Do(CreationOf(ModelKey("m2"), {}));
  Do(CreationOf(ModelKey("m1"), {}));
  Do(CreationOf({Collection::kTasks, "t1"}, {}));
  const Written last = Do(CreationOf({Collection::kPlans, "p1"}, {}));
  const Collection asked[] = {Collection::kTasks, Collection::kModels};
  const Snapshot snapshot = store().Read(asked);
  EXPECT_THAT(IdsOf(snapshot.documents), ElementsAre("t1", "m1", "m2"));
  EXPECT_EQ(snapshot.revision, last.revision);
}

TEST_P(StoreContract, SnapshotKeepsWhatItSaw) {
  const Written first = Do(CreationOf(ModelKey("m1"), {{"n", 1}}));
  const Collection asked[] = {Collection::kModels};
  const Snapshot snapshot = store().Read(asked);
  Do(ChangeOf(ModelKey("m1"), first.revision, {{"n", 2}}));
  EXPECT_EQ(snapshot.documents.at(0)->body.at("n"), 1);
}

TEST_P(StoreContract, SettlesTheNewestWriteOnly) {
  const Write creation = CreationOf(ModelKey("m1"), {{"n", 1}});
  EXPECT_EQ(*store().Settle(ModelKey("m1"), creation.nonce), std::nullopt);
  const Written created = Do(creation);
  const auto settled = store().Settle(ModelKey("m1"), creation.nonce);
  ASSERT_TRUE(settled && settled->has_value());
  EXPECT_EQ((*settled)->revision, created.revision);
  EXPECT_EQ((*settled)->version, 1U);
  const Write change = ChangeOf(ModelKey("m1"), created.revision, {{"n", 2}});
  Do(change);
  EXPECT_FALSE(store().Settle(ModelKey("m1"), creation.nonce)->has_value());
  EXPECT_TRUE(store().Settle(ModelKey("m1"), change.nonce)->has_value());
}

TEST_P(StoreContract, SettlesARemoval) {
  const Written created = Do(CreationOf(ModelKey("m1"), {{"n", 1}}));
  const Write removal = RemovalOf(ModelKey("m1"), created.revision);
  EXPECT_FALSE(store().Settle(ModelKey("m1"), removal.nonce)->has_value());
  const Written removed = Do(removal);
  const auto settled = store().Settle(ModelKey("m1"), removal.nonce);
  ASSERT_TRUE(settled && settled->has_value());
  EXPECT_EQ((*settled)->revision, removed.revision);
  EXPECT_EQ((*settled)->version, 2U);
  Do(CreationOf(ModelKey("m1"), {}));
  EXPECT_FALSE(store().Settle(ModelKey("m1"), removal.nonce)->has_value());
}

TEST_P(StoreContract, RestartKeepsDurableDocuments) {
  const json::object body = {{"name", "größe"}, {"big", 9007199254740993}, {"half", 0.5}, {"whole", 2.0}};
  const Written written = Do(CreationOf(ModelKey("m1"), body));
  const Written gone = Do(CreationOf(ModelKey("m2"), {{"name", "gone"}}));
  Do(RemovalOf(ModelKey("m2"), gone.revision));
  harness().Reopen();
  const Result<DocumentPtr> found = store().Get(ModelKey("m1"));
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->body, body);
  EXPECT_EQ((*found)->revision, written.revision);
  EXPECT_EQ((*found)->version, written.version);
  EXPECT_EQ(CodeOf(store().Get(ModelKey("m2"))), Code::kNotFound);
  EXPECT_THAT(IdsOf(store().Find(Collection::kModels, "name", "größe")), ElementsAre("m1"));
  const Written changed = Do(ChangeOf(ModelKey("m1"), written.revision, {{"n", 2}}));
  EXPECT_EQ(changed.version, 2U);
}

TEST_P(StoreContract, RestartDropsOrKeepsEphemeralDocuments) {
  const Written lease = Do(CreationOf({Collection::kLeases, "n1"}, {{"since", 1}}));
  Do(CreationOf({Collection::kPlacements, "n1/m1"}, {{"node_id", "n1"}}));
  harness().Reopen();
  if (harness().KeepsEphemeral()) {
    EXPECT_EQ((*store().Get({Collection::kLeases, "n1"}))->revision, lease.revision);
    EXPECT_THAT(IdsOf(store().FindUnder(Collection::kPlacements, "n1/")), ElementsAre("n1/m1"));
    EXPECT_EQ(RefusalOf(CreationOf({Collection::kLeases, "n1"}, {{"since", 2}})), Code::kConflict);
    return;
  }
  EXPECT_EQ(CodeOf(store().Get({Collection::kLeases, "n1"})), Code::kNotFound);
  EXPECT_THAT(store().FindUnder(Collection::kPlacements, "n1/"), IsEmpty());
  Do(CreationOf({Collection::kLeases, "n1"}, {{"since", 2}}));
}

TEST_P(StoreContract, RestartKeepsNoncesForSettling) {
  const Write creation = CreationOf(ModelKey("m1"), {});
  Do(creation);
  const Written other = Do(CreationOf(ModelKey("m2"), {}));
  Write removal = RemovalOf(ModelKey("m2"), other.revision);
  removal.nonce = 0xFFFFFFFFFFFFFFFFU;
  Do(removal);
  harness().Reopen();
  EXPECT_TRUE(store().Settle(ModelKey("m1"), creation.nonce)->has_value());
  EXPECT_TRUE(store().Settle(ModelKey("m2"), removal.nonce)->has_value());
  EXPECT_FALSE(store().Settle(ModelKey("m1"), creation.nonce + 77)->has_value());
}

TEST_P(StoreContract, RevisionsGrowOverRemovalsCollectionsAndRestarts) {
  std::uint64_t last = 0;
  for (int round = 0; round < 4; ++round) {
    // The newest revision before a restart is durable, removed or ephemeral in turn.
    const Written created = Do(CreationOf(ModelKey("m"), {}));
    const Written removed = Do(RemovalOf(ModelKey("m"), created.revision));
    EXPECT_GT(created.revision, last);
    EXPECT_GT(removed.revision, created.revision);
    last = removed.revision;
    if (round % 2 == 0) {
      for (int i = 0; i < 5; ++i) {
        const Key key{Collection::kLeases, std::to_string(i)};
        const auto kept = store().Get(key);
        ASSERT_EQ(kept.has_value(), harness().KeepsEphemeral() && round > 0);
        const Written lease = Do(kept ? ChangeOf(key, (*kept)->revision, {}) : CreationOf(key, {}));
        EXPECT_GT(lease.revision, last);
        last = lease.revision;
      }
    }
    harness().Reopen();
  }
}

}  // namespace
}  // namespace mlnode::storage::testing
