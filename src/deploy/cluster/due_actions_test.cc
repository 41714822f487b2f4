#include "deploy/cluster/due_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "deploy/testing/documents.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;
using testing::Leases;
using testing::PlacementOf;
using testing::PlanOf;
using ::testing::SizeIs;

constexpr SteadyTime kStart{std::chrono::hours(1)};
constexpr Place kFirst{.before = 0, .of = 2}, kSecond{.before = 1, .of = 2};

std::vector<ClusterAction> One(ClusterAction action) { return {std::move(action)}; }

TEST(LeadsTest, TheLowestIdThatStaysLeads) {
  std::vector<Lease> live = Leases({"a", "b", "c"});
  EXPECT_TRUE(Leads(NodeId("a"), live));
  EXPECT_FALSE(Leads(NodeId("b"), live));
  live[0].leaving = true;
  EXPECT_FALSE(Leads(NodeId("a"), live));
  EXPECT_TRUE(Leads(NodeId("b"), live));
  live[1].leaving = live[2].leaving = true;
  EXPECT_TRUE(Leads(NodeId("c"), live));
  EXPECT_TRUE(Leads(NodeId("a"), {}));
}

TEST(PlaceOfTest, CountsThoseThatStay) {
  std::vector<Lease> live = Leases({"a", "b", "c", "d"});
  const auto place = [&](const char* node) { return PlaceOf(NodeId(node), live); };
  EXPECT_EQ(place("a").before, 0U);
  EXPECT_EQ(place("d").before, 3U);
  EXPECT_EQ(place("d").of, 4U);
  live[1].leaving = true;
  EXPECT_EQ(place("d").before, 2U);
  EXPECT_EQ(place("d").of, 3U);
  for (Lease& lease : live) lease.leaving = true;
  EXPECT_EQ(place("d").before, 0U) << "where all leave everybody acts";
  EXPECT_EQ(PlaceOf(NodeId("a"), {}).before, 0U);
}

TEST(DueActionsTest, EachWaitsForAllBeforeItButNotForEver) {
  const auto waits = [](std::size_t before) {
    DueActions due;
    const MarkRunning mark{TaskId("t")};
    int waited = 0;
    while (due.Take(One(mark), {.before = before, .of = 100}, kStart + seconds(waited)).empty()) ++waited;
    return waited;
  };
  EXPECT_EQ(waits(0), 0);
  EXPECT_EQ(waits(1), 3);
  EXPECT_EQ(waits(2), 6);
  EXPECT_EQ(waits(99), 30);
}

TEST(DueActionsTest, PlacementsOfTheDeadAreSharedOut) {
  std::vector<ClusterAction> actions;
  for (int i = 0; i < 100; ++i) {
    Placement placement = PlacementOf("n", PlacementState::kLoaded);
    placement.model = ModelId("m" + std::to_string(i));
    actions.emplace_back(RemovePlacement{placement});
  }
  std::size_t taken = 0;
  for (std::size_t before = 0; before < 4; ++before) {
    DueActions due;
    const std::size_t share = due.Take(actions, {.before = before, .of = 4}, kStart).size();
    EXPECT_GT(share, 10U);
    taken += share;
  }
  EXPECT_EQ(taken, actions.size()) << "each once";
}

TEST(DueActionsTest, WhoLeadsAppliesAtOnceTheOthersAfterTheGrace) {
  DueActions leader, other;
  const CloseDeploy close{PlanOf(PlanMode::kAll), {}};
  EXPECT_THAT(leader.Take(One(close), kFirst, kStart), SizeIs(1));
  EXPECT_THAT(other.Take(One(close), kSecond, kStart), IsEmpty());
  EXPECT_THAT(other.Take(One(close), kSecond, kStart + milliseconds(2'999)), IsEmpty());
  EXPECT_THAT(other.Take(One(close), kSecond, kStart + seconds(3)), SizeIs(1));
  EXPECT_THAT(other.Take(One(close), kSecond, kStart + seconds(4)), SizeIs(1)) << "until it is done";
}

TEST(DueActionsTest, AnotherRevisionIsAnotherAction) {
  DueActions due;
  Plan plan = PlanOf(PlanMode::kAll);
  EXPECT_THAT(due.Take(One(RenewDeadline{plan, 5}), kSecond, kStart), IsEmpty());
  ++plan.revision;  // somebody renewed it
  EXPECT_THAT(due.Take(One(RenewDeadline{plan, 9}), kSecond, kStart + seconds(3)), IsEmpty());
  EXPECT_THAT(due.Take(One(RenewDeadline{plan, 10}), kSecond, kStart + seconds(6)), SizeIs(1))
      << "what it would write moves on meanwhile";
}

TEST(DueActionsTest, WhatIsNotDueForAMomentBeginsAnew) {
  DueActions due;
  const MarkRunning mark{TaskId("t")};
  due.Take(One(mark), kSecond, kStart);
  due.Take({}, kSecond, kStart + seconds(2));
  EXPECT_THAT(due.Take(One(mark), kSecond, kStart + seconds(4)), IsEmpty());
  EXPECT_THAT(due.Take(One(mark), kSecond, kStart + seconds(7)), SizeIs(1));
}

TEST(DueActionsTest, EachActionHasAGraceOfItsOwn) {
  DueActions due;
  const MarkRunning early{TaskId("early")}, late{TaskId("late")};
  due.Take({early}, kSecond, kStart);
  due.Take({early, late}, kSecond, kStart + seconds(2));
  const auto taken = due.Take({early, late}, kSecond, kStart + seconds(3));
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_EQ(std::get<MarkRunning>(taken[0]).task, TaskId("early"));
}

TEST(DueActionsTest, WhoComesToLeadActsAtOnce) {
  DueActions due;
  const MarkRunning mark{TaskId("t")};
  due.Take(One(mark), kSecond, kStart);
  EXPECT_THAT(due.Take(One(mark), kFirst, kStart + milliseconds(1)), SizeIs(1));
}

TEST(DueActionsTest, IdentitiesNameKindThingAndRevision) {
  const Plan plan = PlanOf(PlanMode::kAll);
  const Placement placement = PlacementOf("n", PlacementState::kLoaded);
  Lease lease = testing::LeaseOf("n");
  lease.revision = 8;
  const std::vector<ClusterAction> all = {CloseDeploy{plan, {}},
                                          WithdrawIdle{plan},
                                          RenewDeadline{plan, 1},
                                          UnifyPrecision{plan},
                                          RemovePlan{plan},
                                          MarkRunning{TaskId("t")},
                                          FinishTask{TaskId("t"), tasks::TaskState::kFailed, {}},
                                          RemovePlacement{placement},
                                          RemoveLease{lease}};
  std::set<std::string> identities;
  for (const ClusterAction& action : all) identities.insert(IdentityOf(action));
  EXPECT_THAT(identities, SizeIs(all.size()));
  EXPECT_EQ(std::variant_size_v<ClusterAction>, all.size()) << "a new kind belongs here";
  EXPECT_EQ(IdentityOf(RemoveLease{lease}), "lease n 8");
  EXPECT_EQ(IdentityOf(RemovePlacement{placement}), "placement n m 20");
  EXPECT_EQ(IdentityOf(CloseDeploy{plan, {}}), "close m 30");
}

}  // namespace
}  // namespace mlnode::deploy
