#include "models/registration_repair.h"

#include <gmock/gmock.h>

#include <set>

#include "models/testing/registration_fixture.h"

namespace mlnode::models {
namespace {

using storage::testing::PartFault;
using storage::testing::WriteFault;
using tasks::TaskState;
using ::testing::IsEmpty;
using testing::MakeModelZip;

constexpr std::chrono::hours kGrace{1};

class RegistrationRepairTest : public testing::RegistrationFixture {
 protected:
  RepairReport Repair() { return RepairRegistrations(*models_, *tasks_, clock_, kGrace).value(); }

  // What must hold after a repair, whatever happened before it.
  void ExpectRepaired(const std::string& what) {
    std::set<UploadId> owned;
    for (const Model& model : models_->List()) {
      owned.insert(model.upload);
      if (!model.register_task) continue;
      const Result<tasks::TaskRecord> task = tasks_->Get(*model.register_task);
      if (model.registration == Registration::kRegistering)
        EXPECT_TRUE(task && !tasks::IsTerminal(task->state)) << what << ": a document without a live task";
      else
        EXPECT_TRUE(!task || tasks::IsTerminal(task->state)) << what << ": a registered model whose task goes on";
    }
    const auto uploads = store_.ListUploads().value();
    for (const auto& upload : uploads) EXPECT_TRUE(owned.contains(upload.id)) << what << ": orphan parts";
  }

  // The process dies: its work is dropped, the store keeps what it has, the reconciler fails tasks of the dead owner.
  void DieAndRestart() {
    store_.Reconnect();
    executor_.DropAll();
    Use({});
  }
  void FailTasksOfTheDead() {
    for (const tasks::TaskRecord& task : tasks_->InProgress())
      EXPECT_TRUE(tasks_->Transition(task.id, TaskState::kFailed));
  }
};

TEST_F(RegistrationRepairTest, ChangesNothingThatIsWell) {
  ASSERT_EQ(Register(UrlInput(MakeModelZip())).state, TaskState::kCompleted);
  const ModelId chunked = registration_->CreateMeta(MetaInput(2)).value();
  ASSERT_TRUE(registration_->AddChunk(chunked, 0, "x"));
  clock_.Advance(std::chrono::hours(48));
  const RepairReport report = Repair();
  EXPECT_EQ(report.documents_removed, 0);
  EXPECT_EQ(report.uploads_removed, 0);
  EXPECT_EQ(models_->List().size(), 2U);
  EXPECT_EQ(store_.ListUploads().value().size(), 2U);
}

TEST_F(RegistrationRepairTest, OrphanPartsGoAfterTheGrace) {
  ASSERT_TRUE(store_.PutPart(UploadId("orphan"), 0, "x"));
  clock_.Advance(kGrace);
  EXPECT_EQ(Repair().uploads_removed, 1);
  ASSERT_TRUE(store_.PutPart(UploadId("orphan"), 0, "x"));
  EXPECT_EQ(Repair().uploads_removed, 0) << "young parts may get an owner yet";
}

TEST_F(RegistrationRepairTest, PartsOfADamagedDocumentStay) {
  const ModelId id = registration_->CreateMeta(MetaInput(2)).value();
  ASSERT_TRUE(registration_->AddChunk(id, 0, "x"));
  const storage::Key key{storage::Collection::kModels, id.str()};
  const auto damage = [](json::object& body) -> Result<bool> { return body.erase("name") == 1; };
  ASSERT_TRUE(storage::Update(store_, random_, key, damage));
  clock_.Advance(2 * kGrace);
  EXPECT_EQ(Repair().uploads_removed, 0);
  const auto destroy = [](json::object& body) -> Result<bool> { return body.erase("_mlnode") == 1; };
  ASSERT_TRUE(storage::Update(store_, random_, key, destroy));
  EXPECT_EQ(Repair().uploads_removed, 0) << "nobody can say whose they are";
  EXPECT_EQ(store_.ListUploads().value().size(), 1U);
}

TEST_F(RegistrationRepairTest, ADamagedTaskDoesNotKeepTheOthersFromRepair) {
  std::vector<TaskId> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(registration_->RegisterFromUrl(UrlInput(MakeModelZip()), {}).value());
    store_.set_before_call([this](std::string_view call) {
      if (call == "PutPart") store_.Sever();
    });
    executor_.RunUntilIdle();
    store_.set_before_call({});
    DieAndRestart();
  }
  ASSERT_EQ(models_->List().size(), 3U);
  const auto damage = [](json::object& body) -> Result<bool> {
    body.clear();
    return true;
  };
  const TaskId damaged = *models_->List().front().register_task;  // the first that the pass meets
  ASSERT_TRUE(storage::Update(store_, random_, {storage::Collection::kTasks, damaged.str()}, damage));
  ASSERT_TRUE(store_.PutPart(UploadId("orphan"), 0, "x"));
  clock_.Advance(2 * kGrace);
  const RepairReport report = Repair();
  EXPECT_EQ(report.documents_removed, 2);
  EXPECT_EQ(report.uploads_removed, 1);
  EXPECT_EQ(models_->List().size(), 1U);
}

TEST_F(RegistrationRepairTest, ADeadlineThatPassedEndsDocumentAndTask) {
  const TaskId id = registration_->RegisterFromUrl(UrlInput(MakeModelZip()), {}).value();
  store_.set_before_call([this](std::string_view call) {
    if (call == "PutPart") store_.Sever();
  });
  executor_.RunUntilIdle();
  store_.set_before_call({});
  DieAndRestart();
  EXPECT_EQ(Repair().documents_removed, 0) << "the owner may be alive";
  clock_.Advance(std::chrono::hours(2));
  EXPECT_EQ(Repair().documents_removed, 1);
  EXPECT_EQ(tasks_->Get(id).value().state, TaskState::kFailed);
  EXPECT_THAT(models_->List(), IsEmpty());
}

TEST_F(RegistrationRepairTest, ADeletedTaskEndsTheDocument) {
  const TaskId id = registration_->RegisterFromUrl(UrlInput(MakeModelZip()), {}).value();
  store_.set_before_call([this](std::string_view call) {
    if (call == "PutPart") store_.Sever();
  });
  executor_.RunUntilIdle();
  store_.set_before_call({});
  DieAndRestart();
  ASSERT_TRUE(tasks_->Remove(id));
  EXPECT_EQ(Repair().documents_removed, 1);
  EXPECT_EQ(Repair().documents_removed, 0);
}

TEST_F(RegistrationRepairTest, WhateverWriteTheProcessDiesAfterNothingIsLeftHanging) {
  const std::string zip = MakeModelZip();
  bool completed = false;
  for (int nth = 1; !completed; ++nth) {
    ASSERT_LT(nth, 40) << "a registration has fewer writes";
    const std::uint64_t calls_before = store_.writes() + store_.parts();
    store_.set_before_call([&](std::string_view call) {
      const bool writes = call == "TryWrite" || call == "PutPart";
      if (writes && store_.writes() + store_.parts() - calls_before + 1 >= static_cast<std::uint64_t>(nth))
        store_.Sever();
    });
    const Result<TaskId> task = registration_->RegisterFromUrl(UrlInput(zip), {});
    executor_.RunUntilIdle();
    store_.set_before_call({});
    DieAndRestart();
    const Result<tasks::TaskRecord> ended = task ? tasks_->Get(*task) : Result<tasks::TaskRecord>(task.error());
    completed = ended && ended->state == TaskState::kCompleted;
    Repair();
    FailTasksOfTheDead();
    clock_.Advance(2 * kGrace);
    Repair();
    ExpectRepaired("killed before write " + std::to_string(nth));
  }
  EXPECT_EQ(Register(UrlInput(zip)).state, TaskState::kCompleted);
}

class FaultSweepTest : public RegistrationRepairTest, public ::testing::WithParamInterface<WriteFault> {};

TEST_P(FaultSweepTest, WhateverWriteFailsNothingIsLeftHanging) {
  const std::string zip = MakeModelZip();
  for (int nth = 1; nth <= 14; ++nth) {
    store_.FailWrite(nth, GetParam());
    const Result<TaskId> task = registration_->RegisterFromUrl(UrlInput(zip), {});
    executor_.RunUntilIdle();
    store_.Reconnect();
    FailTasksOfTheDead();
    clock_.Advance(2 * kGrace);
    Repair();
    ExpectRepaired("write " + std::to_string(nth));
    const bool completed = task && tasks_->Get(*task) && tasks_->Get(*task)->state == TaskState::kCompleted;
    for (const Model& model : models_->List()) {
      EXPECT_TRUE(completed || model.registration == Registration::kRegistered) << nth;
      // A fault that the registration did not reach hits the first of these.
      ASSERT_TRUE(models_->Remove(model.id) || models_->Remove(model.id));
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Faults, FaultSweepTest,
                         ::testing::Values(WriteFault::kUnavailable, WriteFault::kDiskFull, WriteFault::kLostDone,
                                           WriteFault::kLostNotDone));

TEST_F(RegistrationRepairTest, AControllerWithoutAModelGoes) {
  const ModelId kept = registration_->CreateMeta(MetaInput(1)).value();
  for (const ModelId& model : {kept, ModelId("gone")}) ASSERT_TRUE(models_->controllers().Put({.model = model}));
  EXPECT_EQ(Repair().controllers_removed, 1);
  EXPECT_TRUE(models_->controllers().Get(kept));
  EXPECT_EQ(models_->controllers().Get(ModelId("gone")).error().code, Code::kNotFound);
  EXPECT_EQ(Repair().controllers_removed, 0);
}

}  // namespace
}  // namespace mlnode::models
