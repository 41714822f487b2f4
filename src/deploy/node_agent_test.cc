#include "deploy/node_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using serving::Phase;
using std::chrono::milliseconds;
using std::chrono::seconds;
using tasks::TaskState;
using ::testing::IsEmpty;
using testing::OneDisk;
using testing::OneNode;

// A node that can die at any moment and come back with what the disk holds.
class NodeAgentTest : public ::testing::Test {
 protected:
  NodeAgentTest() { Boot(); }
  void Boot() {
    node_ = std::make_unique<OneNode>(disk_, ++incarnation_);
    if (stuck_) node_->local.SetScript(model_, {.stuck_at = Phase::kLoading});
    node_->Start();
  }
  void Crash() {
    disk_.executor.DropAll();
    node_.reset();
    disk_.memory.Restart();
  }
  TaskId DeployModel() {
    const TaskId task = node_->deploys.Deploy(model_, {}).value();
    node_->RunFor(milliseconds(10));
    return task;
  }
  OneDisk disk_;
  std::uint64_t incarnation_ = 0;
  bool stuck_ = false;
  std::unique_ptr<OneNode> node_;
  const ModelId model_{"m"};
};

TEST_F(NodeAgentTest, RestartLoadsWhatWasDeployedWithoutARequest) {
  node_->AddModel("m");
  DeployModel();
  Crash();
  stuck_ = true;
  Boot();
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeploying);
  EXPECT_FALSE(node_->agent.Settled());
  node_->local.SetScript(model_, {});
  node_->RunFor(milliseconds(10));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
  EXPECT_TRUE(node_->agent.Settled());
}

TEST_F(NodeAgentTest, RestartContinuesAnOpenDeploy) {
  node_->AddModel("m");
  node_->local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const TaskId task = DeployModel();
  ASSERT_EQ(node_->Task(task).state, TaskState::kRunning);
  Crash();
  Boot();
  node_->RunFor(seconds(1));
  EXPECT_EQ(node_->Task(task).state, TaskState::kCompleted);
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
}

TEST_F(NodeAgentTest, RestartLeavesAFailedDeployFailed) {
  node_->AddModel("m");
  node_->local.SetScript(model_, {.error = MakeError(Code::kResourceExhausted, "no memory")});
  DeployModel();
  Crash();
  Boot();
  node_->RunFor(seconds(60));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployFailed);
  EXPECT_EQ(node_->local.LoadsBegun(model_), 0);
}

TEST_F(NodeAgentTest, ModelThatEndsTheProcessThreeTimesIsNotLoadedAFourthTime) {
  node_->AddModel("m");
  DeployModel();
  stuck_ = true;
  for (int process = 0; process < 3; ++process) {
    Crash();
    Boot();
    EXPECT_EQ(node_->local.LoadsBegun(model_), 1);
    EXPECT_EQ(node_->StateOf(model_), ModelState::kDeploying);
  }
  Crash();
  stuck_ = false;
  Boot();
  node_->RunFor(seconds(60));
  EXPECT_EQ(node_->local.LoadsBegun(model_), 0);
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployFailed);
  EXPECT_EQ(node_->deploys.Get(model_)->deployment.reason,
            R"({"n1":"the node ended 3 times while loading this model"})");
  DeployModel();
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed) << "a new request tries again";
}

TEST_F(NodeAgentTest, OrderlyEndsAreNotCounted) {
  node_->AddModel("m");
  DeployModel();
  stuck_ = true;
  for (int process = 0; process < 4; ++process) {
    Crash();
    Boot();
    EXPECT_EQ(node_->local.LoadsBegun(model_), 1);
    node_->agent.Stop();
  }
}

TEST_F(NodeAgentTest, LoadThatEndsStartsTheCountAgain) {
  node_->AddModel("m");
  DeployModel();
  for (int process = 0; process < 4; ++process) {
    Crash();
    Boot();
    node_->RunFor(seconds(1));
    EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
  }
}

TEST_F(NodeAgentTest, NothingDeployedIsSettledAtOnce) { EXPECT_TRUE(node_->agent.Settled()); }

TEST_F(NodeAgentTest, SettledAfterAMinuteWhateverHappens) {
  node_->AddModel("m");
  DeployModel();
  Crash();
  stuck_ = true;
  Boot();
  node_->RunFor(seconds(59));
  EXPECT_FALSE(node_->agent.Settled());
  node_->RunFor(seconds(1));
  EXPECT_TRUE(node_->agent.Settled());
}

TEST_F(NodeAgentTest, FailedReloadIsRetriedUntilItWorks) {
  node_->AddModel("m");
  DeployModel();
  Crash();
  node_ = std::make_unique<OneNode>(disk_, ++incarnation_);
  node_->local.SetScript(model_, {.error = MakeError(Code::kResourceExhausted, "no memory"), .failures = 2});
  node_->Start();
  node_->RunFor(milliseconds(10));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployFailed);
  EXPECT_EQ(node_->deploys.Get(model_)->deployment.reason, R"({"n1":"no memory"})");
  EXPECT_TRUE(node_->agent.Settled()) << "a failure is a result";
  ASSERT_TRUE(node_->agent.RetryOf(model_));
  EXPECT_EQ(node_->agent.RetryOf(model_)->attempts, 1);
  node_->RunFor(seconds(12));
  EXPECT_EQ(node_->agent.RetryOf(model_)->attempts, 2);
  node_->RunFor(seconds(22));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
  EXPECT_FALSE(node_->agent.RetryOf(model_));
}

TEST_F(NodeAgentTest, RefusedRetryWaitsAsLongAsAFailedOne) {
  node_->AddModel("m");
  DeployModel();
  Crash();
  node_ = std::make_unique<OneNode>(disk_, ++incarnation_);
  node_->Set("plugins.ml_commons.max_model_on_node", "0");
  node_->Start();
  node_->RunFor(seconds(12));
  ASSERT_TRUE(node_->agent.RetryOf(model_));
  EXPECT_EQ(node_->agent.RetryOf(model_)->attempts, 2);
  EXPECT_EQ(node_->deploys.Get(model_)->deployment.reason, R"({"n1":"Exceed max local model per node limit"})");
  node_->Set("plugins.ml_commons.max_model_on_node", "1");
  node_->RunFor(seconds(22));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
}

TEST_F(NodeAgentTest, LoadWithoutProgressIsCancelledAndFails) {
  node_->AddModel("m");
  node_->local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const TaskId task = DeployModel();
  node_->RunFor(seconds(58));
  EXPECT_EQ(node_->Task(task).state, TaskState::kRunning);
  node_->RunFor(seconds(5));
  EXPECT_EQ(node_->Task(task).state, TaskState::kFailed);
  EXPECT_EQ(node_->Task(task).error, R"({"n1":"The deployment made no progress for 60 seconds"})");
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployFailed);
  EXPECT_THAT(node_->local.List(), IsEmpty());
}

TEST_F(NodeAgentTest, ReloadWithoutProgressFailsToo) {
  node_->AddModel("m");
  DeployModel();
  Crash();
  stuck_ = true;
  Boot();
  node_->RunFor(seconds(62));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployFailed);
  node_->local.SetScript(model_, {});
  node_->RunFor(seconds(12));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed) << "and is tried again";
}

TEST_F(NodeAgentTest, ProgressKeepsALongDeployAlive) {
  node_->AddModel("m");
  node_->local.SetScript(model_, {.phase_time = seconds(50)});  // six phases
  const TaskId task = DeployModel();
  node_->RunFor(seconds(290));
  EXPECT_EQ(node_->Task(task).state, TaskState::kRunning);
  node_->RunFor(seconds(60));
  EXPECT_EQ(node_->Task(task).state, TaskState::kCompleted);
}

TEST_F(NodeAgentTest, LosingEligibilityUnloadsAndGettingItBackLoads) {
  node_->AddModel("m");
  DeployModel();
  node_->Set("plugins.ml_commons.exclude_nodes._name", "n1");
  node_->RunFor(seconds(2));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kUndeployed);
  EXPECT_EQ(node_->deploys.Get(model_)->deployment.reason, "no eligible node found");
  EXPECT_THAT(node_->local.List(), IsEmpty());
  node_->Set("plugins.ml_commons.exclude_nodes._name", "");
  node_->RunFor(seconds(2));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
}

TEST_F(NodeAgentTest, FailingLeaseWritesDoNotStopALoneNode) {
  node_->AddModel("m");
  DeployModel();
  disk_.store.Sever();
  node_->RunFor(seconds(30));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
  EXPECT_TRUE(node_->local.Find(model_));
  disk_.store.Reconnect();
  node_->RunFor(seconds(2));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
  EXPECT_EQ(node_->local.LoadsBegun(model_), 1);
}

TEST_F(NodeAgentTest, NothingBeginsAfterStop) {
  node_->AddModel("m");
  node_->agent.Stop();
  ASSERT_TRUE(node_->deploys.Deploy(model_, {}));
  node_->RunFor(seconds(5));
  EXPECT_EQ(node_->local.LoadsBegun(model_), 0);
}

TEST_F(NodeAgentTest, TaskOfADeadRegistrationFailsAfterTheRestart) {
  tasks::TaskRecord record;
  record.type = tasks::TaskType::kRegisterModel;
  record.owner = {.node = NodeId("n1"), .incarnation = incarnation_};
  record.deadline = disk_.clock.WallMillis() + 600'000;
  const TaskId id = node_->tasks.Create(record)->id;
  node_->RunFor(seconds(2));
  EXPECT_EQ(node_->Task(id).state, TaskState::kCreated);
  Crash();
  Boot();
  EXPECT_EQ(node_->Task(id).state, TaskState::kFailed);
  EXPECT_EQ(node_->Task(id).error, "The node that ran this task is gone");
}

using models::Action;
constexpr auto kDeploy = static_cast<std::size_t>(Action::kDeploy);
constexpr auto kUndeploy = static_cast<std::size_t>(Action::kUndeploy);

TEST_F(NodeAgentTest, CountsEachDeployThatWasAskedForAlsoWhenNothingIsToDo) {
  node_->AddModel("m");
  DeployModel();
  DeployModel();
  node_->RunFor(seconds(5));
  EXPECT_EQ(node_->actions.Models().at(model_)[kDeploy].requests, 2U);
}

TEST_F(NodeAgentTest, CountsNoDeployAfterARestart) {
  node_->AddModel("m");
  DeployModel();
  Crash();
  Boot();
  node_->RunFor(seconds(5));
  ASSERT_EQ(node_->StateOf(model_), ModelState::kDeployed);
  EXPECT_THAT(node_->actions.Models(), IsEmpty());
}

TEST_F(NodeAgentTest, CountsAFailedDeployOnce) {
  node_->AddModel("m");
  node_->local.SetScript(model_, {.error = MakeError(Code::kUnavailable, "the store is away")});
  DeployModel();
  node_->RunFor(seconds(60));
  EXPECT_EQ(node_->actions.Total()[kDeploy].requests, 1U);
  EXPECT_EQ(node_->actions.Total()[kDeploy].failures, 1U);
}

TEST_F(NodeAgentTest, CountsADeployThatTheNodeRefuses) {
  node_->AddModel("m", 1);
  DeployModel();
  EXPECT_EQ(node_->actions.Total()[kDeploy].requests, 1U);
  EXPECT_EQ(node_->actions.Total()[kDeploy].failures, 1U);
}

TEST_F(NodeAgentTest, CountsAnUndeployOnlyWhereTheModelWas) {
  node_->AddModel("m");
  ASSERT_TRUE(node_->deploys.Undeploy({model_}, {}));
  node_->RunFor(seconds(1));
  EXPECT_EQ(node_->actions.Total()[kUndeploy].requests, 0U);
  DeployModel();
  ASSERT_TRUE(node_->deploys.Undeploy({model_}, {}));
  node_->RunFor(seconds(1));
  EXPECT_EQ(node_->actions.Models().at(model_)[kUndeploy].requests, 1U);
}

TEST_F(NodeAgentTest, UnusedModelIsUndeployedWhenItsTimeHasPassed) {
  node_->AddModel("m");
  const auto set_minutes = [&](int minutes) {
    ASSERT_TRUE(node_->models.Update(model_, [&](models::Model& model) -> Status {
      model.passthrough["deploy_setting"] = json::object{{"model_ttl_minutes", minutes}};
      return {};
    }));
  };
  set_minutes(2);
  DeployModel();
  node_->local.SetLastUsed(model_, disk_.clock.Now());
  node_->RunFor(seconds(100));
  node_->local.SetLastUsed(model_, disk_.clock.Now());
  node_->RunFor(seconds(110));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed) << "used again meanwhile";
  set_minutes(-1);
  node_->RunFor(seconds(600));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed) << "the newest word counts";
  set_minutes(2);
  node_->RunFor(seconds(3));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kUndeployed);
  EXPECT_THAT(node_->local.List(), IsEmpty());
  Crash();
  Boot();
  node_->RunFor(seconds(3));
  EXPECT_EQ(node_->local.LoadsBegun(model_), 0);
  DeployModel();
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed) << "deploying it again is using it";
}

TEST_F(NodeAgentTest, RestartLoadsNothingWhileRedeploysAreOff) {
  const std::string setting = "plugins.ml_commons.model_auto_redeploy.enable";
  node_->AddModel("m");
  DeployModel();
  Crash();
  node_ = std::make_unique<OneNode>(disk_, ++incarnation_);
  node_->Set(setting, "false");
  node_->Start();
  node_->RunFor(seconds(60));
  EXPECT_EQ(node_->local.LoadsBegun(model_), 0);
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployFailed);
  EXPECT_THAT(node_->deploys.Get(model_)->deployment.reason, ::testing::HasSubstr(setting + " is false"));
  EXPECT_TRUE(node_->agent.Settled());
  DeployModel();
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
}

TEST_F(NodeAgentTest, RedeploysThatAreSwitchedOnBeginAtOnce) {
  const std::string setting = "plugins.ml_commons.model_auto_redeploy.enable";
  node_->AddModel("m");
  DeployModel();
  Crash();
  node_ = std::make_unique<OneNode>(disk_, ++incarnation_);
  node_->Set(setting, "false");
  node_->Start();
  node_->RunFor(seconds(5));
  node_->Set(setting, "true");
  node_->RunFor(seconds(2));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
}

TEST_F(NodeAgentTest, WhatIsServedStaysWhenRedeploysAreSwitchedOff) {
  node_->AddModel("m");
  DeployModel();
  node_->Set("plugins.ml_commons.model_auto_redeploy.enable", "false");
  node_->RunFor(seconds(60));
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
  EXPECT_EQ(node_->local.Unloads(model_), 0);
}

TEST_F(NodeAgentTest, RestartAsksNoBreaker) {
  node_->AddModel("m");
  DeployModel();
  Crash();
  node_ = std::make_unique<OneNode>(disk_, ++incarnation_);
  node_->resources = {.memory_used = 99, .memory_limit = 100, .disk_free = 0};
  node_->Start();
  EXPECT_EQ(node_->StateOf(model_), ModelState::kDeployed);
}

TEST_F(NodeAgentTest, ArtifactsOfModelsThatExistAreKept) {
  node_->AddModel("m");
  node_->RunFor(seconds(11));
  EXPECT_THAT(node_->local.kept_artifacts(), ::testing::ElementsAre(std::string(64, 'a')));
  ASSERT_TRUE(node_->models.Remove(model_));
  node_->RunFor(seconds(11));
  EXPECT_THAT(node_->local.kept_artifacts(), IsEmpty());
}

}  // namespace
}  // namespace mlnode::deploy
