#include "deploy/gate/predict_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using ::testing::StartsWith;

class PredictGateTest : public ::testing::Test {
 protected:
  PredictGateTest() { node_.Start(); }
  void DeployModel() {
    ASSERT_TRUE(node_.deploys.Deploy(model_, {}));
    node_.RunFor(std::chrono::milliseconds(10));
  }
  void Change(const std::function<void(models::Model&)>& change) {
    ASSERT_TRUE(node_.models.Update(model_, [&](models::Model& model) -> Status {
      change(model);
      return {};
    }));
  }
  void LimitModel(const std::string& limit) {
    Change([&](models::Model& model) { model.passthrough["rate_limiter"] = {{"limit", limit}, {"unit", "MINUTES"}}; });
  }
  void LimitUser(const std::string& user, const std::string& limit) {
    ASSERT_TRUE(
        node_.models.controllers().Put({.model = model_, .users = {{user, {.limit = limit, .unit = "MINUTES"}}}}));
  }
  void SetInterface(const json::object& interface) {
    Change([&](models::Model& model) { model.passthrough["interface"] = interface; });
  }
  // Why a prediction of `user` is refused; empty when it is not.
  std::string Refused(std::string_view user = {}) {
    const auto pass =
        gate_.Admit({.model = model_, .user = user, .instance = [this](std::string_view) { return instance_; }});
    return pass ? "" : pass.error().message;
  }

  std::string instance_ = R"({"text_docs":["a"]})";
  testing::OneDisk disk_;
  testing::OneNode node_{disk_};
  const ModelId model_ = node_.AddModel("m");
  PredictGate gate_{{.models = node_.models,
                     .local = node_.local,
                     .settings = *node_.settings,
                     .membership = node_.membership,
                     .clock = disk_.clock}};
};

constexpr const char* kNotReady = "Model not ready yet. Please deploy the model first.";
constexpr const char* kInputSchema = "Error validating input schema, ";
constexpr const char* kDisabled = "Model is disabled.";
constexpr const char* kModelThrottled = "Request is throttled at model level.";
constexpr const char* kUserThrottled =
    "Request is throttled at user level. If you think there's an issue, please contact your cluster admin.";

TEST_F(PredictGateTest, FindTellsTheFunction) {
  EXPECT_EQ(gate_.Find(model_)->function, models::FunctionName::kTextEmbedding);
  EXPECT_FALSE(gate_.Find(model_)->has_interface);
  EXPECT_EQ(gate_.Find(ModelId("nope")).error().message, "Failed to find model");
  EXPECT_EQ(gate_.Find(ModelId("nope")).error().code, Code::kNotFound);
}

TEST_F(PredictGateTest, FindRefusesFunctionsThatAreSwitchedOff) {
  node_.Set("plugins.ml_commons.local_model.enabled", "false");
  EXPECT_EQ(gate_.Find(model_).error().message,
            "Local Model is currently disabled. To enable it, update the setting "
            "\"plugins.ml_commons.local_model.enabled\" to true.");
  EXPECT_TRUE(CheckFunctionEnabled(models::FunctionName::kRemote, *node_.settings->Current()));
  node_.Set("plugins.ml_commons.remote_inference.enabled", "false");
  EXPECT_EQ(CheckFunctionEnabled(models::FunctionName::kRemote, *node_.settings->Current()).error().message,
            "Remote Inference is currently disabled. To enable it, update the setting "
            "\"plugins.ml_commons.remote_inference_enabled\" to true.");
}

TEST_F(PredictGateTest, AdmitsWhatIsReadyHere) {
  EXPECT_EQ(Refused(), kNotReady);
  EXPECT_EQ(gate_.Admit({.model = model_}).error().code, Code::kInvalidArgument);
  DeployModel();
  ASSERT_TRUE(gate_.Admit({.model = model_}));
  EXPECT_EQ(gate_.Admit({.model = model_})->servable->spec().model, model_);
}

TEST_F(PredictGateTest, NeverWaitsForTheAuthority) {
  DeployModel();
  disk_.store.set_before_call([](std::string_view call) { EXPECT_NE(call, "GetFresh"); });
  EXPECT_EQ(gate_.Find(ModelId("nope")).error().code, Code::kNotFound);
  EXPECT_TRUE(gate_.Find(model_));
  EXPECT_TRUE(gate_.Admit({.model = model_}));
  disk_.store.set_before_call({});
}

TEST_F(PredictGateTest, DisablingIsInForceAtOnce) {
  DeployModel();
  Change([](models::Model& model) { model.is_enabled = false; });
  EXPECT_EQ(gate_.Admit({.model = model_}).error().code, Code::kPermissionDenied);
  EXPECT_EQ(Refused(), kDisabled);
  Change([](models::Model& model) { model.is_enabled = true; });
  EXPECT_EQ(Refused(), "");
}

// A model that fails every row; each row is put right in turn, and the next one answers.
TEST_F(PredictGateTest, ChecksComeInTheOrderOfTheTable) {
  LimitModel("0");
  LimitUser("alice", "0");
  SetInterface({{"input", R"({"required":["text_docs"]})"}});
  instance_ = "{}";
  Change([](models::Model& model) { model.is_enabled = false; });
  EXPECT_EQ(Refused("alice"), kNotReady);
  DeployModel();
  EXPECT_EQ(Refused("alice"), kDisabled);
  Change([](models::Model& model) { model.is_enabled = true; });
  EXPECT_THAT(Refused("alice"), StartsWith(kInputSchema)) << "a limit of 0 lets one pass: nothing was charged before";
  EXPECT_EQ(Refused("alice"), kModelThrottled);
  LimitModel("1000");
  EXPECT_EQ(Refused("alice"), kUserThrottled);
  EXPECT_THAT(Refused("bob"), StartsWith(kInputSchema));
  instance_ = R"({"text_docs":["a"]})";
  EXPECT_EQ(Refused("bob"), "");
}

TEST_F(PredictGateTest, AnInterfaceIsInForceAtOnce) {
  DeployModel();
  EXPECT_EQ(Refused(), "");
  SetInterface({{"input", R"({"required":["more"]})"}});
  EXPECT_TRUE(gate_.Find(model_)->has_interface);
  EXPECT_THAT(Refused(), StartsWith(kInputSchema));
  SetInterface({{"output", "{}"}});
  const auto pass = gate_.Admit({.model = model_});
  ASSERT_TRUE(pass) << "without an input schema the request is not printed";
  EXPECT_TRUE(pass->interface->checks_output());
  SetInterface({});
  EXPECT_EQ(gate_.Admit({.model = model_})->interface, nullptr);
}

TEST_F(PredictGateTest, ThrottlingIs429WithATime) {
  DeployModel();
  LimitModel("2");
  EXPECT_EQ(Refused(), "");
  EXPECT_EQ(Refused(), "");
  const auto refused = gate_.Admit({.model = model_});
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_EQ(refused.error().reason, "status_exception");
  EXPECT_EQ(refused.error().message, kModelThrottled);
  EXPECT_EQ(refused.error().retry_after, std::chrono::seconds(30));
  disk_.clock.Advance(std::chrono::seconds(30));
  EXPECT_EQ(Refused(), "");
}

TEST_F(PredictGateTest, AChangedLimitIsInForceWithoutARedeploy) {
  DeployModel();
  LimitModel("1");
  EXPECT_EQ(Refused(), "");
  EXPECT_EQ(Refused(), kModelThrottled);
  LimitModel("2");
  EXPECT_EQ(Refused(), "");
  Change([](models::Model& model) { model.passthrough.erase("rate_limiter"); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Refused(), "");
}

TEST_F(PredictGateTest, UsersAreLimitedByName) {
  DeployModel();
  LimitUser("alice", "1");
  EXPECT_EQ(Refused("alice"), "");
  EXPECT_EQ(Refused("alice"), kUserThrottled);
  EXPECT_EQ(Refused("bob"), "");
  EXPECT_EQ(Refused(""), "") << "nobody known, no limit";
  LimitUser("bob", "5");
  EXPECT_EQ(Refused("alice"), "") << "a controller that does not name her limits her no more";
}

TEST_F(PredictGateTest, AUsersRefusalHasTakenTheModelsToken) {
  DeployModel();
  LimitModel("2");
  LimitUser("alice", "1");
  EXPECT_EQ(Refused("alice"), "");
  EXPECT_EQ(Refused("alice"), kUserThrottled);
  EXPECT_EQ(Refused("bob"), kModelThrottled);
}

TEST_F(PredictGateTest, ControllersSwitchedOffLimitNobody) {
  DeployModel();
  LimitUser("alice", "0");
  EXPECT_EQ(Refused("alice"), "");
  EXPECT_EQ(Refused("alice"), kUserThrottled);
  node_.Set("plugins.ml_commons.controller_enabled", "false");
  EXPECT_EQ(Refused("alice"), "");
}

TEST_F(PredictGateTest, NodesOfThePlanShareTheLimit) {
  DeployModel();
  LimitModel("4");
  testing::OneNode other(disk_, 2, "n2");
  other.Start();
  disk_.executor.RunUntilIdle();
  EXPECT_EQ(Refused(), "");
  EXPECT_EQ(Refused(), "");
  EXPECT_EQ(Refused(), kModelThrottled);
}

TEST_F(PredictGateTest, ARemoteModelThatIsNotHereIsToBeDeployedFirst) {
  const ModelId remote = node_.AddRemote("r");
  const auto pass = gate_.Admit({.model = remote});
  ASSERT_TRUE(pass);
  EXPECT_EQ(pass->servable, nullptr);
  ASSERT_TRUE(node_.deploys.Deploy(remote, {}));
  node_.RunFor(std::chrono::milliseconds(10));
  EXPECT_NE(gate_.Admit({.model = remote})->servable, nullptr);
  ASSERT_TRUE(node_.deploys.Undeploy({remote}, {}));
  EXPECT_EQ(gate_.Admit({.model = remote})->servable, nullptr) << "at once";
}

TEST_F(PredictGateTest, AutoDeployCanBeSwitchedOffForAllAndForOne) {
  const ModelId remote = node_.AddRemote("r", {{"is_auto_deploy_enabled", false}});
  EXPECT_EQ(gate_.Admit({.model = remote}).error().message,
            "Auto deployment disabled for this model, please deploy model first Model ID: r");
  node_.Set("plugins.ml_commons.model_auto_deploy.enable", "false");
  EXPECT_EQ(gate_.Admit({.model = remote}).error().message, kNotReady);
  EXPECT_EQ(gate_.Admit({.model = node_.AddRemote("other")}).error().message, kNotReady);
}

TEST_F(PredictGateTest, TheTermsOfAModelCountBeforeItIsDeployed) {
  const ModelId remote = node_.AddRemote("r");
  ASSERT_TRUE(node_.models.Update(remote, [](models::Model& model) -> Status {
    model.passthrough["rate_limiter"] = {{"limit", "1"}, {"unit", "DAYS"}};
    model.passthrough["interface"] = {{"input", R"({"required":["parameters"]})"}};
    return {};
  }));
  const AdmitRequest batch{.model = remote, .by_interface = false};
  EXPECT_TRUE(gate_.Admit(batch)) << "the interface does not judge it";
  EXPECT_EQ(gate_.Admit(batch).error().message, kModelThrottled);
}

}  // namespace
}  // namespace mlnode::deploy
