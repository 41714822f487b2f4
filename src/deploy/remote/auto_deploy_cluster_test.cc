// Auto-deploy where several nodes are asked for the same model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/remote/auto_deploy.h"
#include "deploy/testing/some_nodes.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::OneNode;
using ::testing::SizeIs;
using testing::SomeNodes;

// What a node deploys with when it is asked.
struct Asked {
  Asked(SomeNodes& nodes, const std::string& name)
      : router({.store = nodes.WireOf(name),
                .membership = nodes[name].membership,
                .settings = *nodes[name].settings,
                .random = nodes.disk.random,
                .clock = nodes.disk.clock}),
        deploys({.deploys = nodes[name].deploys,
                 .membership = nodes[name].membership,
                 .local = nodes[name].local,
                 .store = nodes.WireOf(name),
                 .settings = *nodes[name].settings,
                 .background = nodes.disk.executor,
                 .timers = nodes.disk.executor,
                 .clock = nodes.disk.clock,
                 .router = &router}) {
    deploys.Start();
  }
  Router router;
  AutoDeploy deploys;
};

class AutoDeployClusterTest : public ::testing::Test {
 protected:
  AutoDeployClusterTest() {
    nodes_.Start({"a", "b"});
    NodeIdentity entry = OneNode::Identity("e");
    entry.roles = {"ingest"};
    nodes_.Start(entry);
    model_ = nodes_["a"].AddRemote("r");
    nodes_.RunFor(milliseconds(100));
    for (const char* name : {"a", "b", "e"}) asked_.emplace(name, std::make_unique<Asked>(nodes_, name));
  }
  // "here", "waits", or the reason, or else the message, why not.
  std::shared_ptr<std::string> Obtain(const std::string& name, Duration patience = seconds(30)) {
    auto answer = std::make_shared<std::string>("waits");
    asked_.at(name)->deploys.Obtain(
        model_, Deadline::After(nodes_.disk.clock, patience),
        [answer](const Result<std::shared_ptr<serving::Servable>>& servable) {
          EXPECT_EQ(*answer, "waits") << "answered twice";
          const bool reason = !servable && !servable.error().reason.empty();
          *answer = servable ? "here" : reason ? servable.error().reason : servable.error().message;
        });
    return answer;
  }

  SomeNodes nodes_;
  ModelId model_;
  std::map<std::string, std::unique_ptr<Asked>> asked_;
};

TEST_F(AutoDeployClusterTest, HoweverManyNodesAreAskedOnePlanIsWritten) {
  const auto a = Obtain("a"), b = Obtain("b"), e = Obtain("e");
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(*a, "here");
  EXPECT_EQ(*b, "here");
  EXPECT_EQ(*e, kHeldElsewhere);
  EXPECT_EQ(nodes_.PlanOf(model_).generation, 1u);
  EXPECT_THAT(nodes_["a"].tasks.List(), SizeIs(1)) << "and one task";
  EXPECT_EQ(nodes_.StateOf(model_), "DEPLOYED [a b] of 2");
}

TEST_F(AutoDeployClusterTest, ANodeThatMayNotHoldItIsToldAsSoonAsOneDoes) {
  nodes_["b"].local.SetScript(model_, {.stuck_at = serving::Phase::kLoading});
  const auto e = Obtain("e");
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(*e, kHeldElsewhere) << "a has it";
  EXPECT_THAT(asked_.at("e")->router.Candidates(model_), SizeIs(1));
  EXPECT_EQ(nodes_.PlanOf(model_).generation, 1u);
  const auto again = Obtain("e");
  nodes_.RunFor(milliseconds(100));
  EXPECT_EQ(*again, kHeldElsewhere) << "no failure that is remembered, and no second plan";
  EXPECT_EQ(nodes_.PlanOf(model_).generation, 1u);
}

TEST_F(AutoDeployClusterTest, AHolderThatComesBackIsWaitedFor) {
  Obtain("a");
  nodes_.RunFor(seconds(1));
  asked_.clear();
  nodes_.Kill("b");
  OneNode& a = nodes_.Begin("a");
  a.local.SetScript(model_, {.stuck_at = serving::Phase::kLoading});
  a.Start();
  asked_.emplace("e", std::make_unique<Asked>(nodes_, "e"));
  nodes_.RunFor(seconds(7));
  const auto e = Obtain("e");
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(*e, "waits");
  a.local.SetScript(model_, {});
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(*e, kHeldElsewhere);
  EXPECT_EQ(nodes_.PlanOf(model_).generation, 1u);
}

TEST_F(AutoDeployClusterTest, WhatFailedHereAndRunsThereIsThere) {
  nodes_["a"].local.SetScript(model_, {.error = MakeError(Code::kFailedPrecondition, "broken here")});
  const auto a = Obtain("a");
  nodes_.RunFor(seconds(1));
  EXPECT_TRUE(*a == kHeldElsewhere || *a == "broken here") << *a;
  const auto again = Obtain("a");
  nodes_.RunFor(seconds(3));
  const auto later = Obtain("a");
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(*later, kHeldElsewhere);
}

TEST_F(AutoDeployClusterTest, WhatFailsEverywhereIsDeployedAnewByTheNextWhoAsks) {
  for (const char* name : {"a", "b"})
    nodes_[name].local.SetScript(model_, {.error = MakeError(Code::kFailedPrecondition, "broken"), .failures = 1});
  const auto e = Obtain("e");
  nodes_.RunFor(seconds(1));
  EXPECT_THAT(*e, ::testing::HasSubstr("could not be deployed"));
  nodes_.RunFor(AutoDeploy::kFailurePause);
  const auto again = Obtain("e");
  nodes_.RunFor(seconds(1));
  EXPECT_EQ(*again, kHeldElsewhere);
  EXPECT_EQ(nodes_.PlanOf(model_).generation, 2u);
}

}  // namespace
}  // namespace mlnode::deploy
