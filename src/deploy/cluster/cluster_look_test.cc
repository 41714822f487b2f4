#include "deploy/cluster/cluster_look.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/documents.h"
#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Models a and b, deployed to all, on nodes n1 (which looks) and n2; each placement is loaded.
class ClusterLookTest : public ::testing::Test {
 protected:
  ClusterLookTest() {
    EXPECT_TRUE(node_.membership.Start());
    EXPECT_TRUE(other_.membership.Start());
    for (const char* model : {"a", "b"}) {
      node_.AddModel(model);
      WritePlan(model, Outcome{.kind = Outcome::Kind::kDeployed});
      for (const char* node : {"n1", "n2"}) WritePlacement(node, model);
    }
    subscription_ =
        disk_.store.Watch({storage::Collection::kPlans, storage::Collection::kPlacements, storage::Collection::kModels},
                          disk_.executor, [this](const storage::Change& change) { look_.Note(change); });
  }
  void Write(const storage::Key& key, std::optional<json::object> body) {
    const auto now = disk_.store.Get(key);
    EXPECT_TRUE(storage::Commit(
        disk_.store, {.key = key,
                      .expect = now ? storage::Expect::Revision((*now)->revision) : storage::Expect::Absent(),
                      .body = std::move(body),
                      .nonce = NewNonce(disk_.random)}));
    disk_.executor.RunFor(std::chrono::milliseconds(1));
  }
  void WritePlan(const char* model, std::optional<Outcome> outcome) {
    Plan plan{.model = ModelId(model), .mode = PlanMode::kAll, .generation = 3};
    plan.outcome = std::move(outcome);
    Write(PlanKey(plan.model), StoredForm(plan));
  }
  void WritePlacement(const char* node, const char* model, bool expired = false) {
    Placement placement{.node = NodeId(node), .model = ModelId(model), .generation = 3, .incarnation = incarnation_};
    placement.state = PlacementState::kLoaded;
    placement.expired = expired;
    Write(PlacementKey(placement.node, placement.model), StoredForm(placement));
  }
  // "a" for a plan, "n1/a" for a placement.
  std::vector<std::string> Seen() {
    std::vector<std::string> seen;
    const ClusterView view = look_.Look();
    for (const Plan& plan : view.plans) seen.push_back(plan.model.str());
    for (const Placement& placement : view.placements)
      seen.push_back(placement.node.str() + "/" + placement.model.str());
    return seen;
  }
  auto Everything() { return UnorderedElementsAre("a", "b", "n1/a", "n1/b", "n2/a", "n2/b"); }

  std::uint64_t incarnation_ = 1;
  testing::OneDisk disk_;
  testing::OneNode node_{disk_, 1, "n1"}, other_{disk_, 1, "n2"};
  ClusterLook look_{node_.membership, node_.models, node_.tasks, *node_.settings, disk_.clock};
  std::unique_ptr<storage::Subscription> subscription_;
};

TEST_F(ClusterLookTest, TheFirstLookIsAtEverythingAndTheNextAtNothing) {
  EXPECT_THAT(Seen(), Everything());
  EXPECT_THAT(Seen(), IsEmpty());
  disk_.executor.RunFor(seconds(3));
  EXPECT_THAT(Seen(), IsEmpty()) << "beats are no news";
}

TEST_F(ClusterLookTest, APlacementOfAClosedDeployIsNoNewsUnlessItsWriterIsGone) {
  Seen();
  WritePlacement("n2", "a");
  EXPECT_THAT(Seen(), IsEmpty());
  WritePlacement("n3", "a");
  EXPECT_THAT(Seen(), ElementsAre("n3/a"));
  incarnation_ = 2;
  WritePlacement("n2", "a");
  EXPECT_THAT(Seen(), ElementsAre("n2/a"));
  EXPECT_THAT(Seen(), IsEmpty());
  Write(PlacementKey(NodeId("n2"), ModelId("a")), std::nullopt);
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ClusterLookTest, AnUnusedOneIsLookedAtWithItsPlanAndTheOtherNodes) {
  Seen();
  WritePlacement("n2", "a", true);
  EXPECT_THAT(Seen(), UnorderedElementsAre("a", "n1/a", "n2/a"));
}

TEST_F(ClusterLookTest, AnOpenDeployIsAlwaysLookedAt) {
  Seen();
  WritePlan("b", std::nullopt);
  for (int look = 0; look < 3; ++look) EXPECT_THAT(Seen(), UnorderedElementsAre("b", "n1/b", "n2/b"));
  WritePlan("b", Outcome{.kind = Outcome::Kind::kFailed});
  EXPECT_THAT(Seen(), UnorderedElementsAre("b", "n1/b", "n2/b"));
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ClusterLookTest, ThePlanOfATaskInProgressIsLookedAt) {
  Seen();
  tasks::TaskRecord task;
  task.model = ModelId("a");
  ASSERT_TRUE(node_.tasks.Create(task));
  const ClusterView view = look_.Look();
  ASSERT_EQ(view.plans.size(), 1U);
  EXPECT_EQ(view.plans[0].model, ModelId("a"));
  EXPECT_TRUE(view.models.contains(ModelId("a")));
  EXPECT_EQ(view.tasks.size(), 1U);
}

// What waited for the task's end, as the removal of a deleted model's plan does, is to be done then.
TEST_F(ClusterLookTest, ThePlanOfATaskThatEndedIsLookedAtOnceMore) {
  tasks::TaskRecord task;
  task.model = ModelId("a");
  const auto created = node_.tasks.Create(task);
  ASSERT_TRUE(created);
  Seen();
  ASSERT_TRUE(node_.tasks.Transition(created->id, tasks::TaskState::kFailed));
  EXPECT_THAT(Seen(), UnorderedElementsAre("a", "n1/a", "n2/a"));
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ClusterLookTest, APlanWhoseModelGoesIsLookedAtWithoutTheModel) {
  Seen();
  Write({storage::Collection::kModels, "a"}, std::nullopt);
  const ClusterView view = look_.Look();
  ASSERT_EQ(view.plans.size(), 1U);
  EXPECT_FALSE(view.models.contains(ModelId("a")));
}

TEST_F(ClusterLookTest, WhatHadAnActionIsLookedAtAgain) {
  WritePlacement("n3", "a");
  Seen();
  EXPECT_THAT(Seen(), IsEmpty());
  look_.Keep({RemovePlan{Plan{.model = ModelId("b")}},
              RemovePlacement{Placement{.node = NodeId("n3"), .model = ModelId("a")}}});
  EXPECT_THAT(Seen(), UnorderedElementsAre("b", "n1/b", "n2/b", "n3/a"));
  look_.Keep({});
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ClusterLookTest, EverythingIsLookedAtWhenTheNodesOrTheSettingsAreOthers) {
  Seen();
  other_.membership.Leave();
  EXPECT_THAT(Seen(), Everything());
  EXPECT_THAT(Seen(), IsEmpty());
  other_.membership.Stop();
  EXPECT_THAT(Seen(), Everything());
  EXPECT_THAT(Seen(), IsEmpty());
  node_.Set("plugins.ml_commons.exclude_nodes._name", "n1");
  EXPECT_THAT(Seen(), Everything());
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ClusterLookTest, EverythingIsLookedAtAfterALostNoticeAndEachMinute) {
  Seen();
  look_.Note({.kind = storage::Change::Kind::kResync});
  EXPECT_THAT(Seen(), Everything());
  EXPECT_THAT(Seen(), IsEmpty());
  disk_.executor.RunFor(ClusterLook::kReread - seconds(1));
  EXPECT_THAT(Seen(), IsEmpty());
  disk_.executor.RunFor(seconds(1));
  EXPECT_THAT(Seen(), Everything());
}

}  // namespace
}  // namespace mlnode::deploy
