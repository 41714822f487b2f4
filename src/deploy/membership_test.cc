#include "deploy/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MembershipTest : public ::testing::Test {
 protected:
  static NodeIdentity Identity(const std::string& name, std::vector<std::string> roles = {"data", "ml"}) {
    NodeIdentity self;
    self.id = NodeId(name);
    self.incarnation = 5;
    self.name = "name-" + name;
    self.roles = std::move(roles);
    return self;
  }
  std::unique_ptr<Membership> Join(NodeIdentity identity) { return Join(std::move(identity), store_); }
  std::unique_ptr<Membership> Join(NodeIdentity identity, storage::Store& store) {
    auto member = std::make_unique<Membership>(std::move(identity), store, random_, clock_, executor_);
    EXPECT_TRUE(member->Start());
    return member;
  }
  static std::vector<std::string> LiveOf(const Membership& member) {
    std::vector<std::string> names;
    for (const Lease& lease : member.Live()) names.push_back(lease.node.str());
    return names;
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  mlnode::testing::ManualExecutor executor_{clock_};
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
};

TEST_F(MembershipTest, MembersSeeEachOther) {
  const auto b = Join(Identity("b"));
  const auto a = Join(Identity("a"));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b"));
  EXPECT_THAT(LiveOf(*b), ElementsAre("a", "b"));
  executor_.RunFor(seconds(60));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b"));
}

TEST_F(MembershipTest, SilenceForFiveSecondsIsDeath) {
  const auto a = Join(Identity("a"));
  auto b = Join(Identity("b"));
  executor_.RunFor(milliseconds(2500));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b"));
  b.reset();  // without Stop: a crash
  executor_.RunFor(milliseconds(4900));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b"));
  executor_.RunFor(milliseconds(200));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
}

TEST_F(MembershipTest, StopIsSeenAtOnce) {
  const auto a = Join(Identity("a"));
  const auto b = Join(Identity("b"));
  b->Stop();
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
  EXPECT_THAT(LiveOf(*b), ElementsAre("a"));
}

TEST_F(MembershipTest, OwnLeaseReplacesThatOfAnEarlierIncarnation) {
  auto before = Join(Identity("a"));
  before.reset();
  NodeIdentity again = Identity("a");
  again.incarnation = 6;
  const auto a = Join(again);
  ASSERT_EQ(a->Live().size(), 1u);
  EXPECT_EQ(a->Live()[0].incarnation, 6u);
  EXPECT_EQ(ReadLease(**store_.Get(LeaseKey(NodeId("a"))))->incarnation, 6u);
}

TEST_F(MembershipTest, FailingBeatsDoNotMakeANodeDoubtItself) {
  const auto a = Join(Identity("a"));
  store_.Sever();
  executor_.RunFor(seconds(10));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
  store_.Reconnect();
  executor_.RunFor(seconds(2));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
}

TEST_F(MembershipTest, SilenceIsDeathOnlyWhereItIsListenedTo) {
  storage::testing::FaultStore wire(memory_);
  const auto a = Join(Identity("a"), wire);
  auto b = Join(Identity("b"));
  const auto c = Join(Identity("c"));
  executor_.RunFor(seconds(2));
  wire.Sever();
  executor_.RunFor(seconds(1));
  b.reset();
  const auto d = Join(Identity("d"));
  c->Stop();
  executor_.RunFor(seconds(60));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b", "d")) << "who comes and who goes is seen, nobody is judged";
  EXPECT_THAT(LiveOf(*d), ElementsAre("d")) << "a is silent to the others";
  wire.Reconnect();
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b", "d"));
  executor_.RunFor(milliseconds(4900));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b", "d"));
  executor_.RunFor(milliseconds(1200));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "d")) << "five seconds after its next beat";
  EXPECT_THAT(LiveOf(*d), ElementsAre("a", "d"));
}

TEST_F(MembershipTest, WhereNobodyCanWriteNobodyIsDead) {
  const auto a = Join(Identity("a"));
  const auto b = Join(Identity("b"));
  executor_.RunFor(seconds(2));
  for (int i = 1; i <= 40; ++i) store_.FailWrite(i, storage::testing::WriteFault::kUnavailable);  // 20 s
  for (int i = 0; i < 30; ++i) {
    executor_.RunFor(seconds(1));
    ASSERT_THAT(LiveOf(*a), ElementsAre("a", "b")) << i;
    ASSERT_THAT(LiveOf(*b), ElementsAre("a", "b")) << i;
  }
}

TEST_F(MembershipTest, WhoWasDeadBeforeTheGapStaysDead) {
  storage::testing::FaultStore wire(memory_);
  const auto a = Join(Identity("a"), wire);
  Join(Identity("b")).reset();
  executor_.RunFor(seconds(6));
  ASSERT_THAT(LiveOf(*a), ElementsAre("a"));
  wire.Sever();
  executor_.RunFor(seconds(3));
  wire.Reconnect();
  executor_.RunFor(seconds(1));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
}

TEST_F(MembershipTest, AProcessThatStoodStillTakesNobodyForDead) {
  const auto a = Join(Identity("a"));
  const auto b = Join(Identity("b"));
  executor_.RunFor(seconds(2));
  clock_.Advance(seconds(30));  // nothing ran, b neither
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b"));
  executor_.RunFor(seconds(20));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b"));
}

TEST_F(MembershipTest, WhoLeavesIsShownAndEligibleForNothing) {
  const auto a = Join(Identity("a"));
  const auto b = Join(Identity("b"));
  b->Leave();
  for (const auto* member : {a.get(), b.get()}) {
    ASSERT_THAT(LiveOf(*member), ElementsAre("a", "b"));
    EXPECT_FALSE(member->Live()[0].leaving);
    EXPECT_TRUE(member->Live()[1].leaving);
    const auto settings = config::Settings::Create({}).value();
    EXPECT_THAT(member->EligibleForLocal(*settings->Current()), ElementsAre(NodeId("a")));
    EXPECT_THAT(member->EligibleForRemote(*settings->Current()), ElementsAre(NodeId("a")));
  }
  EXPECT_EQ(b->standing(), Membership::Standing::kLeaving);
  executor_.RunFor(seconds(30));
  EXPECT_TRUE(a->Live()[1].leaving) << "it goes on to say so";
  b->Stop();
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
}

TEST_F(MembershipTest, LeavingWithoutAStoreEndsToo) {
  const auto a = Join(Identity("a"));
  store_.Sever();
  a->Leave();
  EXPECT_TRUE(a->Live()[0].leaving);
  store_.Reconnect();
  executor_.RunFor(seconds(2));
  EXPECT_TRUE(ReadLease(**store_.Get(LeaseKey(NodeId("a"))))->leaving);
}

TEST_F(MembershipTest, ANodeThatDiedIsNoRivalOfTheNextProcess) {
  Join(Identity("a")).reset();
  NodeIdentity again = Identity("a");
  again.incarnation = 6;
  bool displaced = false;
  Membership next(again, store_, random_, clock_, executor_);
  next.OnDisplaced([&displaced] { displaced = true; });
  ASSERT_TRUE(next.Start());
  executor_.RunFor(seconds(60));
  EXPECT_FALSE(displaced);
  EXPECT_EQ(next.standing(), Membership::Standing::kMember);
}

TEST_F(MembershipTest, OfTwoProcessesWithOneIdTheSecondGivesWay) {
  const auto witness = Join(Identity("w"));
  const auto first = Join(Identity("a"));
  executor_.RunFor(milliseconds(2500));
  NodeIdentity copied = Identity("a");
  copied.incarnation = 6;
  int displaced = 0;
  Membership second(copied, store_, random_, clock_, executor_);
  second.OnDisplaced([&displaced] { ++displaced; });
  ASSERT_TRUE(second.Start());
  executor_.RunFor(seconds(3));
  EXPECT_EQ(displaced, 1);
  EXPECT_EQ(second.standing(), Membership::Standing::kDisplaced);
  EXPECT_EQ(first->standing(), Membership::Standing::kMember);
  ASSERT_THAT(LiveOf(second), ElementsAre("a", "w"));
  EXPECT_EQ(second.Live()[0].incarnation, 5u) << "not itself: it is no member";
  executor_.RunFor(seconds(30));
  ASSERT_THAT(LiveOf(*witness), ElementsAre("a", "w"));
  EXPECT_EQ(witness->Live()[0].incarnation, 5u);
  second.Stop();
  EXPECT_THAT(LiveOf(*witness), ElementsAre("a", "w")) << "the lease is the other's";
  EXPECT_EQ(displaced, 1);
}

TEST_F(MembershipTest, LeasesOfTheLongDeadAreToldOf) {
  const auto a = Join(Identity("a"));
  Join(Identity("b")).reset();
  executor_.RunFor(seconds(59));
  EXPECT_THAT(a->Forgotten(), IsEmpty());
  executor_.RunFor(seconds(2));
  ASSERT_EQ(a->Forgotten().size(), 1u);
  EXPECT_EQ(a->Forgotten()[0].node, NodeId("b"));
  EXPECT_EQ(a->Forgotten()[0].revision, (*store_.Get(LeaseKey(NodeId("b"))))->revision);
}

TEST_F(MembershipTest, TheLeaseTellsWhatTheNodeCanBear) {
  NodeIdentity able = Identity("a");
  able.attributes = {{"box_type", "hot"}, {"zone", "z1"}};
  able.memory_bytes = 7;
  able.lanes = 3;
  able.fast_precision = "amx";
  const auto a = Join(able);
  const auto b = Join(Identity("b"));
  const Lease seen = b->Live()[0];
  EXPECT_EQ(seen.attributes, able.attributes);
  EXPECT_EQ(seen.memory_bytes, 7u);
  EXPECT_EQ(seen.lanes, 3u);
  EXPECT_EQ(seen.fast_precision, "amx");
  EXPECT_EQ(StoredForm(a->Live()[0]), StoredForm(seen));
}

TEST_F(MembershipTest, ReadsShareWhatDidNotChange) {
  const auto a = Join(Identity("a"));
  const auto b = Join(Identity("b"));
  const LivePtr before = a->LiveNow();
  EXPECT_EQ(a->LiveNow(), before);
  executor_.RunFor(seconds(2));
  EXPECT_NE(a->LiveNow(), before);
  EXPECT_EQ(a->LiveNow(), a->LiveNow());
}

TEST_F(MembershipTest, ADamagedLeaseIsNobody) {
  const auto a = Join(Identity("a"));
  ASSERT_TRUE(storage::Commit(store_, {.key = LeaseKey(NodeId("b")),
                                       .expect = storage::Expect::Absent(),
                                       .body = json::object{{"incarnation", 5}},
                                       .nonce = NewNonce(random_)}));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
  executor_.RunFor(seconds(90));
  EXPECT_THAT(a->Forgotten(), IsEmpty());
}

TEST_F(MembershipTest, StartFailsWhenTheFirstBeatIsNotWritten) {
  store_.Sever();
  Membership a(Identity("a"), store_, random_, clock_, executor_);
  EXPECT_EQ(a.Start().error().code, Code::kUnavailable);
  EXPECT_THAT(LiveOf(a), IsEmpty());
}

TEST_F(MembershipTest, EligibilityFollowsTheSettings) {
  const auto both = Join(Identity("both"));
  const auto data = Join(Identity("data", {"data"}));
  const auto none = Join(Identity("none", {"ingest"}));
  const auto eligible = [&](config::RawValues values) {
    std::vector<std::string> names;
    const auto settings = config::Settings::Create(std::move(values)).value();
    for (const NodeId& node : both->EligibleForLocal(*settings->Current())) names.push_back(node.str());
    return names;
  };
  const std::string p = "plugins.ml_commons.";
  EXPECT_THAT(eligible({{p + "only_run_on_ml_node", "true"}}), ElementsAre("both"));
  EXPECT_THAT(eligible({{p + "only_run_on_ml_node", "false"}}), ElementsAre("both", "data"));
  EXPECT_THAT(eligible({{p + "only_run_on_ml_node", "false"},
                        {p + "task_dispatcher.eligible_node_role.local_model", R"(["ingest"])"}}),
              ElementsAre("none"));
  EXPECT_THAT(eligible({{p + "only_run_on_ml_node", "false"}, {p + "exclude_nodes._name", "name-both ,name-x"}}),
              ElementsAre("data"));
}

TEST_F(MembershipTest, RoleDataCountsOnHotNodesOnly) {
  NodeIdentity cold = Identity("cold", {"data"}), hot = Identity("hot", {"data"}), warm_ml = Identity("warm");
  cold.attributes = {{"box_type", "cold"}};
  hot.attributes = {{"box_type", "hot"}};
  warm_ml.attributes = {{"box_type", "warm"}};
  const auto a = Join(cold), b = Join(hot), c = Join(warm_ml);
  const std::string p = "plugins.ml_commons.";
  const auto any_role = config::Settings::Create({{p + "only_run_on_ml_node", "false"}}).value();
  const auto data_only =
      config::Settings::Create({{p + "task_dispatcher.eligible_node_role.remote_model", "data"}}).value();
  EXPECT_THAT(a->EligibleForLocal(*any_role->Current()), ElementsAre(NodeId("hot"), NodeId("warm")));
  EXPECT_THAT(a->EligibleForRemote(*data_only->Current()), ElementsAre(NodeId("hot")));
}

TEST_F(MembershipTest, RemoteModelsHaveRolesOfTheirOwn) {
  const auto both = Join(Identity("both"));
  const auto data = Join(Identity("data", {"data"}));
  const auto eligible = [&](config::RawValues values) {
    std::vector<std::string> names;
    const auto settings = config::Settings::Create(std::move(values)).value();
    for (const NodeId& node : both->EligibleForRemote(*settings->Current())) names.push_back(node.str());
    return names;
  };
  const std::string p = "plugins.ml_commons.";
  EXPECT_THAT(eligible({{p + "only_run_on_ml_node", "true"}}), ElementsAre("both", "data"));
  EXPECT_THAT(eligible({{p + "task_dispatcher.eligible_node_role.remote_model", "ml"}}), ElementsAre("both"));
  EXPECT_THAT(eligible({{p + "exclude_nodes._name", "name-both"}}), ElementsAre("data"));
}

}  // namespace
}  // namespace mlnode::deploy
