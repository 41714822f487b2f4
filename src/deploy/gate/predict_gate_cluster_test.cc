// The gate of a node that is one of several: who serves, who charges, who checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/gate/predict_gate.h"
#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::OneDisk;
using testing::OneNode;
using ::testing::StartsWith;

constexpr const char* kNotReady = "Model not ready yet. Please deploy the model first.";

// A node with a gate.
struct GateNode {
  GateNode(OneDisk& d, const std::string& name)
      : disk(d),
        wire(d.memory),
        node(d, 1, name, &wire),
        router({.store = wire,
                .membership = node.membership,
                .settings = *node.settings,
                .random = d.random,
                .clock = d.clock}),
        suspension(wire, d.clock, d.executor, d.executor),
        gate({.models = node.models,
              .local = node.local,
              .settings = *node.settings,
              .membership = node.membership,
              .clock = d.clock,
              .cluster = PredictGate::Cluster{router, suspension}}) {
    node.Start();
    suspension.Start();
  }
  Result<GatePass> Ask(const ModelId& model) { return gate.Admit({.model = model, .instance = Instance()}); }
  Result<GatePass> Forwarded(const ModelId& model) {
    return gate.Admit({.model = model, .instance = Instance(), .forwarded = true});
  }
  std::string Refused(const ModelId& model) {
    const auto pass = Ask(model);
    return pass ? "" : pass.error().message;
  }
  static std::function<std::string(std::string_view)> Instance() {
    return [](std::string_view) { return R"({"text_docs":["a"]})"; };
  }

  OneDisk& disk;
  storage::testing::FaultStore wire;  // severed: for the others it is dead
  OneNode node;
  Router router;
  SuspensionWatch suspension;
  PredictGate gate;
};

class ClusterGateTest : public ::testing::Test {
 protected:
  void Deploy(const ModelId& model, const std::vector<NodeId>& nodes = {}) {
    ASSERT_TRUE(a_.node.deploys.Deploy(model, nodes));
    disk_.executor.RunFor(milliseconds(10));
  }
  void Change(const std::function<void(models::Model&)>& change) {
    ASSERT_TRUE(a_.node.models.Update(model_, [&](models::Model& model) -> Status {
      change(model);
      return {};
    }));
  }
  static std::vector<std::string> Names(const std::vector<Worker>& workers) {
    std::vector<std::string> names;
    for (const Worker& worker : workers) names.push_back(worker.node.str());
    return names;
  }

  OneDisk disk_;
  GateNode a_{disk_, "a"}, b_{disk_, "b"};
  const ModelId model_ = a_.node.AddModel("m");
};

TEST_F(ClusterGateTest, WhoHoldsItServesItselfTheOthersSendItThere) {
  Deploy(model_, {NodeId("b")});
  const auto here = b_.Ask(model_);
  ASSERT_TRUE(here);
  EXPECT_NE(here->servable, nullptr);
  EXPECT_THAT(here->elsewhere, IsEmpty());
  const auto there = a_.Ask(model_);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->servable, nullptr);
  EXPECT_THAT(Names(there->elsewhere), ElementsAre("b"));
}

TEST_F(ClusterGateTest, WhatWasForwardedIsNotForwardedAgain) {
  Deploy(model_, {NodeId("b")});
  const auto refused = a_.Forwarded(model_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(refused.error().reason, kNotHere);
  EXPECT_TRUE(MayWorkElsewhere(refused.error()));
  EXPECT_THAT(refused.error().message, HasSubstr("m is not on this node"));
  EXPECT_NE(b_.Forwarded(model_)->servable, nullptr);
  const ModelId remote = a_.node.AddRemote("r");
  EXPECT_EQ(a_.Forwarded(remote).error().reason, kNotHere) << "nor deployed because of it";
}

TEST_F(ClusterGateTest, WhatThePlanTakesFromANodeIsServedThereNoMore) {
  Deploy(model_);
  ASSERT_TRUE(a_.node.deploys.Undeploy({model_}, {NodeId("b")}));
  ASSERT_NE(b_.node.local.Find(model_), nullptr) << "it is still to be taken out of service";
  EXPECT_EQ(b_.Ask(model_)->servable, nullptr);
  EXPECT_THAT(Names(b_.Ask(model_)->elsewhere), ElementsAre("a"));
  EXPECT_EQ(b_.Forwarded(model_).error().reason, kNotHere);
  EXPECT_NE(a_.Ask(model_)->servable, nullptr);
  ASSERT_TRUE(a_.node.deploys.Undeploy({model_}, {}));
  EXPECT_EQ(a_.Refused(model_), kNotReady);
  EXPECT_EQ(b_.Refused(model_), kNotReady);
}

TEST_F(ClusterGateTest, LimitsAreChargedOnceWhereThePredictionIsServed) {
  Deploy(model_, {NodeId("b")});
  Change([](models::Model& model) { model.passthrough["rate_limiter"] = {{"limit", "2"}, {"unit", "DAYS"}}; });
  ASSERT_TRUE(a_.node.models.controllers().Put({.model = model_, .users = {{"u", {.limit = "1", .unit = "DAYS"}}}}));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(a_.gate.Admit({.model = model_, .user = "u"})) << "it is sent on";
  const auto forwarded = [&](bool charged) {
    return b_.gate.Admit({.model = model_, .user = "u", .forwarded = true, .charged = charged});
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(forwarded(true)) << "another part of it was";
  EXPECT_TRUE(forwarded(false));
  EXPECT_THAT(forwarded(false).error().message, StartsWith("Request is throttled at user"));
  EXPECT_EQ(b_.Refused(model_), "Request is throttled at model level.") << "whoever asks, the limit is one";
}

TEST_F(ClusterGateTest, TheInputIsCheckedWhereItCameTheAnswerWhereItIsMade) {
  Deploy(model_, {NodeId("b")});
  Change([](models::Model& model) {
    model.passthrough["interface"] = {{"input", R"({"required":["more"]})"}, {"output", "{}"}};
  });
  EXPECT_THAT(a_.Refused(model_), StartsWith("Error validating input schema"));
  const auto at_worker = b_.Forwarded(model_);
  ASSERT_TRUE(at_worker);
  ASSERT_NE(at_worker->interface, nullptr);
  EXPECT_TRUE(at_worker->interface->checks_output());
  Change([](models::Model& model) { model.passthrough["interface"] = {{"output", "{}"}}; });
  EXPECT_EQ(a_.Ask(model_)->interface, nullptr);
}

TEST_F(ClusterGateTest, ADisabledModelIsRefusedAtEitherGate) {
  Deploy(model_, {NodeId("b")});
  Change([](models::Model& model) { model.is_enabled = false; });
  EXPECT_EQ(a_.Refused(model_), "Model is disabled.");
  EXPECT_EQ(b_.Forwarded(model_).error().code, Code::kPermissionDenied);
}

TEST_F(ClusterGateTest, NobodyHoldsIt) {
  EXPECT_EQ(a_.Refused(model_), kNotReady) << "no plan";
  b_.node.local.SetScript(model_, {.stuck_at = serving::Phase::kLoading});
  Deploy(model_, {NodeId("b")});
  const auto loading = a_.Ask(model_);
  ASSERT_FALSE(loading);
  EXPECT_EQ(loading.error().code, Code::kUnavailable);
  EXPECT_EQ(loading.error().retry_after, PredictGate::kComesAfter);
  EXPECT_FALSE(MayWorkElsewhere(loading.error()));
  b_.node.local.SetScript(model_, {});
  disk_.executor.RunFor(milliseconds(10));
  EXPECT_EQ(a_.Refused(model_), "");
  ASSERT_TRUE(a_.node.deploys.Undeploy({model_}, {}));
  EXPECT_EQ(a_.Refused(model_), kNotReady) << "undeployed";
}

TEST_F(ClusterGateTest, ItsHolderIsGone) {
  Deploy(model_, {NodeId("b")});
  b_.wire.Sever();
  for (int i = 0; i < 60; ++i) {
    disk_.executor.RunFor(seconds(1));
    const auto pass = a_.Ask(model_);
    if (i > 5) {
      ASSERT_FALSE(pass) << i;
    }
    if (!pass) {
      EXPECT_EQ(pass.error().code, Code::kUnavailable) << "it is not for a client to deploy it again";
      EXPECT_EQ(pass.error().retry_after, PredictGate::kComesAfter);
    }
  }
  ASSERT_TRUE(a_.node.deploys.Undeploy({model_}, {}));
  EXPECT_EQ(a_.Refused(model_), kNotReady);
}

// What it does not know of may have been made, or deployed, meanwhile: only a node that hears says never.
TEST_F(ClusterGateTest, ANodeThatDoesNotHearDoesNotSayNever) {
  const ModelId unknown("nope"), here = a_.node.AddModel("here");
  const ModelId remote = a_.node.AddRemote("r", {{"is_auto_deploy_enabled", false}});
  Deploy(here, {NodeId("a")});
  a_.wire.Sever();
  const auto refusals = [&] {
    return std::vector<Error>{a_.gate.Find(unknown).error(), a_.Ask(unknown).error(), a_.Ask(model_).error(),
                              a_.Ask(remote).error()};
  };
  for (const Error& refused : refusals()) {
    EXPECT_EQ(refused.code, Code::kUnavailable);
    EXPECT_EQ(refused.retry_after, seconds(1));
    EXPECT_THAT(refused.message, HasSubstr("may not have heard of model"));
  }
  EXPECT_NE(a_.Ask(here)->servable, nullptr) << "what it holds it serves";
  a_.wire.Reconnect();
  EXPECT_EQ(refusals()[0].code, Code::kNotFound);
  EXPECT_EQ(refusals()[1].code, Code::kNotFound);
  EXPECT_EQ(refusals()[2].message, kNotReady);
  EXPECT_EQ(refusals()[3].code, Code::kInvalidArgument);
}

TEST_F(ClusterGateTest, ALeavingHolderIsAskedNoMoreAndServesItself) {
  Deploy(model_, {NodeId("b")});
  b_.node.membership.Leave();
  EXPECT_EQ(a_.Ask(model_).error().code, Code::kUnavailable);
  disk_.executor.RunFor(seconds(3));
  EXPECT_NE(b_.Ask(model_)->servable, nullptr) << "what came in yet is answered";
  EXPECT_NE(b_.Forwarded(model_)->servable, nullptr);
}

TEST_F(ClusterGateTest, ABrokenModelIsNotSaidToCome) {
  for (GateNode* node : {&a_, &b_})
    node->node.local.SetScript(model_, {.error = MakeError(Code::kInvalidArgument, "broken")});
  Deploy(model_);
  EXPECT_EQ(a_.Refused(model_), kNotReady);
}

TEST_F(ClusterGateTest, AFailureThatMayPassIsTriedAgainSoTheModelComes) {
  Deploy(model_);
  for (GateNode* node : {&a_, &b_}) node->node.local.Fail(model_, MakeError(Code::kResourceExhausted, "no memory"));
  disk_.executor.RunFor(milliseconds(10));
  EXPECT_EQ(a_.Ask(model_).error().code, Code::kUnavailable);
}

TEST_F(ClusterGateTest, WithoutAnyEligibleNodeNothingComes) {
  Deploy(model_, {NodeId("b")});
  for (GateNode* node : {&a_, &b_}) node->node.Set("plugins.ml_commons.exclude_nodes._name", "a,b");
  disk_.executor.RunFor(seconds(3));
  EXPECT_EQ(a_.Refused(model_), kNotReady);
}

TEST_F(ClusterGateTest, RemoteModelsAreServedHereSentOnOrDeployed) {
  const ModelId remote = a_.node.AddRemote("r");
  const auto nowhere = a_.Ask(remote);
  ASSERT_TRUE(nowhere);
  EXPECT_EQ(nowhere->servable, nullptr);
  EXPECT_THAT(nowhere->elsewhere, IsEmpty());
  Deploy(remote, {NodeId("b")});
  EXPECT_THAT(Names(a_.Ask(remote)->elsewhere), ElementsAre("b"));
  EXPECT_NE(b_.Ask(remote)->servable, nullptr);
  ASSERT_TRUE(a_.node.deploys.Undeploy({remote}, {}));
  EXPECT_THAT(a_.Ask(remote)->elsewhere, IsEmpty()) << "at once: it is deployed again";
  EXPECT_EQ(b_.Ask(remote)->servable, nullptr);
}

TEST_F(ClusterGateTest, ASuspendedNodeAnswersNothingUntilItKnowsAgain) {
  Deploy(model_);
  disk_.clock.Advance(seconds(30));
  for (const Error& refused : {a_.gate.Find(model_).error(), a_.Ask(model_).error(), a_.Forwarded(model_).error(),
                               a_.gate.Find(ModelId("nope")).error()}) {
    EXPECT_EQ(refused.code, Code::kUnavailable);
    EXPECT_EQ(refused.reason, kSuspended);
    EXPECT_TRUE(refused.retry_after);
    EXPECT_TRUE(MayWorkElsewhere(refused));
  }
  disk_.executor.RunUntilIdle();
  EXPECT_TRUE(a_.gate.Find(model_));
  EXPECT_NE(a_.Ask(model_)->servable, nullptr);
}

}  // namespace
}  // namespace mlnode::deploy
