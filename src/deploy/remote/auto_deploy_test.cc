#include "deploy/remote/auto_deploy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using serving::Phase;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::SizeIs;

class AutoDeployTest : public ::testing::Test {
 protected:
  AutoDeployTest() {
    node_.Start();
    deploys_.Start();
  }
  struct Waiting {
    std::optional<Result<std::shared_ptr<serving::Servable>>> answer;
    std::string Why() const { return !answer ? "waits" : *answer ? "here" : answer->error().message; }
  };
  std::shared_ptr<Waiting> Obtain(Duration patience = seconds(30)) {
    auto waiting = std::make_shared<Waiting>();
    deploys_.Obtain(model_, Deadline::After(disk_.clock, patience),
                    [waiting](Result<std::shared_ptr<serving::Servable>> servable) {
                      EXPECT_FALSE(waiting->answer) << "answered twice";
                      waiting->answer = std::move(servable);
                    });
    return waiting;
  }
  Plan StoredPlan() { return ReadPlan(**disk_.store.Get(PlanKey(model_))).value(); }

  testing::OneDisk disk_;
  testing::OneNode node_{disk_};
  const ModelId model_ = node_.AddRemote("r");
  AutoDeploy deploys_{{.deploys = node_.deploys,
                       .membership = node_.membership,
                       .local = node_.local,
                       .store = disk_.store,
                       .settings = *node_.settings,
                       .background = disk_.executor,
                       .timers = disk_.executor,
                       .clock = disk_.clock}};
};

TEST_F(AutoDeployTest, ManyWhoAskMakeOnePlan) {
  std::vector<std::shared_ptr<Waiting>> all;
  for (int i = 0; i < 100; ++i) all.push_back(Obtain());
  EXPECT_EQ(deploys_.waiting(), 100U);
  node_.RunFor(milliseconds(100));
  for (const auto& one : all) EXPECT_EQ(one->Why(), "here");
  EXPECT_EQ(StoredPlan().generation, 1U);
  EXPECT_THAT(node_.tasks.List(), SizeIs(1));
  EXPECT_EQ(deploys_.waiting(), 0U);
  EXPECT_EQ(Obtain()->Why(), "here") << "at once";
  EXPECT_EQ(StoredPlan().generation, 1U);
}

// A node that was restarted while it held a deployed remote model.
class RestartedTest : public ::testing::Test {
 protected:
  RestartedTest() {
    {
      testing::OneNode before(disk_);
      before.AddRemote("r");
      before.Start();
      EXPECT_TRUE(before.deploys.Deploy(model_, {}));
      before.RunFor(milliseconds(100));
      EXPECT_EQ(before.StateOf(model_), ModelState::kDeployed);
      disk_.executor.DropAll();
    }
    disk_.memory.Restart();
    node_.emplace(disk_, 2);
    deploys_.emplace(AutoDeployEnvironment{.deploys = node_->deploys,
                                           .membership = node_->membership,
                                           .local = node_->local,
                                           .store = disk_.store,
                                           .settings = *node_->settings,
                                           .background = disk_.executor,
                                           .timers = disk_.executor,
                                           .clock = disk_.clock});
  }
  void SwitchRedeploysOff() { node_->Set("plugins.ml_commons.model_auto_redeploy.enable", "false"); }
  void Start() {
    node_->Start();
    deploys_->Start();
  }
  Plan StoredPlan() { return ReadPlan(**disk_.store.Get(PlanKey(model_))).value(); }
  // "here", "waits", or why not.
  std::string Obtain() {
    auto answer = std::make_shared<std::string>("waits");
    deploys_->Obtain(model_, Deadline::After(disk_.clock, seconds(60)),
                     [answer](const Result<std::shared_ptr<serving::Servable>>& servable) {
                       *answer = servable ? "here" : servable.error().message;
                     });
    node_->RunFor(milliseconds(100));
    return *answer;
  }

  const ModelId model_{"r"};
  testing::OneDisk disk_;
  std::optional<testing::OneNode> node_;
  std::optional<AutoDeploy> deploys_;
};

TEST_F(RestartedTest, WhatIsNotRedeployedIsDeployedAnewWhenAsked) {
  SwitchRedeploysOff();
  Start();
  node_->RunFor(seconds(5));
  ASSERT_EQ(node_->local.Find(model_), nullptr);
  EXPECT_EQ(Obtain(), "here");
  EXPECT_EQ(StoredPlan().generation, 2U);
}

TEST_F(RestartedTest, ARefusalThatIsStillToComeIsNotWaitedFor) {
  SwitchRedeploysOff();
  EXPECT_TRUE(node_->membership.Start());
  deploys_->Start();
  EXPECT_EQ(Obtain(), "waits");
  EXPECT_EQ(StoredPlan().generation, 2U) << "the agent has not looked yet";
}

// Refused for another reason, with redeploys on: earlier processes ended while they loaded it.
TEST_F(RestartedTest, WhatTheAgentRefusedIsDeployedAnewWhenAsked) {
  const BegunLoads begun{{model_, {.generation = StoredPlan().generation, .incarnation = 1, .count = 100}}};
  const storage::Key key = BegunKey(NodeId("n1"));
  ASSERT_TRUE(storage::Commit(disk_.store, {.key = key,
                                            .expect = storage::Expect::Revision((*disk_.store.Get(key))->revision),
                                            .body = StoredForm(begun),
                                            .nonce = NewNonce(disk_.random)}));
  Start();
  node_->RunFor(seconds(5));
  ASSERT_EQ(node_->local.LoadsBegun(model_), 0);
  EXPECT_EQ(Obtain(), "here");
  EXPECT_EQ(StoredPlan().generation, 2U);
}

TEST_F(AutoDeployTest, WhatIsUnderWayAlreadyIsWaitedFor) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  ASSERT_TRUE(node_.deploys.Deploy(model_, {}));
  const auto waiting = Obtain();
  node_.RunFor(seconds(1));
  EXPECT_EQ(waiting->Why(), "waits");
  node_.local.SetScript(model_, {});
  node_.RunFor(seconds(1));
  EXPECT_EQ(waiting->Why(), "here");
  EXPECT_EQ(StoredPlan().generation, 1U);
}

TEST_F(AutoDeployTest, UndeployedModelsComeBack) {
  (void)Obtain();
  node_.RunFor(milliseconds(100));
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  node_.RunFor(milliseconds(100));
  ASSERT_EQ(node_.local.Find(model_), nullptr);
  const auto again = Obtain();
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(again->Why(), "here");
}

TEST_F(AutoDeployTest, WhatIsOnItsWayOutIsNotHandedOut) {
  (void)Obtain();
  node_.RunFor(milliseconds(100));
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  ASSERT_NE(node_.local.Find(model_), nullptr) << "this node has not acted yet";
  const auto again = Obtain();
  EXPECT_EQ(again->Why(), "waits");
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(again->Why(), "here");
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed);
}

TEST_F(AutoDeployTest, NobodyWaitsBeyondTheDeadline) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const auto waiting = Obtain(seconds(2));
  node_.RunFor(milliseconds(1'900));
  EXPECT_EQ(waiting->Why(), "waits");
  node_.RunFor(milliseconds(200));
  ASSERT_TRUE(waiting->answer);
  EXPECT_EQ(waiting->answer->error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(deploys_.waiting(), 0U);
}

TEST_F(AutoDeployTest, ALoadThatFailsIsTheAnswerAndNotTriedForAMoment) {
  node_.local.SetScript(model_, {.error = MakeError(Code::kFailedPrecondition, "sealed under key k9")});
  const auto waiting = Obtain();
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(waiting->Why(), "sealed under key k9");
  EXPECT_EQ(Obtain()->Why(), "sealed under key k9") << "at once";
  EXPECT_THAT(node_.tasks.List(), SizeIs(1));
  node_.local.SetScript(model_, {});
  node_.RunFor(AutoDeploy::kFailurePause);
  const auto later = Obtain();
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(later->Why(), "here");
}

class BrokenModelTest : public AutoDeployTest {
 protected:
  BrokenModelTest() { Break(); }
  void Break() { node_.local.SetScript(model_, {.error = MakeError(Code::kFailedPrecondition, "broken")}); }
  // Asks each 100 ms for this long; how often that made a task.
  std::size_t AskFor(Duration time) {
    const std::size_t before = node_.tasks.List().size();
    for (const SteadyTime end = disk_.clock.Now() + time; disk_.clock.Now() < end;) {
      (void)Obtain();
      node_.RunFor(milliseconds(100));
    }
    return node_.tasks.List().size() - before;
  }
  bool Loads() {
    node_.local.SetScript(model_, {});
    const auto waiting = Obtain();
    node_.RunFor(milliseconds(100));
    return waiting->Why() == "here";
  }
};

TEST_F(BrokenModelTest, ThePauseDoublesWithEachFailureInARow) {
  EXPECT_LE(AskFor(std::chrono::minutes(10)), 11U) << "1, 2, 4, ... 256, 300 s";
  EXPECT_LE(AskFor(std::chrono::hours(1)), 13U) << "each five minutes";
  EXPECT_GE(AskFor(std::chrono::minutes(11)), 2U) << "it is still tried";
}

TEST_F(BrokenModelTest, ASuccessBeginsAnew) {
  AskFor(std::chrono::minutes(1));
  node_.RunFor(AutoDeploy::kLongestPause - seconds(1));
  ASSERT_TRUE(Loads());
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  node_.RunFor(seconds(1));
  Break();
  EXPECT_GE(AskFor(seconds(5)), 2U);
}

// Of which nobody here waits.
TEST_F(BrokenModelTest, ADeployByRequestThatSucceedsBeginsAnew) {
  AskFor(std::chrono::minutes(1));
  node_.local.SetScript(model_, {});
  ASSERT_TRUE(node_.deploys.Deploy(model_, {}));
  node_.RunFor(seconds(1));
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  node_.RunFor(seconds(1));
  EXPECT_TRUE(Loads());
}

TEST_F(BrokenModelTest, AChangeOfTheModelIsTriedAtOnce) {
  AskFor(std::chrono::minutes(1));
  ASSERT_TRUE(node_.models.Update(model_, [](models::Model& model) -> Status {
    model.name = "put right";
    return {};
  }));
  EXPECT_TRUE(Loads());
}

TEST_F(BrokenModelTest, AChangeOfItsConnectorIsTriedAtOnce) {
  const auto put = [this](const char* text) {
    const storage::Key key{storage::Collection::kConnectors, "c1"};
    const auto change = [text](json::object& body) -> Result<bool> {
      body["description"] = text;
      return true;
    };
    ASSERT_TRUE(storage::Update(disk_.store, disk_.random, key, change, {.create_if_absent = true}));
  };
  ASSERT_TRUE(node_.models.Update(model_, [](models::Model& model) -> Status {
    model.connector.reset();
    model.connector_id = connectors::ConnectorId("c1");
    return {};
  }));
  put("as it was");
  AskFor(std::chrono::minutes(1));
  put("put right");
  EXPECT_TRUE(Loads());
}

TEST_F(BrokenModelTest, AChangeOfASettingIsTriedAtOnce) {
  AskFor(std::chrono::minutes(1));
  node_.Set("plugins.ml_commons.trusted_connector_endpoints_regex", R"(["^https://put\.right/.*$"])");
  EXPECT_TRUE(Loads());
}

// What keeps a plan from being written is the store's, and passes.
TEST_F(AutoDeployTest, AStoreThatRefusesDoesNotMakeThePauseLonger) {
  for (int i = 0; i < 10; ++i) {
    disk_.store.FailWrite(1, storage::testing::WriteFault::kUnavailable);
    (void)Obtain();
    node_.RunFor(AutoDeploy::kFailurePause);
  }
  disk_.store.ForgetFaults();
  node_.RunFor(AutoDeploy::kFailurePause);
  const auto waiting = Obtain();
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(waiting->Why(), "here");
}

TEST_F(AutoDeployTest, WhatCannotBeDeployedIsRefused) {
  node_.Set("plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model", "ingest");
  const auto waiting = Obtain();
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(waiting->Why(), "no eligible node found");
}

TEST_F(AutoDeployTest, ANodeNeedNoRoleForLocalModels) {
  node_.Set("plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model", "data");
  node_.Set("plugins.ml_commons.task_dispatcher.eligible_node_role.local_model", "ingest");
  node_.Set("plugins.ml_commons.only_run_on_ml_node", "false");
  const auto waiting = Obtain();
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(waiting->Why(), "here");
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed);
}

TEST_F(AutoDeployTest, RemoteModelsDoNotCountAsLocalOnes) {
  node_.Set("plugins.ml_commons.max_model_on_node", "1");
  (void)Obtain();
  node_.RunFor(milliseconds(100));
  const ModelId local = node_.AddModel("local");
  ASSERT_TRUE(node_.deploys.Deploy(local, {}));
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(node_.StateOf(local), ModelState::kDeployed);
  const ModelId other = node_.AddRemote("other");
  ASSERT_TRUE(node_.deploys.Deploy(other, {}));
  node_.RunFor(milliseconds(100));
  EXPECT_EQ(node_.StateOf(other), ModelState::kDeployed) << "nor does their limit hold them up";
}

TEST_F(AutoDeployTest, AnUndeployMeanwhileEndsTheWait) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const auto waiting = Obtain();
  node_.RunFor(milliseconds(100));
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  node_.RunFor(milliseconds(100));
  ASSERT_TRUE(waiting->answer);
  EXPECT_EQ(waiting->answer->error().code, Code::kUnavailable);
}

TEST_F(AutoDeployTest, StoppingTellsThoseWhoWait) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const auto waiting = Obtain();
  node_.RunFor(milliseconds(100));
  deploys_.Stop();
  ASSERT_TRUE(waiting->answer);
  EXPECT_EQ(waiting->answer->error().code, Code::kUnavailable);
  EXPECT_EQ(Obtain()->answer->error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace mlnode::deploy
