#include "deploy/predict_gate.h"

#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

class PredictGateTest : public ::testing::Test {
 protected:
  PredictGateTest() { node_.Start(); }
  void DeployModel() {
    ASSERT_TRUE(node_.deploys.Deploy(model_, {}));
    node_.RunFor(std::chrono::milliseconds(10));
  }
  testing::OneDisk disk_;
  testing::OneNode node_{disk_};
  const ModelId model_ = node_.AddModel("m");
  PredictGate gate_{node_.models, node_.local, *node_.settings};
};

TEST_F(PredictGateTest, FindTellsTheFunction) {
  EXPECT_EQ(gate_.Find(model_).value(), models::FunctionName::kTextEmbedding);
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
  EXPECT_EQ(gate_.Admit(model_).error().message, "Model not ready yet. Please deploy the model first.");
  EXPECT_EQ(gate_.Admit(model_).error().code, Code::kInvalidArgument);
  DeployModel();
  ASSERT_TRUE(gate_.Admit(model_));
  EXPECT_EQ(gate_.Admit(model_)->servable->spec().model, model_);
}

TEST_F(PredictGateTest, NeverWaitsForTheAuthority) {
  DeployModel();
  disk_.store.set_before_call([](std::string_view call) { EXPECT_NE(call, "GetFresh"); });
  EXPECT_EQ(gate_.Find(ModelId("nope")).error().code, Code::kNotFound);
  EXPECT_TRUE(gate_.Find(model_));
  EXPECT_TRUE(gate_.Admit(model_));
  disk_.store.set_before_call({});
}

TEST_F(PredictGateTest, DisablingIsInForceAtOnce) {
  DeployModel();
  const auto set = [&](bool enabled) {
    return node_.models.Update(model_, [&](models::Model& model) -> Status {
      model.is_enabled = enabled;
      return {};
    });
  };
  ASSERT_TRUE(set(false));
  EXPECT_EQ(gate_.Admit(model_).error().code, Code::kPermissionDenied);
  EXPECT_EQ(gate_.Admit(model_).error().message, "Model is disabled.");
  ASSERT_TRUE(set(true));
  EXPECT_TRUE(gate_.Admit(model_));
}

}  // namespace
}  // namespace mlnode::deploy
