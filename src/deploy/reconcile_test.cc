#include "deploy/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "deploy/testing/documents.h"

namespace mlnode::deploy {
namespace {

using tasks::TaskState;
using testing::Closed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Leases;
using testing::Nodes;
using testing::PlacementOf;
using testing::PlanOf;

constexpr auto kLoading = PlacementState::kLoading;
constexpr auto kLoaded = PlacementState::kLoaded;
constexpr auto kFailed = PlacementState::kFailed;

std::string_view OutcomeName(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kDeployed:
      return "deployed";
    case Outcome::Kind::kPartial:
      return "partial";
    case Outcome::Kind::kFailed:
      return "failed";
    case Outcome::Kind::kCancelled:
      return "cancelled";
  }
  return "?";
}

struct Describe {
  std::string operator()(const CloseDeploy& action) const {
    return fmt::format("close {} {}{}", action.plan.model.str(), OutcomeName(action.outcome.kind),
                       action.outcome.reason.empty() ? "" : " " + action.outcome.reason);
  }
  std::string operator()(const WithdrawIdle& action) const { return "withdraw " + action.plan.model.str(); }
  std::string operator()(const RenewDeadline& action) const { return fmt::format("renew {}", action.deadline); }
  std::string operator()(const MarkRunning& action) const { return "run " + action.task.str(); }
  std::string operator()(const FinishTask& action) const {
    return fmt::format("finish {} {} {}", action.task.str(), tasks::TaskStateName(action.state), action.error);
  }
  std::string operator()(const RemovePlan& action) const { return "remove plan " + action.plan.model.str(); }
  std::string operator()(const RemovePlacement& action) const {
    return "remove placement " + action.placement.node.str();
  }
  std::string operator()(const RemoveLease& action) const { return "remove lease " + action.lease.node.str(); }
  std::string operator()(const UnifyPrecision& action) const { return "unify " + action.plan.model.str(); }
};

std::vector<std::string> Texts(const ClusterView& view) {
  std::vector<std::string> texts;
  for (const ClusterAction& action : Reconcile(view)) texts.push_back(std::visit(Describe(), action));
  return texts;
}

tasks::TaskRecord TaskOf(const std::string& id, TaskState state = TaskState::kRunning) {
  tasks::TaskRecord task;
  task.id = TaskId(id);
  task.state = state;
  task.owner = {.node = NodeId("a"), .incarnation = testing::kIncarnation};
  task.deadline = 5'000;
  return task;
}

class ReconcileTest : public ::testing::Test {
 protected:
  ReconcileTest() {
    view_.live = Leases({"a", "b"});
    view_.eligible = Nodes({"a", "b"});
    view_.models = {ModelId("m")};
    view_.now = 1'000;
    view_.deadline_length = 9'000;
  }
  void Wanted(Plan plan, std::vector<std::string> task_ids = {}) {
    for (std::string& id : task_ids) {
      plan.tasks.emplace_back(id);
      view_.tasks.push_back(TaskOf(id));
    }
    view_.plans.push_back(std::move(plan));
  }
  ClusterView view_;
};

TEST_F(ReconcileTest, NothingToDoAtRest) {
  Wanted(Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed));
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)};
  EXPECT_THAT(Texts(view_), IsEmpty());
}

TEST_F(ReconcileTest, WaitsWhileANodeHasNotBegun) {
  Wanted(PlanOf(PlanMode::kAll));
  view_.placements = {PlacementOf("a", kLoaded)};
  EXPECT_THAT(Texts(view_), IsEmpty());
}

TEST_F(ReconcileTest, AllLoadedClosesDeployed) {
  Wanted(PlanOf(PlanMode::kAll), {"t"});
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre("close m deployed"));
}

TEST_F(ReconcileTest, LoadedOfAnEarlierGenerationDoesNotCloseYet) {
  Wanted(PlanOf(PlanMode::kNodes, {"a"}));
  view_.placements = {PlacementOf("a", kLoaded, 2)};
  EXPECT_THAT(Texts(view_), IsEmpty());
}

TEST_F(ReconcileTest, SomeFailedClosesPartialWithTheReasons) {
  Wanted(PlanOf(PlanMode::kAll));
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kFailed)};
  EXPECT_THAT(Texts(view_), ElementsAre(R"(close m partial {"b":"broken on b"})"));
}

TEST_F(ReconcileTest, AllFailedClosesFailedWithTheReasons) {
  Wanted(PlanOf(PlanMode::kAll));
  view_.placements = {PlacementOf("a", kFailed), PlacementOf("b", kFailed)};
  EXPECT_THAT(Texts(view_), ElementsAre(R"(close m failed {"a":"broken on a","b":"broken on b"})"));
}

TEST_F(ReconcileTest, DeadTargetIsAFailureOfAFixedPlan) {
  Wanted(PlanOf(PlanMode::kNodes, {"a", "z"}));
  view_.placements = {PlacementOf("a", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre(R"(close m partial {"z":"The node is not part of the cluster"})"));
}

TEST_F(ReconcileTest, OtherNodesAreEligibleForRemoteModels) {
  Plan plan = PlanOf(PlanMode::kAll);
  plan.remote = true;
  Wanted(plan);
  view_.eligible = {};
  view_.eligible_for_remote = Nodes({"a"});
  view_.placements = {PlacementOf("a", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre("close m deployed"));
}

TEST_F(ReconcileTest, TargetThatIsNoLongerEligibleIsAFailure) {
  Wanted(PlanOf(PlanMode::kNodes, {"a", "b"}));
  view_.eligible = Nodes({"a"});
  view_.placements = {PlacementOf("a", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre(R"(close m partial {"b":"The node is not eligible for this kind of model"})"));
}

TEST_F(ReconcileTest, DeadNodeIsNotCountedWhenAllAreMeant) {
  Wanted(PlanOf(PlanMode::kAll));
  view_.live = Leases({"a"});
  view_.eligible = Nodes({"a"});
  view_.placements = {PlacementOf("a", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre("close m deployed"));
}

TEST_F(ReconcileTest, NobodyEligibleClosesFailed) {
  Wanted(PlanOf(PlanMode::kAll));
  view_.eligible.clear();
  EXPECT_THAT(Texts(view_), ElementsAre("close m failed no eligible node found"));
}

TEST_F(ReconcileTest, NoProgressUntilTheDeadlineCloses) {
  Wanted(PlanOf(PlanMode::kAll));
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoading)};
  view_.now = 9'999;
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.now = 10'000;
  EXPECT_THAT(Texts(view_), ElementsAre(R"(close m partial {"b":"The deployment made no progress for 9 seconds"})"));
}

TEST_F(ReconcileTest, DeadlineLeavesANodeThatJustStartedItsChance) {
  Wanted(PlanOf(PlanMode::kNodes, {"b"}));
  view_.live[1].started_at = 50'000;  // long after the deadline
  view_.now = 58'999;
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.now = 59'000;
  EXPECT_THAT(Texts(view_), ElementsAre(HasSubstr("close m failed")));
}

TEST_F(ReconcileTest, ProgressMovesTheDeadline) {
  Wanted(PlanOf(PlanMode::kNodes, {"b"}));
  view_.placements = {PlacementOf("b", kLoading)};
  view_.placements[0].progressed_at = 1'500;
  EXPECT_THAT(Texts(view_), IsEmpty()) << "less than a tenth is not worth a write";
  view_.placements[0].progressed_at = 4'000;
  EXPECT_THAT(Texts(view_), ElementsAre("renew 13000"));
  view_.now = 12'000;  // the renewal came too late: progress counts all the same
  EXPECT_THAT(Texts(view_), ElementsAre("renew 13000"));
  view_.now = 13'000;
  EXPECT_THAT(Texts(view_), ElementsAre(HasSubstr("close m failed")));
}

TEST_F(ReconcileTest, TaskRunsOnceANodeHasBegun) {
  Wanted(PlanOf(PlanMode::kAll), {"t"});
  view_.tasks[0].state = TaskState::kCreated;
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.placements = {PlacementOf("a", kLoading)};
  EXPECT_THAT(Texts(view_), ElementsAre("run t"));
  view_.tasks[0].state = TaskState::kRunning;
  EXPECT_THAT(Texts(view_), IsEmpty());
}

TEST_F(ReconcileTest, TasksEndAsTheirPlanDid) {
  struct Case {
    Outcome::Kind kind;
    std::string text;
  };
  for (const auto& [kind, text] :
       {Case{Outcome::Kind::kDeployed, "COMPLETED"}, Case{Outcome::Kind::kPartial, "COMPLETED_WITH_ERROR"},
        Case{Outcome::Kind::kFailed, "FAILED"}, Case{Outcome::Kind::kCancelled, "FAILED"}}) {
    view_.plans.clear();
    view_.tasks.clear();
    Wanted(Closed(PlanOf(PlanMode::kAll), kind, "why"), {"t", "joined"});
    EXPECT_THAT(Texts(view_), ElementsAre("finish t " + text + " why", "finish joined " + text + " why"));
  }
}

TEST_F(ReconcileTest, UndeployedPlanFailsTheTasksItCancelled) {
  Wanted(Closed(PlanOf(PlanMode::kNone), Outcome::Kind::kCancelled, "undeployed"), {"t"});
  EXPECT_THAT(Texts(view_), ElementsAre("finish t FAILED undeployed"));
}

TEST_F(ReconcileTest, TaskOfAPlanOutlivesItsOwnerAndItsOwnDeadline) {
  Wanted(PlanOf(PlanMode::kAll), {"t"});
  view_.tasks[0].owner.incarnation = 1;
  view_.now = 6'000;
  EXPECT_THAT(Texts(view_), IsEmpty());
}

TEST_F(ReconcileTest, TaskWithoutAPlanFailsWhenItsOwnerIsDead) {
  view_.tasks = {TaskOf("t")};
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.tasks[0].owner.incarnation = 1;
  EXPECT_THAT(Texts(view_), ElementsAre("finish t FAILED The node that ran this task is gone"));
}

TEST_F(ReconcileTest, TaskOfANodeThatIsNotHeardOfFailsOnceItIsOlderThanThatProves) {
  view_.tasks = {TaskOf("t")};
  view_.tasks[0].owner = {.node = NodeId("z"), .incarnation = testing::kIncarnation};
  view_.tasks[0].deadline = 60'000;
  view_.tasks[0].last_update_time = 1'000;
  view_.now = 5'999;
  EXPECT_THAT(Texts(view_), IsEmpty()) << "it was written by somebody who lives, and its plan may be on its way";
  view_.now = 6'000;
  EXPECT_THAT(Texts(view_), ElementsAre("finish t FAILED The node that ran this task is gone"));
  view_.now = 999;
  EXPECT_THAT(Texts(view_), ElementsAre("finish t FAILED The node that ran this task is gone"))
      << "its clock is ahead: that proves nothing";
}

TEST_F(ReconcileTest, TaskOfANodeThatDiedDuringTheLookIsLeftToTheNext) {
  view_.tasks = {TaskOf("t")};
  view_.lived = view_.live;
  view_.live[0].incarnation = 99;  // it came back
  EXPECT_THAT(Texts(view_), IsEmpty()) << "the plan that it wrote before it died may not have been read";
  view_.lived = view_.live;
  EXPECT_THAT(Texts(view_), ElementsAre("finish t FAILED The node that ran this task is gone"));
}

TEST_F(ReconcileTest, RegistrationTaskOfADeadOwnerCompletesWhenItsModelIsThere) {
  view_.tasks = {TaskOf("t")};
  view_.registered = {{TaskId("t"), ModelId("m")}};
  EXPECT_THAT(Texts(view_), IsEmpty()) << "its owner lives and ends it";
  view_.tasks[0].owner.incarnation = 1;
  EXPECT_THAT(Texts(view_), ElementsAre("finish t COMPLETED "));
  EXPECT_EQ(std::get<FinishTask>(Reconcile(view_)[0]).model, ModelId("m"));
}

TEST_F(ReconcileTest, TaskWithoutAPlanFailsAtItsDeadline) {
  view_.tasks = {TaskOf("t")};
  view_.now = 4'999;
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.now = 5'000;
  EXPECT_THAT(Texts(view_), ElementsAre("finish t FAILED timeout after 5 seconds"));
}

TEST_F(ReconcileTest, PlanOfADeletedModelGoesOnceItsTasksHaveEnded) {
  view_.models.clear();
  Wanted(PlanOf(PlanMode::kAll), {"t"});
  EXPECT_THAT(Texts(view_), ElementsAre("finish t FAILED The model was deleted while it was being deployed"));
  view_.tasks.clear();
  EXPECT_THAT(Texts(view_), ElementsAre("remove plan m"));
}

TEST_F(ReconcileTest, PlacementsOfTheDeadGo) {
  Wanted(Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed));
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded), PlacementOf("z", kLoaded)};
  view_.placements[1].incarnation = 1;
  EXPECT_THAT(Texts(view_), ElementsAre("remove placement z"))
      << "b lives: it writes over what it wrote before, or drops it";
}

TEST_F(ReconcileTest, PlacementOfAnEarlierIncarnationDoesNotClose) {
  Wanted(PlanOf(PlanMode::kNodes, {"a"}));
  view_.placements = {PlacementOf("a", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre("close m deployed"));
  view_.placements[0].incarnation = 1;
  EXPECT_THAT(Texts(view_), IsEmpty());
}

Placement Expired(Placement placement) {
  placement.expired = true;
  return placement;
}

TEST_F(ReconcileTest, WithdrawsWhatAllHoldersSayIsUnused) {
  Wanted(Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed));
  view_.placements = {Expired(PlacementOf("a", kLoaded)), PlacementOf("b", kLoaded)};
  EXPECT_THAT(Texts(view_), IsEmpty()) << "used on b";
  view_.placements[1].expired = true;
  EXPECT_THAT(Texts(view_), ElementsAre("withdraw m"));
}

TEST_F(ReconcileTest, FailedHolderDoesNotKeepWhatIsUnused) {
  Wanted(Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kPartial, "why"));
  view_.placements = {Expired(PlacementOf("a", kLoaded)), PlacementOf("b", kFailed)};
  EXPECT_THAT(Texts(view_), ElementsAre("withdraw m"));
}

TEST_F(ReconcileTest, LoadDeployAndItsTaskKeepWhatIsUnused) {
  view_.placements = {Expired(PlacementOf("a", kLoaded)), PlacementOf("b", kLoading)};
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  EXPECT_THAT(Texts(view_), IsEmpty()) << "b loads it";
  view_.placements[1] = Expired(PlacementOf("b", kLoaded));
  view_.placements[0].generation = 2;
  EXPECT_THAT(Texts(view_), IsEmpty()) << "a has not seen that it was deployed again";
  view_.placements[0].generation = 3;
  view_.plans.clear();
  Wanted(Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed), {"t"});
  EXPECT_THAT(Texts(view_), ElementsAre("finish t COMPLETED "));
}

TEST_F(ReconcileTest, NobodyHoldsWhatIsNotWithdrawn) {
  Wanted(Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed));
  EXPECT_THAT(Texts(view_), IsEmpty());
}

TEST_F(ReconcileTest, ALeavingNodeFailsItsPartAndKeepsItsPlacements) {
  Wanted(PlanOf(PlanMode::kNodes, {"a", "b"}));
  view_.live[1].leaving = true;
  view_.eligible = Nodes({"a"});
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre(R"(close m partial {"b":"The node is stopping"})"));
}

TEST_F(ReconcileTest, OfAllNodesThoseThatLeaveAreNotWaitedFor) {
  Wanted(PlanOf(PlanMode::kAll));
  view_.live[1].leaving = true;
  view_.eligible = Nodes({"a"});
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoading)};
  EXPECT_THAT(Texts(view_), ElementsAre("close m deployed"));
}

TEST_F(ReconcileTest, LeasesOfTheLongDeadGo) {
  view_.forgotten = Leases({"c"});
  EXPECT_THAT(Texts(view_), ElementsAre("remove lease c"));
}

TEST_F(ReconcileTest, NodesThatDifferMakeThePlanOneOfTheReference) {
  Wanted(Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed));
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)};
  view_.live[0].fast_precision = "amx";
  EXPECT_THAT(Texts(view_), ElementsAre("unify m")) << "b knows f32 only";
  view_.mixed_precision = true;
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.mixed_precision = false;
  view_.live[1].fast_precision = "amx";
  EXPECT_THAT(Texts(view_), IsEmpty()) << "alike";
  view_.live[1].fast_precision = "avx512_bf16";
  view_.plans[0].reference_precision = true;
  EXPECT_THAT(Texts(view_), IsEmpty()) << "it says so already";
  view_.plans[0].reference_precision = false;
  view_.eligible = Nodes({"b"});
  EXPECT_THAT(Texts(view_), IsEmpty()) << "a is not to hold it";
}

TEST_F(ReconcileTest, AnOpenDeployIsUnifiedBeforeItGoesOn) {
  Wanted(PlanOf(PlanMode::kNodes, {"a", "b"}));
  view_.live[0].fast_precision = "amx";
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)};
  EXPECT_THAT(Texts(view_), ElementsAre("unify m"));
}

TEST_F(ReconcileTest, WhatStandsNoMoreIsNotUnified) {
  view_.live[0].fast_precision = "amx";
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)};
  Plan remote = PlanOf(PlanMode::kAll);
  remote.remote = true;
  view_.eligible_for_remote = view_.eligible;
  for (const Plan& plan :
       {PlanOf(PlanMode::kNone), Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kFailed),
        Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kCancelled), Closed(remote, Outcome::Kind::kDeployed)}) {
    view_.plans = {plan};
    EXPECT_THAT(Texts(view_), IsEmpty());
  }
}

TEST_F(ReconcileTest, ALoadBesideWhatServesIsProgressToo) {
  Wanted(PlanOf(PlanMode::kNodes, {"a"}));
  view_.placements = {PlacementOf("a", kLoaded, 2)};
  view_.placements[0].progressed_at = 9'500;
  view_.now = 10'000;
  EXPECT_THAT(Texts(view_), ElementsAre("renew 18500"));
}

TEST_F(ReconcileTest, EnoughNodesMakeASuccess) {
  const auto succeeded = [&](double ratio) {
    view_.success_ratio = ratio;
    return std::get<CloseDeploy>(Reconcile(view_).at(0)).plan.succeeded;
  };
  Wanted(PlanOf(PlanMode::kAll));
  view_.placements = {PlacementOf("a", kLoaded), PlacementOf("b", kFailed)};
  EXPECT_TRUE(succeeded(0.5));
  EXPECT_FALSE(succeeded(0.8));
  view_.placements = {PlacementOf("a", kFailed), PlacementOf("b", kFailed)};
  EXPECT_FALSE(succeeded(0)) << "nothing is no success";
  view_.plans[0].succeeded = true;
  EXPECT_TRUE(succeeded(0.8)) << "once is enough";
}

}  // namespace
}  // namespace mlnode::deploy
