#include "deploy/deploy_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using serving::Phase;
using std::chrono::milliseconds;
using std::chrono::seconds;
using storage::testing::WriteFault;
using tasks::TaskState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::OneDisk;
using testing::OneNode;

const NodeId kNode{"n1"};

class DeployServiceTest : public ::testing::Test {
 protected:
  DeployServiceTest() { node_.Start(); }
  Result<TaskId> Deploy(const std::vector<NodeId>& nodes = {}) { return node_.deploys.Deploy(model_, nodes); }
  TaskId DeployNow() {
    const TaskId task = Deploy().value();
    node_.RunFor(milliseconds(10));
    return task;
  }
  Plan StoredPlan() { return ReadPlan(**disk_.store.Get(PlanKey(model_))).value(); }

  OneDisk disk_;
  OneNode node_{disk_};
  const ModelId model_ = node_.AddModel("m");
};

TEST_F(DeployServiceTest, DeploysAndCompletesTheTask) {
  const TaskId id = Deploy().value();
  const auto created = node_.Task(id);
  EXPECT_EQ(created.state, TaskState::kCreated);
  EXPECT_EQ(created.function_name, "TEXT_EMBEDDING");
  EXPECT_THAT(created.worker_nodes, ElementsAre(kNode));
  EXPECT_EQ(created.model, model_);
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeploying);
  node_.RunFor(milliseconds(10));
  EXPECT_EQ(node_.Task(id).state, TaskState::kCompleted);
  EXPECT_FALSE(node_.Task(id).error);
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed);
  EXPECT_EQ(StoredPlan().last_deployed_time, disk_.clock.WallMillis() - 10);
}

TEST_F(DeployServiceTest, TaskRunsWhileTheNodeLoads) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kFetching});
  const TaskId id = DeployNow();
  EXPECT_EQ(node_.Task(id).state, TaskState::kRunning);
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeploying);
}

TEST_F(DeployServiceTest, UnknownModelIsNotFound) {
  const auto refused = node_.deploys.Deploy(ModelId("nope"), {});
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_EQ(refused.error().message, "Failed to find model");
  EXPECT_THAT(node_.tasks.List(), IsEmpty());
}

TEST_F(DeployServiceTest, LocalModelsSwitchedOffAreRefused) {
  node_.Set("plugins.ml_commons.local_model.enabled", "false");
  EXPECT_THAT(Deploy().error().message, HasSubstr("Local Model is currently disabled."));
}

TEST_F(DeployServiceTest, NodesNeedTheSetting) {
  node_.Set("plugins.ml_commons.allow_custom_deployment_plan", "false");
  EXPECT_EQ(Deploy({kNode}).error().message, "Don't allow custom deployment plan");
  EXPECT_EQ(node_.deploys.Undeploy({model_}, {kNode}).error().message, "Don't allow custom deployment plan");
  EXPECT_TRUE(Deploy({}));
}

TEST_F(DeployServiceTest, UnknownNodesAreDroppedUnlessNoneIsLeft) {
  EXPECT_EQ(Deploy({NodeId("nope")}).error().message, "no eligible node found");
  const TaskId id = Deploy({NodeId("nope"), kNode}).value();
  EXPECT_THAT(node_.Task(id).worker_nodes, ElementsAre(kNode));
  EXPECT_THAT(StoredPlan().nodes, ElementsAre(kNode));
}

TEST_F(DeployServiceTest, NoEligibleNodeIsRefused) {
  node_.Set("plugins.ml_commons.exclude_nodes._name", "other, n1");
  EXPECT_EQ(Deploy().error().message, "no eligible node found");
  EXPECT_THAT(node_.tasks.List(), IsEmpty());
}

TEST_F(DeployServiceTest, NodeListMustIncludeThoseThatServe) {
  DeployNow();
  const auto refused = Deploy({NodeId("no-such-node")});
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(refused.error().message,
            "Model already deployed to these nodes: [n1], but they are not included in target node ids. Undeploy model "
            "from these nodes if don't need them any more.Undeploy from old nodes before try to deploy model on new "
            "nodes. Or include all old nodes on your target nodes.");
}

TEST_F(DeployServiceTest, DeployAgainCompletesWithoutAReload) {
  DeployNow();
  const std::uint64_t generation = StoredPlan().generation;
  const TaskId again = Deploy().value();
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed) << "it never stopped serving";
  node_.RunFor(milliseconds(10));
  EXPECT_EQ(node_.Task(again).state, TaskState::kCompleted);
  EXPECT_EQ(node_.local.LoadsBegun(model_), 1);
  EXPECT_EQ(StoredPlan().generation, generation + 1);
}

TEST_F(DeployServiceTest, SecondDeployJoinsTheFirst) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const TaskId first = DeployNow();
  const TaskId second = Deploy().value();
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.Task(second).state, TaskState::kRunning);
  node_.local.SetScript(model_, {});
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.Task(first).state, TaskState::kCompleted);
  EXPECT_EQ(node_.Task(second).state, TaskState::kCompleted);
  EXPECT_EQ(node_.local.LoadsBegun(model_), 1);
}

TEST_F(DeployServiceTest, NodeFailureFailsTaskAndModelWithItsReason) {
  node_.local.SetScript(model_, {.error = MakeError(Code::kInvalidArgument, "model content changed")});
  const TaskId id = DeployNow();
  EXPECT_EQ(node_.Task(id).state, TaskState::kFailed);
  EXPECT_EQ(node_.Task(id).error, R"({"n1":"model content changed"})");
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployFailed);
  EXPECT_EQ(node_.deploys.Get(model_)->deployment.reason, R"({"n1":"model content changed"})");
  node_.RunFor(seconds(60));
  EXPECT_EQ(node_.local.LoadsBegun(model_), 1) << "only a new request tries again";
  node_.local.SetScript(model_, {});
  const TaskId again = DeployNow();
  EXPECT_EQ(node_.Task(again).state, TaskState::kCompleted);
}

TEST_F(DeployServiceTest, ModelWithMissingChunksFailsAsThePeerSays) {
  struct Case {
    std::string id;
    int missing;
    std::string reason;
  };
  for (const Case& c :
       {Case{"none", 3, "Failed to deploy model"}, Case{"last", 1, "Fail to find model chunk last_2"}}) {
    const ModelId model = node_.AddModel(c.id, c.missing);
    const TaskId id = node_.deploys.Deploy(model, {}).value();
    node_.RunFor(milliseconds(10));
    EXPECT_EQ(node_.Task(id).state, TaskState::kFailed);
    EXPECT_EQ(node_.Task(id).error, "{\"n1\":\"" + c.reason + "\"}");
    EXPECT_EQ(node_.StateOf(model), ModelState::kRegistering);
  }
}

TEST_F(DeployServiceTest, FailureBeforeTheUploadEndedIsForgottenWithIt) {
  const ModelId model = node_.AddModel("early", 1);
  ASSERT_TRUE(node_.deploys.Deploy(model, {}));
  node_.RunFor(milliseconds(10));
  EXPECT_TRUE(node_.deploys.Get(model)->plan);
  ASSERT_TRUE(node_.models.Update(model, [](models::Model& document) -> Status {
    document.registration = models::Registration::kRegistered;
    return {};
  }));
  EXPECT_EQ(node_.StateOf(model), ModelState::kRegistered);
  EXPECT_FALSE(node_.deploys.Get(model)->plan);
  node_.local.SetScript(model, {.stuck_at = Phase::kLoading});
  ASSERT_TRUE(node_.deploys.Deploy(model, {}));
  node_.RunFor(milliseconds(10));
  EXPECT_EQ(node_.StateOf(model), ModelState::kDeploying);
  EXPECT_FALSE(node_.deploys.Get(model)->plan->last_deployed_time);
}

TEST_F(DeployServiceTest, UndeployForgetsAFailureBeforeTheUploadEnded) {
  const ModelId model = node_.AddModel("early", 1);
  ASSERT_TRUE(node_.deploys.Deploy(model, {}));
  node_.RunFor(milliseconds(10));
  EXPECT_TRUE(node_.deploys.Get(model)->plan->last_deployed_time);
  ASSERT_TRUE(node_.deploys.Undeploy({model}, {}));
  EXPECT_FALSE(node_.deploys.Get(model)->plan->last_deployed_time);
}

TEST_F(DeployServiceTest, UndeployKeepsTheTimeOfADeployThatTheUploadOvertook) {
  const ModelId model = node_.AddModel("early", 1);
  ASSERT_TRUE(node_.deploys.Deploy(model, {}));
  ASSERT_TRUE(node_.models.Update(model, [](models::Model& document) -> Status {
    document.registration = models::Registration::kRegistered;
    return {};
  }));
  node_.RunFor(milliseconds(10));
  ASSERT_EQ(node_.StateOf(model), ModelState::kDeployed);
  ASSERT_TRUE(node_.deploys.Undeploy({model}, {}));
  EXPECT_TRUE(node_.deploys.Get(model)->plan->last_deployed_time);
}

TEST_F(DeployServiceTest, LimitOfModelsIsTheNodesFailure) {
  node_.Set("plugins.ml_commons.max_model_on_node", "1");
  DeployNow();
  const ModelId other = node_.AddModel("other");
  const TaskId id = node_.deploys.Deploy(other, {}).value();
  node_.RunFor(milliseconds(10));
  EXPECT_EQ(node_.Task(id).error, R"({"n1":"Exceed max local model per node limit"})");
  const TaskId again = DeployNow();
  EXPECT_EQ(node_.Task(again).state, TaskState::kCompleted) << "what is loaded is within the limit";
}

TEST_F(DeployServiceTest, LimitOfRunningDeploysIsTheNodesFailure) {
  node_.Set("plugins.ml_commons.max_deploy_model_tasks_per_node", "0");
  const TaskId id = DeployNow();
  EXPECT_EQ(node_.Task(id).error, R"({"n1":"exceed max running task limit"})");
}

TEST_F(DeployServiceTest, OpenBreakersAreTheNodesFailure) {
  node_.resources = {.memory_used = 95, .memory_limit = 100};
  EXPECT_THAT(node_.Task(DeployNow()).error.value_or(""), HasSubstr("Native Memory Circuit Breaker is open"));
  node_.Set("plugins.ml_commons.native_memory_threshold", "100");
  node_.resources.disk_free = 1'000;
  EXPECT_THAT(node_.Task(DeployNow()).error.value_or(""), HasSubstr("Disk Circuit Breaker is open"));
  EXPECT_EQ(node_.local.LoadsBegun(model_), 0);
  node_.Set("plugins.ml_commons.disk_free_space_threshold", "0");
  EXPECT_EQ(node_.Task(DeployNow()).state, TaskState::kCompleted);
  node_.resources = {.memory_used = 95, .memory_limit = 100, .disk_free = 0};
  node_.Set("plugins.ml_commons.native_memory_threshold", "1");
  EXPECT_EQ(node_.Task(DeployNow()).state, TaskState::kCompleted) << "what is loaded needs nothing";
}

TEST_F(DeployServiceTest, UndeployStopsServing) {
  DeployNow();
  const auto report = node_.deploys.Undeploy({model_}, {}).value();
  EXPECT_EQ(report.nodes.at(kNode).at(model_), UndeployResult::kUndeployed);
  EXPECT_EQ(node_.StateOf(model_), ModelState::kUndeployed);
  node_.RunFor(milliseconds(10));
  EXPECT_FALSE(node_.local.Find(model_));
  const auto again = node_.deploys.Undeploy({model_}, {}).value();
  EXPECT_EQ(again.nodes.at(kNode).at(model_), UndeployResult::kNotFound);
}

TEST_F(DeployServiceTest, UndeployOfARegisteredModelMakesItUndeployed) {
  EXPECT_EQ(node_.StateOf(model_), ModelState::kRegistered);
  EXPECT_EQ(node_.deploys.Undeploy({model_}, {})->nodes.at(kNode).at(model_), UndeployResult::kNotFound);
  EXPECT_EQ(node_.StateOf(model_), ModelState::kUndeployed);
}

TEST_F(DeployServiceTest, UndeployOfOneUnknownModelIsNotFoundOfSeveralIsNot) {
  EXPECT_EQ(node_.deploys.Undeploy({ModelId("nope")}, {}).error().message, "Failed to find model");
  DeployNow();
  const auto report = node_.deploys.Undeploy({model_, ModelId("nope")}, {}).value();
  EXPECT_EQ(report.nodes.at(kNode).at(model_), UndeployResult::kUndeployed);
  EXPECT_EQ(report.nodes.at(kNode).at(ModelId("nope")), UndeployResult::kNotFound);
  EXPECT_FALSE(disk_.store.Get(PlanKey(ModelId("nope"))));
}

TEST_F(DeployServiceTest, UndeployOfSeveralIsRefusedUnderAccessControl) {
  node_.Set("plugins.ml_commons.model_access_control_enabled", "true");
  EXPECT_EQ(node_.deploys.Undeploy({model_, ModelId("n")}, {}).error().message, "only support undeploy one model");
  EXPECT_TRUE(node_.deploys.Undeploy({model_}, {}));
}

TEST_F(DeployServiceTest, UndeployFromUnknownNodesChangesNothing) {
  DeployNow();
  EXPECT_THAT(node_.deploys.Undeploy({model_}, {NodeId("nope")})->nodes, IsEmpty());
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed);
}

TEST_F(DeployServiceTest, UndeployOfARegisteredModelFromNodesChangesNothing) {
  EXPECT_TRUE(node_.deploys.Undeploy({model_}, {kNode}));
  EXPECT_EQ(node_.StateOf(model_), ModelState::kRegistered);
}

TEST_F(DeployServiceTest, UndeployFromTheOnlyNodeUndeploys) {
  DeployNow();
  EXPECT_EQ(node_.deploys.Undeploy({model_}, {kNode})->nodes.at(kNode).at(model_), UndeployResult::kUndeployed);
  EXPECT_EQ(node_.StateOf(model_), ModelState::kUndeployed);
}

TEST_F(DeployServiceTest, UndeployWhileDeployingCancelsAtOnce) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const TaskId id = DeployNow();
  EXPECT_EQ(node_.deploys.Undeploy({model_}, {})->nodes.at(kNode).at(model_), UndeployResult::kNotFound);
  EXPECT_EQ(node_.Task(id).state, TaskState::kFailed);
  EXPECT_EQ(node_.Task(id).error, "The model was undeployed while it was being deployed");
  EXPECT_EQ(node_.StateOf(model_), ModelState::kUndeployed);
  node_.RunFor(seconds(5));
  EXPECT_THAT(node_.local.List(), IsEmpty());
  EXPECT_EQ(node_.StateOf(model_), ModelState::kUndeployed);
}

TEST_F(DeployServiceTest, UndeployInEachPhaseCancelsWithinFiveSeconds) {
  for (const Phase phase :
       {Phase::kQueued, Phase::kFetching, Phase::kUnpacking, Phase::kReserving, Phase::kLoading, Phase::kWarming}) {
    const std::string name(serving::PhaseName(phase));
    const ModelId model = node_.AddModel(name);
    node_.local.SetScript(model, {.stuck_at = phase});
    const TaskId id = node_.deploys.Deploy(model, {}).value();
    node_.RunFor(milliseconds(10));
    ASSERT_EQ(node_.StateOf(model), ModelState::kDeploying) << name;
    ASSERT_EQ(node_.local.List().at(0).phase, phase) << name;
    ASSERT_TRUE(node_.deploys.Undeploy({model}, {})) << name;
    node_.RunFor(seconds(5));
    EXPECT_EQ(node_.Task(id).state, TaskState::kFailed) << name;
    EXPECT_THAT(node_.local.List(), IsEmpty()) << name;
    EXPECT_EQ(node_.StateOf(model), ModelState::kUndeployed) << name;
  }
}

TEST_F(DeployServiceTest, TaskThatUndeployCouldNotEndIsEndedLater) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const TaskId id = DeployNow();
  disk_.store.FailWrite(2, WriteFault::kUnavailable);  // 1: the plan, 2: the task
  EXPECT_TRUE(node_.deploys.Undeploy({model_}, {}));
  EXPECT_EQ(node_.Task(id).state, TaskState::kRunning);
  node_.RunFor(seconds(2));
  EXPECT_EQ(node_.Task(id).state, TaskState::kFailed);
  EXPECT_EQ(node_.Task(id).error, "The model was undeployed while it was being deployed");
}

TEST_F(DeployServiceTest, NewDeployEndsTheTasksOfACancelledOneFirst) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const TaskId cancelled = DeployNow();
  disk_.store.FailWrite(2, WriteFault::kUnavailable);
  EXPECT_TRUE(node_.deploys.Undeploy({model_}, {}));
  node_.local.SetScript(model_, {});
  const TaskId id = Deploy().value();
  EXPECT_EQ(node_.Task(cancelled).error, "The model was undeployed while it was being deployed");
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.Task(id).state, TaskState::kCompleted);
}

TEST_F(DeployServiceTest, PlanThatIsRefusedFailsTheTask) {
  disk_.store.FailWrite(2, WriteFault::kDiskFull);  // 1: the task, 2: the plan
  EXPECT_EQ(Deploy().error().code, Code::kResourceExhausted);
  ASSERT_EQ(node_.tasks.List().size(), 1u);
  EXPECT_EQ(node_.tasks.List()[0].state, TaskState::kFailed);
  EXPECT_EQ(node_.StateOf(model_), ModelState::kRegistered);
}

TEST_F(DeployServiceTest, TaskWithoutAPlanEndsAtItsDeadline) {
  disk_.store.FailWrite(2, WriteFault::kUnavailable);
  EXPECT_EQ(Deploy().error().code, Code::kUnavailable);
  node_.RunFor(seconds(29));
  EXPECT_EQ(node_.tasks.List()[0].state, TaskState::kCreated);
  node_.RunFor(seconds(2));
  EXPECT_EQ(node_.tasks.List()[0].state, TaskState::kFailed);
  EXPECT_EQ(node_.tasks.List()[0].error, "timeout after 30 seconds");
}

TEST_F(DeployServiceTest, LostAnswersAreSettled) {
  disk_.store.FailWrite(1, WriteFault::kLostDone);
  disk_.store.FailWrite(2, WriteFault::kLostNotDone);
  const TaskId id = DeployNow();
  EXPECT_EQ(node_.Task(id).state, TaskState::kCompleted);
  EXPECT_EQ(node_.tasks.List().size(), 1u);
}

TEST_F(DeployServiceTest, ListShowsEveryModel) {
  node_.AddModel("a");
  DeployNow();
  const auto views = node_.deploys.List();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].deployment.state, ModelState::kRegistered);
  EXPECT_EQ(views[1].deployment.state, ModelState::kDeployed);
  EXPECT_THAT(views[1].placements, ::testing::SizeIs(1));
}

class DeleteTest : public DeployServiceTest {
 protected:
  models::ModelRegistration registration_{{.models = node_.models,
                                           .tasks = node_.tasks,
                                           .actions = node_.actions,
                                           .random = disk_.random,
                                           .clock = disk_.clock,
                                           .background = disk_.executor,
                                           .settings = *node_.settings,
                                           .client = nullptr,
                                           .temporary = {},
                                           .owner = {}}};
};

TEST_F(DeleteTest, DeployedAndDeployingAreRefused) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  DeployNow();
  const std::string text =
      "Model cannot be deleted in deploying or deployed state. Try undeploy model first then delete";
  EXPECT_EQ(node_.deploys.Delete(model_, registration_).error().message, text);
  node_.local.SetScript(model_, {});
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.deploys.Delete(model_, registration_).error().message, text);
}

TEST_F(DeleteTest, LeavesNothing) {
  DeployNow();
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  ASSERT_TRUE(node_.deploys.Delete(model_, registration_));
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.deploys.Get(model_).error().code, Code::kNotFound);
  EXPECT_EQ(node_.deploys.Delete(model_, registration_).error().message, "Failed to find model");
  EXPECT_FALSE(disk_.store.Get(PlanKey(model_)));
  EXPECT_FALSE(disk_.store.Get(PlacementKey(kNode, model_)));
  EXPECT_THAT(node_.local.List(), IsEmpty());
}

TEST_F(DeleteTest, DeleteThatRacesADeployCancelsIt) {
  node_.local.SetScript(model_, {.stuck_at = Phase::kLoading});
  const TaskId id = DeployNow();
  ASSERT_TRUE(node_.models.Remove(model_));  // what a Delete does that looked before the deploy
  node_.RunFor(seconds(5));
  EXPECT_EQ(node_.Task(id).state, TaskState::kFailed);
  EXPECT_EQ(node_.Task(id).error, "The model was deleted while it was being deployed");
  EXPECT_FALSE(disk_.store.Get(PlanKey(model_)));
  EXPECT_THAT(node_.local.List(), IsEmpty());
}

}  // namespace
}  // namespace mlnode::deploy
