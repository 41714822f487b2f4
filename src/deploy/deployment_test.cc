#include "deploy/deployment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/documents.h"

namespace mlnode::deploy {
namespace {

using testing::Closed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LeaseOf;
using testing::Leases;
using testing::ModelOf;
using testing::Nodes;
using testing::PlacementOf;
using testing::PlanOf;

constexpr auto kLoading = PlacementState::kLoading;
constexpr auto kLoaded = PlacementState::kLoaded;
constexpr auto kFailed = PlacementState::kFailed;
constexpr auto kDone = Outcome::Kind::kDeployed;
constexpr auto kPartial = Outcome::Kind::kPartial;
constexpr auto kGivenUp = Outcome::Kind::kFailed;

struct Row {
  std::string name;
  std::optional<Plan> plan;
  std::vector<Placement> placements;
  std::vector<std::string> live;
  std::vector<std::string> eligible;
  ModelState state;
  std::vector<std::string> workers;
};

Placement OldIncarnation(Placement placement) {
  placement.incarnation = 1;
  return placement;
}

class DeriveTest : public ::testing::TestWithParam<Row> {};

TEST_P(DeriveTest, Row) {
  const Row& row = GetParam();
  const Deployment deployment = Derive(ModelOf(), row.plan, row.placements, Leases(row.live), Nodes(row.eligible));
  EXPECT_EQ(ModelStateName(deployment.state), ModelStateName(row.state));
  EXPECT_EQ(deployment.workers, Nodes(row.workers));
  const bool withheld = row.state == ModelState::kUndeployed && row.plan->mode != PlanMode::kNone;
  const bool explained =
      withheld || row.state == ModelState::kDeployFailed || row.state == ModelState::kPartiallyDeployed;
  EXPECT_EQ(!deployment.reason.empty(), explained) << deployment.reason;
}

const std::vector<Row> kRows = {
    {"NoPlan", std::nullopt, {}, {"a"}, {"a"}, ModelState::kRegistered, {}},
    {"Undeployed", PlanOf(PlanMode::kNone), {}, {"a"}, {"a"}, ModelState::kUndeployed, {}},
    {"UndeployedWhileANodeStillHoldsIt",
     PlanOf(PlanMode::kNone),
     {PlacementOf("a", kLoaded)},
     {"a"},
     {"a"},
     ModelState::kUndeployed,
     {}},
    {"NotBegun", PlanOf(PlanMode::kAll), {}, {"a"}, {"a"}, ModelState::kDeploying, {}},
    {"Loading", PlanOf(PlanMode::kAll), {PlacementOf("a", kLoading)}, {"a"}, {"a"}, ModelState::kDeploying, {}},
    {"AllLoaded",
     PlanOf(PlanMode::kAll),
     {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)},
     {"a", "b"},
     {"a", "b"},
     ModelState::kDeployed,
     {"a", "b"}},
    {"AllLoadedAndClosed",
     Closed(PlanOf(PlanMode::kAll), kDone),
     {PlacementOf("a", kLoaded)},
     {"a"},
     {"a"},
     ModelState::kDeployed,
     {"a"}},
    {"EarlierGenerationStillServes",
     PlanOf(PlanMode::kAll),
     {PlacementOf("a", kLoaded, 2)},
     {"a"},
     {"a"},
     ModelState::kDeployed,
     {"a"}},
    {"FailureOfAnEarlierGenerationIsNotNews",
     PlanOf(PlanMode::kAll),
     {PlacementOf("a", kFailed, 2)},
     {"a"},
     {"a"},
     ModelState::kDeploying,
     {}},
    {"OneLoadedOneLoading",
     PlanOf(PlanMode::kAll),
     {PlacementOf("a", kLoaded), PlacementOf("b", kLoading)},
     {"a", "b"},
     {"a", "b"},
     ModelState::kDeploying,
     {"a"}},
    {"OneLoadedOneFailed",
     PlanOf(PlanMode::kAll),
     {PlacementOf("a", kLoaded), PlacementOf("b", kFailed)},
     {"a", "b"},
     {"a", "b"},
     ModelState::kPartiallyDeployed,
     {"a"}},
    {"AllFailed", PlanOf(PlanMode::kAll), {PlacementOf("a", kFailed)}, {"a"}, {"a"}, ModelState::kDeployFailed, {}},
    {"ClosedFailed", Closed(PlanOf(PlanMode::kAll), kGivenUp, "why"), {}, {"a"}, {"a"}, ModelState::kDeployFailed, {}},
    {"ClosedFailedStaysSoWhileALateLoadGoesOn",
     Closed(PlanOf(PlanMode::kAll), kGivenUp, "why"),
     {PlacementOf("a", kLoading)},
     {"a"},
     {"a"},
     ModelState::kDeployFailed,
     {}},
    {"RestartLoadsAgain",
     Closed(PlanOf(PlanMode::kAll), kDone),
     {OldIncarnation(PlacementOf("a", kLoaded))},
     {"a"},
     {"a"},
     ModelState::kDeploying,
     {}},
    {"RestartOfAPartialOneLoadsAgain",
     Closed(PlanOf(PlanMode::kAll), kPartial, "why"),
     {},
     {"a"},
     {"a"},
     ModelState::kDeploying,
     {}},
    {"RestartThatFails",
     Closed(PlanOf(PlanMode::kAll), kDone),
     {PlacementOf("a", kFailed)},
     {"a"},
     {"a"},
     ModelState::kDeployFailed,
     {}},
    {"NewNodeOfADeployedOne",
     Closed(PlanOf(PlanMode::kAll), kDone),
     {PlacementOf("a", kLoaded)},
     {"a", "b"},
     {"a", "b"},
     ModelState::kPartiallyDeployed,
     {"a"}},
    {"DeadNodeOfAllLeaves",
     Closed(PlanOf(PlanMode::kAll), kDone),
     {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)},
     {"a"},
     {"a"},
     ModelState::kDeployed,
     {"a"}},
    {"DeadNodeOfAFixedPlan",
     Closed(PlanOf(PlanMode::kNodes, {"a", "b"}), kDone),
     {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)},
     {"a"},
     {"a"},
     ModelState::kPartiallyDeployed,
     {"a"}},
    {"OnlyNodeOfAFixedPlanDied",
     Closed(PlanOf(PlanMode::kNodes, {"b"}), kDone),
     {PlacementOf("b", kLoaded)},
     {"a"},
     {"a"},
     ModelState::kDeployFailed,
     {}},
    {"UnplannedHolderDoesNotCount",
     PlanOf(PlanMode::kNodes, {"a"}),
     {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)},
     {"a", "b"},
     {"a", "b"},
     ModelState::kDeployed,
     {"a"}},
    {"NodeOfAFixedPlanThatIsNoLongerEligible",
     Closed(PlanOf(PlanMode::kNodes, {"a"}), kDone),
     {},
     {"a"},
     {},
     ModelState::kUndeployed,
     {}},
    {"OneNodeNotEligibleAndOneDead",
     Closed(PlanOf(PlanMode::kNodes, {"a", "b"}), kDone),
     {},
     {"a"},
     {},
     ModelState::kDeployFailed,
     {}},
    {"StillServedByANodeThatIsNoLongerEligible",
     Closed(PlanOf(PlanMode::kNodes, {"a"}), kDone),
     {PlacementOf("a", kLoaded)},
     {"a"},
     {},
     ModelState::kDeployed,
     {"a"}},
    {"NobodyEligible",
     Closed(PlanOf(PlanMode::kAll), kDone),
     {PlacementOf("a", kLoaded)},
     {"a"},
     {},
     ModelState::kUndeployed,
     {}},
};

INSTANTIATE_TEST_SUITE_P(Table, DeriveTest, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(DeriveReasonTest, RegisteringComesFirst) {
  const auto deployment = Derive(ModelOf(models::Registration::kRegistering), PlanOf(PlanMode::kAll),
                                 {PlacementOf("a", kFailed)}, Leases({"a"}), Nodes({"a"}));
  EXPECT_EQ(deployment.state, ModelState::kRegistering);
}

TEST(DeriveReasonTest, NamesEachNodeThatFailed) {
  const auto deployment =
      Derive(ModelOf(), Closed(PlanOf(PlanMode::kNodes, {"c", "b", "a"}), kPartial, "old"),
             {PlacementOf("a", kLoaded), PlacementOf("b", kFailed)}, Leases({"a", "b"}), Nodes({"a", "b"}));
  EXPECT_EQ(deployment.reason, R"({"b":"broken on b","c":"The node is not part of the cluster"})");
  EXPECT_THAT(deployment.planned, ElementsAre(NodeId("a"), NodeId("b"), NodeId("c")));
}

TEST(DeriveReasonTest, TellsTheOutcomeOfAFailedDeploy) {
  const auto deployment =
      Derive(ModelOf(), Closed(PlanOf(PlanMode::kAll), kGivenUp, "the outcome"), {}, Leases({"a"}), Nodes({"a"}));
  EXPECT_EQ(deployment.reason, "the outcome");
}

TEST(DeriveReasonTest, ListsWhoLoads) {
  const auto deployment = Derive(ModelOf(), PlanOf(PlanMode::kAll), {PlacementOf("b", kLoading)},
                                 {LeaseOf("a"), LeaseOf("b")}, Nodes({"a", "b"}));
  EXPECT_THAT(deployment.loading, ElementsAre(NodeId("b")));
  EXPECT_THAT(deployment.workers, IsEmpty());
}

std::vector<std::string> KeysOf(const json::object& object) {
  std::vector<std::string> keys;
  for (const auto& field : object) keys.emplace_back(field.key());
  return keys;
}

TEST(RenderModelTest, DeployedShowsThePeersFieldsInItsOrder) {
  models::Model model = ModelOf();
  model.version = "1";
  model.group = GroupId("g");
  model.format = engines::ModelFormat::kOnnx;
  model.total_chunks = 9;
  model.created_time = 1;
  model.last_updated_time = 2;
  Plan plan = Closed(PlanOf(PlanMode::kAll), kDone);
  plan.last_deployed_time = 77;
  plan.succeeded = true;
  const auto deployment = Derive(model, plan, {PlacementOf("a", kLoaded)}, Leases({"a"}), Nodes({"a"}));
  const json::object shown = RenderModel(model, plan, deployment);
  EXPECT_THAT(KeysOf(shown),
              ElementsAre("name", "model_group_id", "algorithm", "model_version", "model_format", "model_state",
                          "created_time", "last_updated_time", "last_deployed_time", "auto_redeploy_retry_times",
                          "total_chunks", "planning_worker_node_count", "current_worker_node_count",
                          "planning_worker_nodes", "deploy_to_all_nodes", "is_hidden"));
  EXPECT_EQ(shown.at("model_state"), "DEPLOYED");
  EXPECT_EQ(shown.at("last_deployed_time"), 77);
  EXPECT_EQ(shown.at("planning_worker_node_count"), 1);
  EXPECT_EQ(shown.at("current_worker_node_count"), 1);
  EXPECT_EQ(shown.at("planning_worker_nodes"), json::array{"a"});
}

TEST(RenderModelTest, DeployingIsAnUpdateOfTheModel) {
  models::Model model = ModelOf();
  model.last_updated_time = 2;
  Plan plan = PlanOf(PlanMode::kAll);
  plan.requested_at = 400;
  const auto updated = [&] {
    return RenderModel(model, plan, Derive(model, plan, {}, {}, {})).at("last_updated_time");
  };
  EXPECT_EQ(updated(), 400);
  plan = Closed(plan, kDone);
  EXPECT_EQ(updated(), 500);
  model.last_updated_time = 600;
  EXPECT_EQ(updated(), 600);
}

TEST(RenderModelTest, RegisteredShowsNoDeployment) {
  const json::object shown = RenderModel(ModelOf(), std::nullopt, Derive(ModelOf(), std::nullopt, {}, {}, {}));
  EXPECT_EQ(shown.at("model_state"), "REGISTERED");
  for (const char* absent :
       {"is_controller_enabled", "planning_worker_node_count", "current_worker_node_count", "planning_worker_nodes",
        "deploy_to_all_nodes", "last_deployed_time", "auto_redeploy_retry_times"}) {
    EXPECT_FALSE(shown.contains(absent)) << absent;
  }
}

TEST(RenderModelTest, AControllerShows) {
  Deployment deployment = Derive(ModelOf(), std::nullopt, {}, {}, {});
  deployment.has_controller = true;
  EXPECT_EQ(RenderModel(ModelOf(), std::nullopt, deployment).at("is_controller_enabled"), true);
}

TEST(RenderModelTest, RedeploysAreShownAfterAFirstSuccess) {
  Plan plan = Closed(PlanOf(PlanMode::kAll), kGivenUp, "why");
  plan.last_deployed_time = 77;
  std::uint64_t redeploys = 0;
  const auto shown = [&] {
    Deployment deployment = Derive(ModelOf(), plan, {}, {}, {});
    deployment.redeploys = redeploys;
    return RenderModel(ModelOf(), plan, deployment);
  };
  EXPECT_EQ(shown().at("last_deployed_time"), 77);
  EXPECT_FALSE(shown().contains("auto_redeploy_retry_times"));
  plan.succeeded = true;
  EXPECT_EQ(shown().at("auto_redeploy_retry_times"), 0);
  redeploys = 2;
  EXPECT_EQ(shown().at("auto_redeploy_retry_times"), 2);
}

TEST(RenderModelTest, UndeployedKeepsThatItWasOnAllNodes) {
  Plan plan = PlanOf(PlanMode::kNone);
  plan.to_all = true;
  plan.last_deployed_time = 77;
  const json::object shown = RenderModel(ModelOf(), plan, Derive(ModelOf(), plan, {}, Leases({"a"}), Nodes({"a"})));
  EXPECT_EQ(shown.at("planning_worker_node_count"), 0);
  EXPECT_EQ(shown.at("current_worker_node_count"), 0);
  EXPECT_FALSE(shown.contains("planning_worker_nodes"));
  EXPECT_EQ(shown.at("deploy_to_all_nodes"), true);
}

TEST(RenderModelTest, NodesPlanIsNotAllNodes) {
  const Plan plan = PlanOf(PlanMode::kNodes, {"a"});
  const json::object shown = RenderModel(ModelOf(), plan, Derive(ModelOf(), plan, {}, Leases({"a"}), Nodes({"a"})));
  EXPECT_FALSE(shown.contains("deploy_to_all_nodes"));
  EXPECT_EQ(shown.at("model_state"), "DEPLOYING");
}

TEST(LeavingTest, WhatALeavingNodeHoldsIsNotCounted) {
  std::vector<Lease> live = Leases({"a", "b"});
  const std::vector<Placement> placements = {PlacementOf("a", kLoaded), PlacementOf("b", kLoaded)};
  live[1].leaving = true;
  EXPECT_TRUE(Lives(placements[1], live));
  EXPECT_FALSE(Counts(placements[1], live));
  const Deployment all = Derive(ModelOf(), Closed(PlanOf(PlanMode::kAll), kDone), placements, live, Nodes({"a"}));
  EXPECT_EQ(all.state, ModelState::kDeployed);
  EXPECT_EQ(all.planned, Nodes({"a"}));
  EXPECT_EQ(all.workers, Nodes({"a"}));
  const Deployment named =
      Derive(ModelOf(), Closed(PlanOf(PlanMode::kNodes, {"a", "b"}), kDone), placements, live, Nodes({"a"}));
  EXPECT_EQ(named.state, ModelState::kPartiallyDeployed);
  EXPECT_EQ(named.workers, Nodes({"a"}));
  EXPECT_EQ(named.reason, R"({"b":"The node is stopping"})");
}

TEST(KindsDifferTest, OnlyLiveNodesOfTheListCount) {
  std::vector<Lease> live = Leases({"a", "b", "c"});
  live[0].fast_precision = "amx";
  EXPECT_TRUE(KindsDiffer(Nodes({"a", "b"}), live));
  EXPECT_FALSE(KindsDiffer(Nodes({"b", "c"}), live));
  EXPECT_FALSE(KindsDiffer(Nodes({"a", "gone"}), live));
  EXPECT_FALSE(KindsDiffer({}, live));
}

}  // namespace
}  // namespace mlnode::deploy
