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
  std::unique_ptr<Membership> Join(NodeIdentity identity) {
    auto member = std::make_unique<Membership>(std::move(identity), store_, random_, clock_, executor_);
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
  const auto b = Join(Identity("b"));
  store_.Sever();
  executor_.RunFor(seconds(10));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a"));
  EXPECT_THAT(LiveOf(*b), ElementsAre("b"));
  store_.Reconnect();
  executor_.RunFor(seconds(2));
  EXPECT_THAT(LiveOf(*a), ElementsAre("a", "b"));
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
