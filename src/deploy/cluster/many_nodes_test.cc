// One deployment over several nodes: who comes, who goes, who is cut off, and that all nodes tell the same of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/some_nodes.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::OneNode;
using testing::SomeNodes;

class ManyNodesTest : public ::testing::Test {
 protected:
  ManyNodesTest() {
    nodes_.Start({"a", "b", "c"});
    model_ = nodes_["a"].AddModel("m");
    nodes_.RunFor(milliseconds(100));
  }
  void Deploy(const std::vector<std::string>& names = {}) {
    std::vector<NodeId> ids;
    for (const std::string& name : names) ids.emplace_back(name);
    ASSERT_TRUE(nodes_["a"].deploys.Deploy(model_, ids));
    nodes_.RunFor(seconds(1));
  }
  void Set(const std::string& name, const std::string& value) {
    for (const char* node : {"a", "b", "c"}) nodes_[node].Set(name, value);
  }
  static NodeIdentity OfKind(const std::string& name, const std::string& kind) {
    NodeIdentity identity = OneNode::Identity(name);
    identity.fast_precision = kind;
    return identity;
  }
  bool ReferenceAt(const std::string& name) { return nodes_[name].local.Find(model_)->spec().reference_precision; }

  SomeNodes nodes_;
  ModelId model_;
};

TEST_F(ManyNodesTest, AllLoadItAndAllTellTheSame) {
  const TaskId task = nodes_["b"].deploys.Deploy(model_, {}).value();
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
  EXPECT_EQ(nodes_["c"].Task(task).state, tasks::TaskState::kCompleted);
  EXPECT_THAT(nodes_["c"].Task(task).worker_nodes, ElementsAre(NodeId("a"), NodeId("b"), NodeId("c")));
}

TEST_F(ManyNodesTest, ANodeThatComesLoadsWhatAllAreToHold) {
  Deploy();
  nodes_.Start({"d"});
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c d] of 4");
  EXPECT_EQ(nodes_.PlanOf(model_).generation, 1u) << "without a request";
}

TEST_F(ManyNodesTest, ADeathIsSeenByAllAndHealedByTheNextProcess) {
  Deploy();
  nodes_.Kill("b");
  nodes_.RunFor(milliseconds(6'500));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a c] of 2");
  nodes_.Start({"b"});
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
}

TEST_F(ManyNodesTest, NamedNodesComeBackAfterARestart) {
  Deploy({"a", "b"});
  ASSERT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b] of 2");
  nodes_.Kill("b");
  nodes_.RunFor(milliseconds(6'500));
  EXPECT_EQ(nodes_.StateOf(model_), "PARTIALLY_DEPLOYED [a] of 2") << "nobody takes its place";
  nodes_.Start({"b"});
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b] of 2");
}

TEST_F(ManyNodesTest, AllDieAndComeBack) {
  Deploy({"b"});
  for (const char* name : {"a", "b", "c"}) nodes_.Kill(name);
  nodes_.Start({"a", "b", "c"});
  nodes_.RunFor(seconds(7));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [b] of 1");
}

TEST_F(ManyNodesTest, WhoStopsInOrderIsNotMissed) {
  Deploy();
  nodes_.Stop("a");
  nodes_.RunFor(milliseconds(100));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [b c] of 2") << "at once, and b leads";
}

TEST_F(ManyNodesTest, ExcludedNodesUnloadAndComeBack) {
  Deploy();
  Set("plugins.ml_commons.exclude_nodes._name", "b");
  nodes_.RunFor(seconds(2));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a c] of 2");
  EXPECT_THAT(nodes_.Holders(model_), ElementsAre("a", "c"));
  Set("plugins.ml_commons.exclude_nodes._name", "");
  nodes_.RunFor(seconds(2));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
}

TEST_F(ManyNodesTest, RolesThatDoNotFitAnyMoreUnload) {
  NodeIdentity data = OneNode::Identity("b");
  data.roles = {"data"};
  nodes_.Start(data);
  Set("plugins.ml_commons.only_run_on_ml_node", "false");
  Deploy();
  ASSERT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
  Set("plugins.ml_commons.only_run_on_ml_node", "true");
  nodes_.RunFor(seconds(2));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a c] of 2");
  EXPECT_THAT(nodes_.Holders(model_), ElementsAre("a", "c"));
}

TEST_F(ManyNodesTest, ANodeThatIsCutOffGoesOnAndLearnsWhatChangedMeanwhile) {
  Deploy();
  nodes_.WireOf("b").CutOff();
  nodes_.RunFor(seconds(8));
  EXPECT_EQ(nodes_["a"].StateOf(model_), ModelState::kDeployed);
  EXPECT_EQ(nodes_["a"].deploys.Get(model_)->deployment.workers.size(), 2u);
  EXPECT_EQ(nodes_["b"].deploys.Get(model_)->deployment.workers.size(), 3u) << "it judges nobody";
  EXPECT_THAT(nodes_.Holders(model_), ElementsAre("a", "b", "c")) << "it serves on";
  ASSERT_TRUE(nodes_["a"].deploys.Undeploy({model_}, {}));
  nodes_.RunFor(seconds(30));
  EXPECT_THAT(nodes_.Holders(model_), ElementsAre("b"));
  nodes_.WireOf("b").Heal(storage::MemoryReplicaStore::Gap::kTooLong);
  nodes_.RunFor(seconds(2));
  EXPECT_THAT(nodes_.Holders(model_), IsEmpty());
  EXPECT_EQ(nodes_.StateOf(model_), "UNDEPLOYED [] of 0");
}

TEST_F(ManyNodesTest, ANodeThatWasOnlyCutOffIsCountedAgainWithoutALoad) {
  Deploy();
  nodes_.WireOf("b").CutOff();
  nodes_.RunFor(seconds(20));
  EXPECT_EQ(nodes_["a"].deploys.Get(model_)->deployment.workers.size(), 2u);
  nodes_.WireOf("b").Heal();
  nodes_.RunFor(seconds(3));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
  EXPECT_EQ(nodes_["b"].local.LoadsBegun(model_), 1);
}

TEST_F(ManyNodesTest, WithoutTheirStoreAllServeOnAndNobodyIsDead) {
  Deploy();
  nodes_.authority.SetDown(true);
  nodes_.RunFor(std::chrono::minutes(5));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
  EXPECT_THAT(nodes_.Holders(model_), ElementsAre("a", "b", "c"));
  nodes_.authority.SetDown(false);
  nodes_.RunFor(seconds(10));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
  EXPECT_EQ(nodes_["b"].local.LoadsBegun(model_), 1);
}

TEST_F(ManyNodesTest, OneOfThemFailsAndTheDeployIsPartial) {
  nodes_["b"].local.SetScript(model_, {.error = MakeError(Code::kInvalidArgument, "broken")});
  const TaskId task = nodes_["a"].deploys.Deploy(model_, {}).value();
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(nodes_.StateOf(model_), "PARTIALLY_DEPLOYED [a c] of 3");
  EXPECT_EQ(nodes_["c"].Task(task).state, tasks::TaskState::kCompletedWithError);
  EXPECT_EQ(nodes_["c"].Task(task).error, R"({"b":"broken"})");
}

TEST_F(ManyNodesTest, WhoDiesWhileItLoadsFailsItsPart) {
  nodes_["b"].local.SetScript(model_, {.stuck_at = serving::Phase::kLoading});
  const TaskId task = nodes_["a"].deploys.Deploy(model_, {NodeId("a"), NodeId("b")}).value();
  nodes_.RunFor(seconds(1));
  nodes_.Kill("b");
  nodes_.RunFor(milliseconds(6'500));
  EXPECT_EQ(nodes_["c"].Task(task).state, tasks::TaskState::kCompletedWithError);
  EXPECT_EQ(nodes_.StateOf(model_), "PARTIALLY_DEPLOYED [a] of 2");
}

// Found by seed 28935 of the simulation: those that remain have a new generation to report, and the time to do so.
TEST_F(ManyNodesTest, WhoIsTakenFromAnOpenDeployLeavesTheOthersTheirTime) {
  nodes_["a"].local.SetScript(model_, {.stuck_at = serving::Phase::kLoading});
  const TaskId task = nodes_["a"].deploys.Deploy(model_, {NodeId("a"), NodeId("b")}).value();
  nodes_.RunFor(seconds(20));
  const Plan before = nodes_.PlanOf(model_);
  ASSERT_FALSE(before.outcome);
  ASSERT_TRUE(nodes_["c"].deploys.Undeploy({model_}, {NodeId("b")}));
  const Plan after = nodes_.PlanOf(model_);
  ASSERT_FALSE(after.outcome);
  EXPECT_EQ(after.deadline - after.requested_at, before.deadline - before.requested_at);
  nodes_["a"].local.SetScript(model_, {});
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(nodes_["c"].Task(task).state, tasks::TaskState::kCompleted);
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a] of 1");
}

TEST_F(ManyNodesTest, AnUndeployTellsOfEveryLiveNode) {
  Deploy({"a", "b"});
  nodes_.Kill("c");
  nodes_.Start({"d"});
  nodes_.RunFor(seconds(7));
  const UndeployReport report = nodes_["d"].deploys.Undeploy({model_}, {}).value();
  std::map<std::string, UndeployResult> told;
  for (const auto& [node, models] : report.nodes) told[node.str()] = models.at(model_);
  EXPECT_EQ(told, (std::map<std::string, UndeployResult>{{"a", UndeployResult::kUndeployed},
                                                         {"b", UndeployResult::kUndeployed},
                                                         {"d", UndeployResult::kNotFound}}));
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(nodes_.StateOf(model_), "UNDEPLOYED [] of 0");
  EXPECT_THAT(nodes_.Holders(model_), IsEmpty());
}

TEST_F(ManyNodesTest, WhatIsUndeployedFromTheDeadIsNotLoadedWhenTheyReturn) {
  for (const std::vector<std::string>& asked : {std::vector<std::string>{"a", "b"}, std::vector<std::string>{}}) {
    Deploy(asked);
    nodes_.Kill("b");
    nodes_.RunFor(seconds(6));
    const auto report = nodes_["a"].deploys.Undeploy({model_}, {NodeId("b")});
    ASSERT_TRUE(report);
    EXPECT_THAT(report->nodes, IsEmpty()) << "it is not there to be told";
    nodes_.Start({"b"});
    nodes_.RunFor(seconds(2));
    EXPECT_THAT(nodes_.Holders(model_), ::testing::Not(::testing::Contains("b")));
    EXPECT_THAT(nodes_.Holders(model_), ::testing::Contains("a"));
    ASSERT_TRUE(nodes_["a"].deploys.Undeploy({model_}, {}));
    nodes_.RunFor(seconds(1));
  }
}

TEST_F(ManyNodesTest, UndeployFromNodesThatNobodyKnowsChangesNothing) {
  ASSERT_TRUE(nodes_["a"].deploys.Undeploy({model_}, {NodeId("nobody")}));
  EXPECT_EQ(nodes_["a"].StateOf(model_), ModelState::kRegistered);
  Deploy();
  ASSERT_TRUE(nodes_["a"].deploys.Undeploy({model_}, {NodeId("nobody")}));
  EXPECT_EQ(nodes_.PlanOf(model_).generation, 1u);
}

// Found by seed 14556 of the simulation.
TEST_F(ManyNodesTest, WhoIsCutOffPromisesNothingAboutAModelItHasNotHeardOf) {
  nodes_.WireOf("c").CutOff();
  const ModelId newer = nodes_["a"].AddModel("newer");
  ASSERT_TRUE(nodes_["a"].deploys.Deploy(newer, {}));
  nodes_.RunFor(seconds(1));
  const ModelId nobodys("nobodys");
  for (const std::vector<ModelId>& asked : {std::vector{newer}, std::vector{newer, nobodys}}) {
    const auto report = nodes_["c"].deploys.Undeploy(asked, {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Code::kUnavailable);
  }
  EXPECT_TRUE(nodes_["a"].deploys.Undeploy({newer, nobodys}, {})) << "of several, one may not exist";
}

TEST_F(ManyNodesTest, UnusedMeansUnusedOnEveryNodeThatHoldsIt) {
  ASSERT_TRUE(nodes_["a"].models.Update(model_, [](models::Model& model) -> Status {
    model.passthrough["deploy_setting"] = {{"model_ttl_minutes", 5}};
    return {};
  }));
  Deploy();
  for (const char* name : {"a", "c"}) nodes_[name].local.SetLastUsed(model_, nodes_.disk.clock.Now());
  nodes_.RunFor(std::chrono::minutes(6));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3") << "b was used";
  nodes_["b"].local.SetLastUsed(model_, nodes_.disk.clock.Now() - std::chrono::minutes(5));
  nodes_.RunFor(seconds(3));
  EXPECT_EQ(nodes_.StateOf(model_), "UNDEPLOYED [] of 0");
}

TEST_F(ManyNodesTest, NodesOfOneKindChooseForThemselves) {
  nodes_.Start(OfKind("a", "amx"));
  nodes_.Start(OfKind("b", "amx"));
  nodes_.RunFor(seconds(1));
  Deploy({"a", "b"});
  EXPECT_FALSE(nodes_.PlanOf(model_).reference_precision);
  EXPECT_FALSE(ReferenceAt("a"));
}

TEST_F(ManyNodesTest, NodesThatDifferAllRunTheReference) {
  nodes_.Start(OfKind("a", "amx"));
  nodes_.RunFor(seconds(1));
  Deploy({"a", "b"});
  EXPECT_TRUE(nodes_.PlanOf(model_).reference_precision);
  EXPECT_TRUE(ReferenceAt("a"));
  EXPECT_TRUE(ReferenceAt("b"));
}

TEST_F(ManyNodesTest, AnotherKindThatComesMakesAllRunTheReference) {
  for (const char* name : {"a", "b", "c"}) nodes_.Start(OfKind(name, "amx"));
  nodes_.RunFor(seconds(1));
  Deploy();
  ASSERT_FALSE(ReferenceAt("a"));
  nodes_.Start({"d"});
  nodes_.RunFor(seconds(2));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c d] of 4");
  EXPECT_TRUE(nodes_.PlanOf(model_).outcome) << "the deploy stays ended";
  for (const char* name : {"a", "b", "c", "d"}) EXPECT_TRUE(ReferenceAt(name)) << name;
  nodes_.Stop("d");
  nodes_.RunFor(seconds(2));
  EXPECT_TRUE(ReferenceAt("a")) << "a node that goes changes no answers";
  Deploy();
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b c] of 3");
  EXPECT_FALSE(ReferenceAt("a")) << "a request does";
}

TEST_F(ManyNodesTest, ServingGoesOnWhileTheReferenceIsLoaded) {
  nodes_.Start(OfKind("a", "amx"));
  nodes_.RunFor(seconds(1));
  Deploy({"a"});
  nodes_["a"].local.SetScript(model_, {.phase_time = seconds(10)});
  Deploy({"a", "b"});
  for (int i = 0; i < 50; ++i) {
    nodes_.RunFor(seconds(1));
    ASSERT_THAT(nodes_.Holders(model_), ElementsAre("a", "b")) << i;
    ASSERT_EQ(nodes_.PlanOf(model_).outcome.has_value(), false) << i << ": a is not done";
  }
  nodes_.RunFor(seconds(20));
  EXPECT_TRUE(ReferenceAt("a"));
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b] of 2");
  EXPECT_EQ(nodes_.PlanOf(model_).outcome->kind, Outcome::Kind::kDeployed);
}

}  // namespace
}  // namespace mlnode::deploy
