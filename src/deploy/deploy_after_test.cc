#include "deploy/deploy_after.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using std::chrono::seconds;
using storage::testing::WriteFault;
using ::testing::SizeIs;

class DeployAfterTest : public ::testing::Test {
 protected:
  DeployAfterTest() { node_.Start(); }
  void Begin(std::uint64_t before = 0) { after_.Begin(model_, {}, before); }

  testing::OneDisk disk_;
  testing::OneNode node_{disk_};
  const ModelId model_ = node_.AddModel("m");
  DeployAfter after_{node_.deploys, disk_.executor, disk_.executor};
};

TEST_F(DeployAfterTest, DeploysAtOnce) {
  Begin();
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed);
  EXPECT_EQ(after_.waiting(), 0U);
}

TEST_F(DeployAfterTest, AStoreThatRefusesIsAskedAgain) {
  disk_.store.FailWrite(1, WriteFault::kUnavailable);
  disk_.store.FailWrite(2, WriteFault::kDiskFull);
  Begin();
  EXPECT_EQ(after_.waiting(), 1U);
  node_.RunFor(seconds(5));
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed);
  EXPECT_EQ(after_.waiting(), 0U);
}

TEST_F(DeployAfterTest, WhatIsTheClientsToPutRightIsNotTriedAgain) {
  node_.Set("plugins.ml_commons.local_model.enabled", "false");
  Begin();
  EXPECT_EQ(after_.waiting(), 0U);
  after_.Begin(ModelId("deleted"), {}, 0);
  EXPECT_EQ(after_.waiting(), 0U);
}

TEST_F(DeployAfterTest, GivesUpAfterHalfAMinute) {
  disk_.store.Sever();
  Begin();
  node_.RunFor(seconds(30));
  EXPECT_EQ(after_.waiting(), 1U);
  node_.RunFor(seconds(2));
  EXPECT_EQ(after_.waiting(), 0U);
}

// The undeploy was answered.
TEST_F(DeployAfterTest, AnUndeployThatCameFirstStands) {
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  Begin();
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.StateOf(model_), ModelState::kUndeployed);
  EXPECT_THAT(node_.tasks.List(), SizeIs(0));
}

TEST_F(DeployAfterTest, AnUndeployBetweenTwoTriesStands) {
  disk_.store.FailWrite(1, WriteFault::kUnavailable);
  Begin();
  ASSERT_EQ(after_.waiting(), 1U);
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  node_.RunFor(seconds(5));
  EXPECT_EQ(node_.StateOf(model_), ModelState::kUndeployed);
}

// Nobody has removed it yet.
TEST_F(DeployAfterTest, ThePlanOfAnEarlierModelWithThisIdSaysNothing) {
  ASSERT_TRUE(node_.deploys.Undeploy({model_}, {}));
  Begin(node_.deploys.Generation(model_).value());
  node_.RunFor(seconds(1));
  EXPECT_EQ(node_.StateOf(model_), ModelState::kDeployed);
}

TEST_F(DeployAfterTest, NobodyTriesAfterTheNodesEnd) {
  disk_.store.FailWrite(1, WriteFault::kUnavailable);
  {
    DeployAfter ended(node_.deploys, disk_.executor, disk_.executor);
    ended.Begin(model_, {}, 0);
    EXPECT_EQ(ended.waiting(), 1U);
  }
  node_.RunFor(seconds(5));
  EXPECT_EQ(node_.StateOf(model_), ModelState::kRegistered);
}

}  // namespace
}  // namespace mlnode::deploy
