#include "models/registration.h"

#include <gmock/gmock.h>

#include <utility>

#include "core/sha256.h"
#include "models/testing/registration_fixture.h"

namespace mlnode::models {
namespace {

using storage::testing::PartFault;
using storage::testing::WriteFault;
using tasks::TaskState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeModelZip;

class ChunkedRegistrationTest : public testing::RegistrationFixture {
 protected:
  Status Add(const ModelId& id, std::uint32_t number, std::string_view bytes) {
    return registration_->AddChunk(id, number, bytes);
  }
};

TEST_F(ChunkedRegistrationTest, IsCompleteWhenEveryPartIsThere) {
  const ModelId id = registration_->CreateMeta(MetaInput(3)).value();
  EXPECT_EQ(id.str().size(), 20U);
  for (std::uint32_t number : {2U, 0U, 0U}) ASSERT_TRUE(Add(id, number, "part" + std::to_string(number)));
  EXPECT_EQ(Get(id).registration, Registration::kRegistering) << "the last number is not the last part";
  ASSERT_TRUE(Add(id, 1, "part1"));
  const Model model = Get(id);
  EXPECT_EQ(model.registration, Registration::kRegistered);
  EXPECT_EQ(store_.GetPart(model.upload, 2).value(), "part2");
  EXPECT_EQ(model.version, "1");
  EXPECT_EQ(models_->GetGroup(model.group).value().name, "in chunks");
}

TEST_F(ChunkedRegistrationTest, NothingGivenIsLostOnCompletion) {
  const ModelId id = registration_->CreateMeta(MetaInput(1)).value();
  json::object before = PublicForm(Get(id));
  ASSERT_TRUE(Add(id, 0, "x"));
  before["model_state"] = "REGISTERED";
  EXPECT_EQ(ToJson(PublicForm(Get(id))), ToJson(before));
  for (const char* key : {"description", "is_enabled", "rate_limiter", "deploy_setting", "interface"})
    EXPECT_TRUE(before.contains(key)) << key;
}

TEST_F(ChunkedRegistrationTest, APartSentAgainReplacesTheFirst) {
  const ModelId id = registration_->CreateMeta(MetaInput(2)).value();
  ASSERT_TRUE(Add(id, 0, "torn"));
  ASSERT_TRUE(Add(id, 0, "whole"));
  EXPECT_EQ(store_.GetPart(Get(id).upload, 0).value(), "whole");
}

TEST_F(ChunkedRegistrationTest, WrongChunksAreRefused) {
  const ModelId id = registration_->CreateMeta(MetaInput(2)).value();
  EXPECT_EQ(Add(ModelId("x"), 0, "x").error().code, Code::kNotFound);
  EXPECT_EQ(Add(ModelId("x"), 0, "x").error().message, "Failed to find model");
  EXPECT_EQ(Add(id, 2, "x").error().code, Code::kInvalidArgument);
  EXPECT_EQ(Add(id, 2, "x").error().message, "Chunk number exceeds total chunks");
  EXPECT_EQ(Add(id, UINT32_MAX, "x").error().message, "Chunk number exceeds total chunks");
  EXPECT_EQ(Add(id, 0, "").error().message, "Chunk size either 0 or null");
  const std::string large(10'000'001, 'x');
  EXPECT_EQ(Add(id, 0, large).error().code, Code::kTooLarge);
  EXPECT_EQ(Add(id, 0, large).error().message, "Chunk size exceeds 10MB");
  EXPECT_TRUE(Add(id, 0, std::string_view(large).substr(1)));
}

TEST_F(ChunkedRegistrationTest, ARegisteredArchiveNeverChanges) {
  const ModelId id = registration_->CreateMeta(MetaInput(1)).value();
  ASSERT_TRUE(Add(id, 0, "same"));
  EXPECT_TRUE(Add(id, 0, "same"));
  const Status other = Add(id, 0, "other");
  EXPECT_EQ(other.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(other.error().message, HasSubstr("chunk 0 differs"));
  EXPECT_EQ(store_.GetPart(Get(id).upload, 0).value(), "same");
}

TEST_F(ChunkedRegistrationTest, TheSettingIsAskedForEachChunk) {
  const ModelId id = registration_->CreateMeta(MetaInput(1)).value();
  Use({{"plugins.ml_commons.allow_registering_model_via_local_file", "false"}});
  EXPECT_THAT(Add(id, 0, "x").error().message, HasSubstr("Otherwise please use opensearch pre-trained models."));
}

TEST_F(ChunkedRegistrationTest, ADiskWithoutSpaceTakesNoChunk) {
  const ModelId id = registration_->CreateMeta(MetaInput(1)).value();
  resources_.disk_free = 1'000;
  const Status refused = Add(id, 0, "x");
  EXPECT_EQ(refused.error().reason, "circuit_breaking_exception");
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("Disk Circuit Breaker is open"));
  EXPECT_EQ(Get(id).received_parts.size(), 0U);
  Use({{"plugins.ml_commons.disk_free_space_threshold", "-1"}});
  EXPECT_TRUE(Add(id, 0, "x"));
}

TEST_F(ChunkedRegistrationTest, AnUnknownGroupIsNotFound) {
  RegisterInput input = MetaInput(1);
  input.group = GroupId("AAAAAAAAAAAAAAAAAAAA");
  const Result<ModelId> refused = registration_->CreateMeta(std::move(input));
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_EQ(refused.error().message, "Fail to find model group");
}

TEST_F(ChunkedRegistrationTest, TheSameNameIsTheNextVersion) {
  const Model one = Get(registration_->CreateMeta(MetaInput(1)).value());
  const Model two = Get(registration_->CreateMeta(MetaInput(1)).value());
  EXPECT_EQ(one.group, two.group);
  EXPECT_EQ(two.version, "2");
}

TEST_F(ChunkedRegistrationTest, AChosenIdIsTakenOnce) {
  RegisterInput input = MetaInput(1);
  input.model.id = ModelId("mine");
  EXPECT_EQ(registration_->CreateMeta(input).value().str(), "mine");
  const Result<ModelId> again = registration_->CreateMeta(input);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  EXPECT_EQ(models_->GetGroup(Get(ModelId("mine")).group).value().latest_version, 1) << "the version is given back";
}

TEST_F(ChunkedRegistrationTest, AccessControlIsRefusedOnlyForANewGroup) {
  RegisterInput input = MetaInput(1);
  input.wants_access_control = true;
  EXPECT_THAT(registration_->CreateMeta(input).error().message,
              HasSubstr("Security plugin or model access control is disabled"));
  EXPECT_THAT(models_->ListGroups(), IsEmpty());
  ASSERT_TRUE(registration_->CreateMeta(MetaInput(1)));
  EXPECT_TRUE(registration_->CreateMeta(input));
}

TEST_F(ChunkedRegistrationTest, AFailureLeavesNoGroup) {
  store_.FailWrite(5, WriteFault::kDiskFull);  // reservation, group, its confirmation, version, model
  EXPECT_EQ(registration_->CreateMeta(MetaInput(1)).error().code, Code::kResourceExhausted);
  EXPECT_THAT(models_->ListGroups(), IsEmpty());
}

TEST_F(ChunkedRegistrationTest, ADeleteDuringAChunkLeavesNoPart) {
  const ModelId id = registration_->CreateMeta(MetaInput(2)).value();
  bool entered = false;
  store_.set_before_call([&](std::string_view call) {
    if (call == "PutPart" && !std::exchange(entered, true)) EXPECT_TRUE(models_->Remove(id));
  });
  EXPECT_EQ(Add(id, 0, "x").error().code, Code::kNotFound);
  EXPECT_THAT(store_.ListUploads().value(), IsEmpty());
}

TEST_F(ChunkedRegistrationTest, RemoteModelsHaveNoContent) {
  RegisterInput input = MetaInput(1);
  input.model.function = FunctionName::kRemote;
  EXPECT_EQ(registration_->CreateMeta(input).error().code, Code::kInvalidArgument);
  EXPECT_EQ(registration_->RegisterFromUrl(input, {}).error().code, Code::kInvalidArgument);
}

// Its document names the task that registered it too, and it has no parts.
TEST_F(ChunkedRegistrationTest, ARemoteModelTakesNoChunk) {
  Model model;
  model.id = ModelId("remote");
  model.name = "r";
  model.function = FunctionName::kRemote;
  model.registration = Registration::kRegistered;
  model.register_task = TaskId("t");
  model.upload = UploadId("u");
  ASSERT_TRUE(models_->Create(model));
  EXPECT_EQ(Add(model.id, 0, "x").error().message, "Chunk number exceeds total chunks");
}

class UrlRegistrationTest : public testing::RegistrationFixture {
 protected:
  // The task failed with this text and nothing is left of the registration.
  void ExpectFailed(RegisterInput input, const ::testing::Matcher<std::string>& why) {
    const tasks::TaskRecord task = Register(std::move(input));
    EXPECT_EQ(task.state, TaskState::kFailed);
    EXPECT_THAT(task.error.value_or(""), why);
    EXPECT_FALSE(task.model.has_value());
    ExpectNothingLeft();
  }
  // A node that the work is not on.
  std::unique_ptr<ModelRegistration> Elsewhere() {
    return std::make_unique<ModelRegistration>(RegistrationEnvironment{.models = *models_,
                                                                       .tasks = *tasks_,
                                                                       .actions = actions_,
                                                                       .random = random_,
                                                                       .clock = clock_,
                                                                       .background = executor_,
                                                                       .settings = *settings_,
                                                                       .client = nullptr,
                                                                       .temporary = folder_.File("elsewhere"),
                                                                       .owner = {NodeId("n2"), 1}});
  }
  // Others end the task between the last write to the model and that to the task: is what was to be done then done.
  bool HasSuccessorWhenOthersEndTheTask(TaskState to) {
    bool ended = false;
    bool told = false;
    store_.set_before_call([&](std::string_view call) {
      if (call != "TryWrite" || ended) return;
      const auto there = models_->List();
      if (there.empty() || there.at(0).registration != Registration::kRegistered) return;
      ended = true;
      ASSERT_TRUE(tasks_->Transition(*there.at(0).register_task, to));
    });
    EXPECT_TRUE(registration_->RegisterFromUrl(UrlInput(MakeModelZip()), [&](const ModelId&) { told = true; }));
    executor_.RunUntilIdle();
    EXPECT_TRUE(ended);
    return told;
  }
  void ExpectNothingLeft() {
    EXPECT_THAT(models_->List(), IsEmpty());
    EXPECT_THAT(models_->ListGroups(), IsEmpty());
    EXPECT_THAT(store_.ListUploads().value(), IsEmpty());
    const std::filesystem::path temporary = folder_.File("tmp");
    EXPECT_TRUE(!std::filesystem::exists(temporary) || std::filesystem::is_empty(temporary));
  }
};

TEST_F(UrlRegistrationTest, RegistersWhatTheUrlNames) {
  std::string content(12'000'000, '\0');
  for (char& c : content) c = static_cast<char>(random_.Next());
  const std::string zip = MakeModelZip(content);
  ModelId told;
  const TaskId id = registration_->RegisterFromUrl(UrlInput(zip), [&](const ModelId& model) { told = model; }).value();
  EXPECT_EQ(tasks_->Get(id).value().state, TaskState::kCreated);
  EXPECT_THAT(models_->List(), IsEmpty()) << "nothing happens in the request";
  executor_.RunUntilIdle();
  const tasks::TaskRecord task = tasks_->Get(id).value();
  EXPECT_EQ(task.state, TaskState::kCompleted);
  EXPECT_EQ(task.model, told);
  EXPECT_EQ(task.worker_nodes, std::vector{NodeId("n1")});
  const Model model = Get(told);
  EXPECT_EQ(model.registration, Registration::kRegistered);
  EXPECT_EQ(model.content_bytes, static_cast<std::int64_t>(zip.size()));
  EXPECT_EQ(model.total_chunks, 2);
  EXPECT_EQ(model.description, "by url");
  EXPECT_EQ(model.is_enabled, true);
  EXPECT_EQ(model.last_registered_time, clock_.WallMillis());
  EXPECT_EQ(store_.GetPart(model.upload, 0).value() + store_.GetPart(model.upload, 1).value(), zip);
  EXPECT_EQ(store_.GetPart(model.upload, 0).value().size(), 10'000'000U);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.File("tmp")));
  EXPECT_EQ(registration_->AddChunk(told, 0, "x").error().code, Code::kFailedPrecondition);
}

TEST_F(UrlRegistrationTest, FailuresAreToldByTheTask) {
  const std::string zip = MakeModelZip();
  ExpectFailed(UrlInput(zip, std::string(64, '1')), "model content changed");
  ExpectFailed(UrlInput("not a zip"), "Archive is not a ZIP archive");
  ExpectFailed(UrlInput(testing::MakeZip({{.name = "model.onnx", .content = "x"}})), "No tokenizer file");
  RegisterInput without_hash = UrlInput(zip);
  without_hash.model.content_hash.reset();
  ExpectFailed(
      without_hash,
      "Model content Hash code need to be provided when register via url. Please calculate sha 256 Hash code.");
  RegisterInput elsewhere = UrlInput(zip);
  elsewhere.url = "file:///etc/passwd";
  ExpectFailed(elsewhere, ::testing::Not(HasSubstr("root:")));
  RegisterInput missing = UrlInput(zip);
  missing.url = "file://" + folder_.File("missing.zip");
  ExpectFailed(missing, ::testing::_);
  RegisterInput no_group = UrlInput(zip);
  no_group.group = GroupId("AAAAAAAAAAAAAAAAAAAA");
  ExpectFailed(no_group, "Model group not found");
}

TEST_F(UrlRegistrationTest, WithoutAnHttpClientOnlyFilesAreRead) {
  client_ = nullptr;
  Use({});
  RegisterInput input = UrlInput(MakeModelZip());
  input.url = "http://example.org/model.zip";
  ExpectFailed(input, HasSubstr("HTTP client"));
}

TEST_F(UrlRegistrationTest, AFailureGivesTheVersionBack) {
  const std::string zip = MakeModelZip();
  ASSERT_EQ(Register(UrlInput(zip)).state, TaskState::kCompleted);
  ASSERT_EQ(Register(UrlInput(zip, std::string(64, '1'))).state, TaskState::kFailed);
  const tasks::TaskRecord task = Register(UrlInput(zip));
  EXPECT_EQ(Get(*task.model).version, "2");
}

TEST_F(UrlRegistrationTest, UntrustedUrlsAreRefusedAtOnce) {
  RegisterInput input = UrlInput(MakeModelZip());
  input.url = "gopher://127.0.0.1/x.zip";
  const Result<TaskId> refused = registration_->RegisterFromUrl(input, {});
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(refused.error().message, "URL can't match trusted url regex");
  EXPECT_THAT(tasks_->List(), IsEmpty());
  EXPECT_THAT(models_->ListGroups(), IsEmpty());
}

TEST_F(UrlRegistrationTest, TheRegexIsFoundAnywhereInTheUrl) {
  Use({{"plugins.ml_commons.trusted_url_regex", "model[.]zip"}});
  EXPECT_EQ(Register(UrlInput(MakeModelZip())).state, TaskState::kCompleted);
}

TEST_F(UrlRegistrationTest, TooManyAtOnceFail) {
  Use({{"plugins.ml_commons.max_register_model_tasks_per_node", "1"}});
  const RegisterInput input = UrlInput(MakeModelZip());
  const TaskId first = registration_->RegisterFromUrl(input, {}).value();
  const TaskId second = registration_->RegisterFromUrl(input, {}).value();
  EXPECT_EQ(tasks_->Get(second).value().error, "exceed max running task limit");
  executor_.RunUntilIdle();
  EXPECT_EQ(tasks_->Get(first).value().state, TaskState::kCompleted);
  EXPECT_EQ(Register(input).state, TaskState::kCompleted) << "the place is free again";
}

TEST_F(UrlRegistrationTest, AnIdThatIsBeingRegisteredIsRefusedAsSuch) {
  RegisterInput input = UrlInput(MakeModelZip());
  input.model.id = ModelId("chosen");
  const TaskId first = registration_->RegisterFromUrl(input, {}).value();
  const TaskId second = registration_->RegisterFromUrl(input, {}).value();
  EXPECT_EQ(tasks_->Get(second).value().error, "model id 'chosen' is being registered by another task");
  executor_.RunUntilIdle();
  EXPECT_EQ(tasks_->Get(first).value().state, TaskState::kCompleted);
}

TEST_F(UrlRegistrationTest, AStoppedRegistrationSaysSo) {
  registration_->Stop();
  const TaskId task = registration_->RegisterFromUrl(UrlInput(MakeModelZip()), {}).value();
  EXPECT_EQ(tasks_->Get(task).value().error, "the node stops");
}

// The group goes after the version was taken and before the model is made.
TEST_F(UrlRegistrationTest, AGroupThatIsRemovedMeanwhileTakesTheModelWithIt) {
  RegisterInput input = UrlInput(MakeModelZip());
  input.group = models_->CreateGroup("mine", {}).value().id;
  int writes = 0;
  store_.set_before_call([&](std::string_view call) {
    if (call != "TryWrite" || ++writes != 4) return;  // task, its deadline, version, model
    EXPECT_TRUE(models_->RemoveGroup(*input.group));
  });
  ExpectFailed(input, HasSubstr("was removed while the model was being registered"));
}

TEST_F(UrlRegistrationTest, AFullDiskFailsTheTask) {
  store_.FailPart(1, PartFault::kDiskFull);
  ExpectFailed(UrlInput(MakeModelZip()), ::testing::_);
}

TEST_F(UrlRegistrationTest, ADiskWithoutSpaceFailsTheTaskBeforeTheDownload) {
  resources_.disk_free = 1'000;
  const auto task = Register(UrlInput("never read"));
  EXPECT_EQ(task.state, tasks::TaskState::kFailed);
  EXPECT_THAT(task.error.value_or(""),
              ::testing::StartsWith("Disk Circuit Breaker is open, please check your resources!"));
}

TEST_F(UrlRegistrationTest, CancelEndsTheWork) {
  bool cancelled = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "PutPart" || std::exchange(cancelled, true)) return;
    const ModelId model = models_->List().at(0).id;
    EXPECT_TRUE(registration_->Cancel(model));
    EXPECT_TRUE(models_->Remove(model));
  });
  ExpectFailed(UrlInput(MakeModelZip()), "the model was deleted or undeployed while it was being registered");
  EXPECT_TRUE(cancelled);
}

TEST_F(UrlRegistrationTest, AnotherNodesCancelFailsTheTaskAndEndsTheWork) {
  const auto elsewhere = Elsewhere();
  bool cancelled = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "PutPart" || std::exchange(cancelled, true)) return;
    EXPECT_TRUE(elsewhere->Cancel(models_->List().at(0).id));
    EXPECT_EQ(tasks_->List().at(0).state, TaskState::kFailed) << "before it is answered";
  });
  ExpectFailed(UrlInput(MakeModelZip()), "the model was deleted or undeployed while it was being registered");
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(elsewhere->Cancel(ModelId("nobody's")));
}

TEST_F(UrlRegistrationTest, ACancelThatCannotEndTheTaskSaysSo) {
  const RegisterInput input = UrlInput(MakeModelZip());
  bool asked = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "PutPart" || std::exchange(asked, true)) return;
    const auto elsewhere = Elsewhere();
    store_.FailWrite(1, WriteFault::kUnavailable);
    EXPECT_EQ(elsewhere->Cancel(models_->List().at(0).id).error().code, Code::kUnavailable);
  });
  EXPECT_EQ(Register(input).state, TaskState::kCompleted);
  EXPECT_TRUE(asked);
}

// The model is complete and its task not yet: others who end the task then do not want it to be deployed.
TEST_F(UrlRegistrationTest, ATaskThatOthersFailedAtTheLastMomentHasNoSuccessor) {
  EXPECT_FALSE(HasSuccessorWhenOthersEndTheTask(TaskState::kFailed));
}

// A repair may be faster than who did the work.
TEST_F(UrlRegistrationTest, ATaskThatOthersCompletedHasItsSuccessor) {
  EXPECT_TRUE(HasSuccessorWhenOthersEndTheTask(TaskState::kCompleted));
}

// As a delete at each moment of the work: between any two of its calls to the store.
TEST_F(UrlRegistrationTest, CancelAtAnyStepLeavesNothing) {
  int steps = 0;
  for (int step = 1; step == 1 || steps >= step - 1; ++step) {
    steps = 0;
    bool cancelled = false;
    bool inside = false;
    store_.set_before_call([&](std::string_view) {
      if (std::exchange(inside, true)) return;
      const auto there = models_->List();
      if (!there.empty() && there.at(0).registration == Registration::kRegistering && ++steps == step) {
        EXPECT_TRUE(registration_->Cancel(there.at(0).id));
        cancelled = models_->Remove(there.at(0).id).has_value();
      }
      inside = false;
    });
    const tasks::TaskRecord task = Register(UrlInput(MakeModelZip()));
    store_.set_before_call({});
    if (!cancelled) {
      EXPECT_EQ(task.state, TaskState::kCompleted) << "no step was left to cancel at";
      break;
    }
    EXPECT_EQ(task.state, TaskState::kFailed) << "step " << step;
    ExpectNothingLeft();
  }
  EXPECT_GE(steps, 3) << "of document, part and completion";
}

TEST_F(UrlRegistrationTest, ADeletedModelDoesNotComeBackWithoutCancel) {
  bool removed = false;
  store_.set_before_call([&](std::string_view call) {
    if (call == "PutPart" && !std::exchange(removed, true)) EXPECT_TRUE(models_->Remove(models_->List().at(0).id));
  });
  const tasks::TaskRecord task = Register(UrlInput(MakeModelZip()));
  EXPECT_EQ(task.state, TaskState::kFailed);
  EXPECT_THAT(models_->List(), IsEmpty());
  EXPECT_THAT(store_.ListUploads().value(), IsEmpty());
}

TEST_F(UrlRegistrationTest, ATaskThatOthersEndedEndsTheWork) {
  const TaskId id = registration_->RegisterFromUrl(UrlInput(MakeModelZip()), {}).value();
  ASSERT_TRUE(tasks_->Transition(id, TaskState::kFailed, [](tasks::TaskRecord& task) { task.error = "timeout"; }));
  executor_.RunUntilIdle();
  EXPECT_EQ(tasks_->Get(id).value().error, "timeout");
  ExpectNothingLeft();
}

TEST_F(UrlRegistrationTest, WorkThatHasNotBegunEndsWithTheNode) {
  ASSERT_TRUE(registration_->RegisterFromUrl(UrlInput(MakeModelZip()), {}));
  registration_.reset();
  executor_.RunUntilIdle();
  ExpectNothingLeft();
}

// With real threads: whatever moment the node stops in, the destructor returns only when nobody uses its references any
// more.
TEST_F(UrlRegistrationTest, TheDestructorWaitsForWorkUnderWay) {
  const RegisterInput input = UrlInput(MakeModelZip());
  SystemClock clock;
  SystemRandom random;
  for (int round = 0; round < 20; ++round) {
    ThreadPool pool({.name = "background", .threads = 2});
    storage::MemoryStore memory(clock);
    ModelRepository models(memory, random, clock);
    tasks::TaskRepository tasks(memory, random, clock);
    auto registration = std::make_unique<ModelRegistration>(RegistrationEnvironment{.models = models,
                                                                                    .tasks = tasks,
                                                                                    .actions = actions_,
                                                                                    .random = random,
                                                                                    .clock = clock,
                                                                                    .background = pool,
                                                                                    .settings = *settings_,
                                                                                    .client = nullptr,
                                                                                    .temporary = folder_.File("tmp"),
                                                                                    .owner = {NodeId("n1"), 3}});
    std::vector<TaskId> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(registration->RegisterFromUrl(input, {}).value());
    if (round % 2 == 1) EXPECT_TRUE(registration->Cancel(ModelId("another")));
    registration.reset();
    for (const TaskId& id : ids)
      EXPECT_NE(tasks.Get(id).value().state, TaskState::kFailed) << "the next start repairs it";
  }
}

}  // namespace
}  // namespace mlnode::models
