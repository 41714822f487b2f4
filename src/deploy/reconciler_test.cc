#include "deploy/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"
#include "storage/memory/memory_replica_store.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using testing::OneDisk;
using testing::OneNode;

TEST(ReconcilerTest, ARepairThatFailsIsTriedAgainFurtherAndFurtherApart) {
  OneDisk disk;
  ASSERT_TRUE(disk.store.PutPart(UploadId("orphan"), 0, "x"));
  disk.clock.Advance(std::chrono::hours(2));
  OneNode node(disk);
  disk.store.Sever();
  int tries = 0;
  disk.store.set_before_call([&tries](std::string_view call) { tries += call == "CatchUp" ? 1 : 0; });
  node.reconciler.Start();
  node.RunFor(seconds(60));
  EXPECT_THAT(tries, AllOf(Ge(3), Le(7))) << "after 0, 2, 6, 14, 30 s, not each second";
  disk.store.Reconnect();
  node.RunFor(seconds(60));
  EXPECT_THAT(disk.store.ListUploads().value(), IsEmpty());
}

// n1 leads, n2 does not; the deploy of a model that both have loaded.
class TwoReconcilersTest : public ::testing::Test {
 protected:
  TwoReconcilersTest() {
    for (OneNode* node : {&first_, &second_}) {
      EXPECT_TRUE(node->membership.Start());
      node->agent.Start();
    }
    disk_.executor.RunUntilIdle();
  }
  TaskId Deploy() {
    const TaskId task = first_.deploys.Deploy(model_, {}).value();
    disk_.executor.RunFor(milliseconds(10));
    return task;
  }
  tasks::TaskState StateOf(const TaskId& task) { return first_.Task(task).state; }

  OneDisk disk_;
  OneNode first_{disk_, 1, "n1"}, second_{disk_, 1, "n2"};
  const ModelId model_ = first_.AddModel("m");
};

TEST_F(TwoReconcilersTest, TheLeaderActsAtOnce) {
  first_.reconciler.Start();
  EXPECT_EQ(StateOf(Deploy()), tasks::TaskState::kCompleted);
}

TEST_F(TwoReconcilersTest, AnotherActsWhenTheLeaderDoesNot) {
  second_.reconciler.Start();
  const TaskId task = Deploy();
  second_.RunFor(milliseconds(2'900));
  EXPECT_EQ(StateOf(task), tasks::TaskState::kCreated);
  second_.RunFor(milliseconds(1'200));
  EXPECT_EQ(StateOf(task), tasks::TaskState::kCompleted);
}

TEST_F(TwoReconcilersTest, WhoLeavesActsNoMoreAndTheNextLeads) {
  first_.reconciler.Start();
  second_.reconciler.Start();
  disk_.executor.RunFor(seconds(2));
  first_.membership.Leave();
  disk_.executor.RunFor(seconds(2));
  const TaskId task = second_.deploys.Deploy(model_, {}).value();
  disk_.executor.RunFor(milliseconds(10));
  EXPECT_EQ(StateOf(task), tasks::TaskState::kCompleted) << "at once";
}

TEST_F(TwoReconcilersTest, ALeavingNodeAloneDoesNotEndWhatTheNextProcessGoesOnWith) {
  second_.agent.Stop();
  second_.membership.Stop();
  first_.reconciler.Start();
  first_.local.SetScript(model_, {.stuck_at = serving::Phase::kLoading});
  const TaskId task = Deploy();
  first_.membership.Leave();
  disk_.executor.RunFor(seconds(30));
  EXPECT_EQ(StateOf(task), tasks::TaskState::kRunning);
  EXPECT_EQ(first_.local.Unloads(model_), 0);
}

TEST_F(TwoReconcilersTest, OnlyTheLeaderRepairsRegistrations) {
  ASSERT_TRUE(disk_.store.PutPart(UploadId("orphan"), 0, "x"));
  disk_.clock.Advance(std::chrono::hours(2));
  second_.reconciler.Start();
  disk_.executor.RunFor(std::chrono::minutes(21));
  EXPECT_EQ(disk_.store.ListUploads()->size(), 1u);
  first_.agent.Stop();
  first_.membership.Stop();
  disk_.executor.RunFor(seconds(2));
  EXPECT_THAT(disk_.store.ListUploads().value(), IsEmpty()) << "it leads now";
}

TEST_F(TwoReconcilersTest, TheLeaseOfANodeThatIsGoneForLongGoes) {
  storage::testing::FaultStore wire(disk_.memory);
  OneNode third(disk_, 1, "n3", &wire);
  third.Start();
  first_.reconciler.Start();
  disk_.executor.RunFor(seconds(5));
  wire.Sever();
  disk_.executor.RunFor(seconds(59));
  EXPECT_TRUE(disk_.store.Get(LeaseKey(NodeId("n3"))));
  disk_.executor.RunFor(seconds(5));
  EXPECT_FALSE(disk_.store.Get(LeaseKey(NodeId("n3"))));
  wire.Reconnect();
  disk_.executor.RunFor(seconds(2));
  EXPECT_TRUE(disk_.store.Get(LeaseKey(NodeId("n3")))) << "it was only away";
  EXPECT_EQ(first_.membership.Live().size(), 3u);
}

TEST(ReconcilerTest, RepairLooksAtWhatTheAuthorityKnows) {
  OneDisk disk;
  storage::MemoryAuthority authority(disk.clock);
  storage::MemoryReplicaStore replica(authority, disk.executor, [] { return Duration(seconds(30)); });
  OneNode node(disk, 1, "n1", &replica);
  ASSERT_TRUE(authority.PutPart(UploadId("upload-m"), 0, "x"));
  storage::MemoryReplicaStore other(authority, disk.executor, [] { return Duration::zero(); });
  OneNode elsewhere(disk, 1, "n2", &other);
  elsewhere.AddModel("m");
  disk.clock.Advance(std::chrono::hours(2));
  ASSERT_FALSE(replica.Get({storage::Collection::kModels, "m"})) << "not heard of yet";
  node.reconciler.Start();
  disk.executor.RunUntilIdle();
  EXPECT_EQ(authority.ListUploads().value().size(), 1u) << "its model is there";
}

}  // namespace
}  // namespace mlnode::deploy
