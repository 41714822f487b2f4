// What is decided on a node whose replica has not heard yet what others wrote: nothing that others' documents forbid.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "models/model_repository.h"
#include "models/registration_repair.h"
#include "storage/memory/memory_replica_store.h"

namespace mlnode::models {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class StaleReplicaTest : public ::testing::Test {
 protected:
  Model MadeElsewhere(const std::string& id, const GroupId& group, const std::optional<TaskId>& task = std::nullopt) {
    Model model;
    model.id = ModelId(id);
    model.name = "n";
    model.version = "1";
    model.group = group;
    model.upload = UploadId("upload-" + id);
    model.register_task = task;
    EXPECT_TRUE(elsewhere_.Create(model));
    return model;
  }
  Result<RepairReport> Repair() { return RepairRegistrations(here_, tasks_, clock_, hours(1)); }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{7};
  mlnode::testing::ManualExecutor executor_{clock_};
  storage::MemoryAuthority authority_{clock_};
  storage::MemoryReplicaStore replica_{authority_, executor_, [] { return Duration(milliseconds(100)); }};
  ModelRepository here_{replica_, random_, clock_};
  ModelRepository elsewhere_{authority_, random_, clock_};
  tasks::TaskRepository tasks_{replica_, random_, clock_};
};

TEST_F(StaleReplicaTest, AGroupWhoseModelIsNewsIsNotRemoved) {
  const GroupId group = elsewhere_.CreateGroup("g", {}).value().id;
  MadeElsewhere("m", group);
  ASSERT_TRUE(elsewhere_.MarkUsed(group));
  EXPECT_EQ(here_.RemoveGroup(group).error().code, Code::kConflict);
  EXPECT_TRUE(elsewhere_.GetGroup(group));
}

TEST_F(StaleReplicaTest, AGroupIsNotRemovedWhileNobodyTellsWhetherItIsUsed) {
  const GroupId group = elsewhere_.CreateGroup("g", {}).value().id;
  replica_.CutOff();
  EXPECT_EQ(here_.RemoveGroup(group).error().code, Code::kUnavailable);
  EXPECT_TRUE(elsewhere_.GetGroup(group));
}

TEST_F(StaleReplicaTest, PartsOfAModelThatIsNewsStayAfterALongAbsence) {
  replica_.CutOff();
  const Model model = MadeElsewhere("m", GroupId("g"));
  ASSERT_TRUE(authority_.PutPart(model.upload, 0, "x"));
  clock_.Advance(hours(2));
  EXPECT_EQ(Repair().error().code, Code::kUnavailable);
  replica_.Heal();
  const auto report = Repair();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->uploads_removed, 0);
  EXPECT_TRUE(authority_.GetPart(model.upload, 0));
}

TEST_F(StaleReplicaTest, ARegistrationThatGoesOnElsewhereIsNotAbandoned) {
  tasks::TaskRepository others(authority_, random_, clock_);
  tasks::TaskRecord record;
  record.type = tasks::TaskType::kRegisterModel;
  record.owner = {.node = NodeId("elsewhere"), .incarnation = 1};
  record.deadline = clock_.WallMillis() + 60'000;
  const TaskId task = others.Create(record).value().id;
  MadeElsewhere("m", GroupId("g"), task);
  ASSERT_TRUE(replica_.CatchUp(std::chrono::seconds(1)));
  replica_.CutOff();
  clock_.Advance(hours(1));
  ASSERT_TRUE(others.Transition(task, tasks::TaskState::kCreated, [this](tasks::TaskRecord& renewed) {
    renewed.deadline = clock_.WallMillis() + 60'000;
  }));
  replica_.Heal();
  ASSERT_TRUE(Repair());
  EXPECT_TRUE(elsewhere_.Get(ModelId("m")));
}

}  // namespace
}  // namespace mlnode::models
