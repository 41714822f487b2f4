#include "deploy/controller_service.h"

#include <gtest/gtest.h>

#include <utility>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

const models::UserRateLimiters kAlice{{"alice", {.limit = "4", .unit = "MINUTES"}}};
constexpr std::string_view kNoModel =
    "Failed to find model to create the corresponding model controller with the provided model ID";

class ControllerServiceTest : public ::testing::Test {
 protected:
  ControllerServiceTest() { node_.Start(); }
  // What `call` says while controllers are switched off.
  template <class Call>
  void ExpectSwitchedOff(Call call) {
    const auto refused = call();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_EQ(refused.error().message,
              "Controller is currently disabled. To enable it, update the setting "
              "\"plugins.ml_commons.controller_enabled\" to true.");
  }
  testing::OneDisk disk_;
  testing::OneNode node_{disk_};
  const ModelId model_ = node_.AddModel("m");
  ControllerService controllers_{node_.models, node_.deploys, *node_.settings};
};

TEST_F(ControllerServiceTest, CreateMakesThenReplaces) {
  EXPECT_TRUE(controllers_.Create(model_, kAlice)->created);
  EXPECT_FALSE(controllers_.Create(model_, {})->created);
  EXPECT_TRUE(controllers_.Get(model_)->users.empty());
}

TEST_F(ControllerServiceTest, ModelShowsThatItHasOne) {
  const auto shown = [&] {
    const bool one = node_.deploys.Get(model_)->deployment.has_controller;
    EXPECT_EQ(node_.deploys.List().front().deployment.has_controller, one);
    return one;
  };
  EXPECT_FALSE(shown());
  ASSERT_TRUE(controllers_.Create(model_, kAlice));
  EXPECT_TRUE(shown());
  ASSERT_TRUE(controllers_.Delete(model_));
  EXPECT_FALSE(shown());
}

TEST_F(ControllerServiceTest, UnknownModelsAreNotFound) {
  const ModelId unknown("x");
  EXPECT_EQ(controllers_.Create(unknown, kAlice).error().message, kNoModel);
  EXPECT_EQ(controllers_.Update(unknown, kAlice).error().message, kNoModel);
  EXPECT_EQ(controllers_.Get(unknown).error().message, "Failed to find model controller with the provided model ID");
  EXPECT_EQ(controllers_.Delete(unknown).error().message, "Failed to find model controller");
  EXPECT_EQ(controllers_.Delete(unknown).error().code, Code::kNotFound);
}

TEST_F(ControllerServiceTest, UpdateNeedsAController) {
  const auto refused = controllers_.Update(model_, kAlice);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(refused.error().message,
            "Model controller haven't been created for the model. Consider calling create model controller api "
            "instead. Model ID: m");
  ASSERT_TRUE(controllers_.Create(model_, {}));
  EXPECT_TRUE(controllers_.Update(model_, kAlice)->changed);
  EXPECT_EQ(controllers_.Get(model_)->users, kAlice);
}

TEST_F(ControllerServiceTest, OtherFunctionsHaveNone) {
  models::Model sparse = node_.models.Get(model_).value();
  sparse.id = ModelId("sparse");
  sparse.function = models::FunctionName::kSparseEncoding;
  ASSERT_TRUE(node_.models.Create(sparse));
  const auto refused = controllers_.Create(sparse.id, kAlice);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_EQ(refused.error().message,
            "Creating model controller on this operation on the function category SPARSE_ENCODING is not supported.");
}

TEST_F(ControllerServiceTest, NotWhileTheModelIsDeploying) {
  ASSERT_TRUE(node_.deploys.Deploy(model_, {}));
  const auto refused = controllers_.Create(model_, kAlice);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_TRUE(refused.error().message.ends_with("before deploying it. Model ID: m")) << refused.error().message;
  node_.RunFor(std::chrono::milliseconds(10));
  EXPECT_TRUE(controllers_.Create(model_, kAlice));
}

TEST_F(ControllerServiceTest, SwitchedOffAllIsRefused) {
  node_.Set("plugins.ml_commons.controller_enabled", "false");
  ExpectSwitchedOff([&] { return controllers_.Create(model_, kAlice); });
  ExpectSwitchedOff([&] { return controllers_.Update(model_, kAlice); });
  ExpectSwitchedOff([&] { return controllers_.Get(model_); });
  ExpectSwitchedOff([&] { return controllers_.Delete(model_); });
}

TEST_F(ControllerServiceTest, ModelDeletedMeanwhileTakesItsControllerAlong) {
  bool raced = false;
  disk_.store.set_before_call([&](std::string_view call) {
    if (call != "TryWrite" || std::exchange(raced, true)) return;
    ASSERT_TRUE(node_.models.Remove(model_));
  });
  EXPECT_EQ(controllers_.Create(model_, kAlice).error().message, kNoModel);
  disk_.store.set_before_call({});
  EXPECT_TRUE(raced);
  EXPECT_EQ(node_.models.controllers().Get(model_).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace mlnode::deploy
