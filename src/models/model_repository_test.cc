#include "models/model_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "core/executor.h"
#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"
#include "storage/testing/golden_document.h"

namespace mlnode::models {
namespace {

using storage::testing::WriteFault;
using ::testing::HasSubstr;

class ModelRepositoryTest : public ::testing::Test {
 protected:
  Model Made(const std::string& id, const GroupId& group = GroupId("g")) {
    Model model;
    model.id = ModelId(id);
    model.name = "n";
    model.version = "1";
    model.group = group;
    model.upload = UploadId("upload-" + id);
    EXPECT_TRUE(models_.Create(model));
    return model;
  }
  // Runs `race` once, inside the nth TryWrite from now.
  void InsideWrite(int nth, std::function<void()> race) {
    store_.set_before_call([this, race = std::move(race)](std::string_view call) mutable {
      if (call != "TryWrite" || --nth_ > 0 || done_) return;
      done_ = true;
      race();
    });
    nth_ = nth;
    done_ = false;
  }

  int nth_ = 0;
  bool done_ = false;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{7};
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
  ModelRepository models_{store_, random_, clock_};
};

TEST_F(ModelRepositoryTest, ModelsAreMadeReadListedAndChanged) {
  Made("b");
  Made("a");
  EXPECT_EQ(models_.List().size(), 2U);
  EXPECT_EQ(models_.List()[0].id.str(), "a");
  const Model changed = models_
                            .Update(ModelId("a"),
                                    [](Model& m) -> Status {
                                      m.description = "d";
                                      return {};
                                    })
                            .value();
  EXPECT_EQ(changed.doc_version, 2U);
  EXPECT_EQ(models_.Get(ModelId("a")).value().description, "d");
}

TEST_F(ModelRepositoryTest, UnknownModelsAreNotFound) {
  const ModelId id("x");
  EXPECT_EQ(models_.Get(id).error().message, "Failed to find model");
  EXPECT_EQ(models_.Update(id, [](Model&) -> Status { return {}; }).error().code, Code::kNotFound);
  EXPECT_EQ(models_.Remove(id).error().message, "Failed to find model");
}

TEST_F(ModelRepositoryTest, ATakenIdIsRefused) {
  const Model model = Made("a");
  const Status again = models_.Create(model);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  EXPECT_EQ(again.error().message, "model id 'a' already exists");
}

TEST_F(ModelRepositoryTest, AnUpdateThatChangesNothingWritesNothing) {
  Made("a");
  EXPECT_EQ(models_.Update(ModelId("a"), [](Model&) -> Status { return {}; }).value().doc_version, 1U);
}

TEST_F(ModelRepositoryTest, ARefusedChangeIsReturned) {
  Made("a");
  EXPECT_EQ(
      models_.Update(ModelId("a"), [](Model&) -> Status { return MakeError(Code::kCancelled, "no"); }).error().code,
      Code::kCancelled);
}

TEST_F(ModelRepositoryTest, UpdatesAtOnceBothCount) {
  Made("a");
  const auto add = [this](std::uint32_t part) {
    return models_.Update(ModelId("a"), [part](Model& m) -> Status {
      m.received_parts.insert(std::ranges::lower_bound(m.received_parts, part), part);
      return {};
    });
  };
  InsideWrite(1, [&] { EXPECT_TRUE(add(0)); });
  EXPECT_TRUE(add(1));
  EXPECT_EQ(models_.Get(ModelId("a")).value().received_parts.size(), 2U);
}

TEST_F(ModelRepositoryTest, RemoveTakesThePartsToo) {
  const Model model = Made("a");
  ASSERT_TRUE(store_.PutPart(model.upload, 0, "x"));
  EXPECT_EQ(models_.Remove(model.id).value().version, 2U);
  EXPECT_TRUE(store_.ListParts(model.upload).value().empty());
}

TEST_F(ModelRepositoryTest, RemoveAsksAboutEachVersion) {
  const Model model = Made("a");
  InsideWrite(1, [&] {
    EXPECT_TRUE(models_.Update(model.id, [](Model& m) -> Status {
      m.registration = Registration::kRegistered;
      return {};
    }));
  });
  const auto still = [](const Model& m) -> Status {
    if (m.registration == Registration::kRegistering) return {};
    return MakeError(Code::kFailedPrecondition, "registered");
  };
  EXPECT_EQ(models_.Remove(model.id, still).error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(models_.Get(model.id));
}

TEST_F(ModelRepositoryTest, ADamagedDocumentIsLeftOutOfListings) {
  Made("a");
  ASSERT_TRUE(storage::Commit(store_, {.key = {storage::Collection::kModels, "bad"},
                                       .expect = storage::Expect::Absent(),
                                       .body = json::object(),
                                       .nonce = 99}));
  EXPECT_EQ(models_.List().size(), 1U);
  EXPECT_EQ(models_.Get(ModelId("bad")).error().code, Code::kDataLoss);
}

class ModelGroupsTest : public ModelRepositoryTest {};

TEST_F(ModelGroupsTest, AGroupIsStoredInThePeersForm) {
  const Group group = models_.CreateGroup("golden group", "a group").value();
  EXPECT_EQ(group.id.str().size(), 20U);
  const std::string now = std::to_string(clock_.WallMillis());
  EXPECT_EQ(ToJson(GroupForm(models_.GetGroup(group.id).value())),
            R"({"name":"golden group","latest_version":0,"description":"a group","access":"public","created_time":)" +
                now + R"(,"last_updated_time":)" + now + "}");
  EXPECT_EQ(models_.FindGroupByName("golden group").value().id, group.id);
  EXPECT_EQ(models_.FindGroupByName("other").error().code, Code::kNotFound);
  EXPECT_EQ(models_.ListGroups().size(), 1U);
}

TEST_F(ModelGroupsTest, ATakenNameIsRefusedWithItsHolder) {
  const Group group = models_.CreateGroup("g", {}).value();
  const Result<Group> again = models_.CreateGroup("g", {});
  EXPECT_EQ(again.error().code, Code::kInvalidArgument);
  EXPECT_EQ(again.error().message,
            "The name you provided is already being used by a model group with ID: " + group.id.str() + ".");
}

TEST_F(ModelGroupsTest, OfTwoOfOneNameAtOnceOneStays) {
  for (int step = 1; step <= 3; ++step) {
    const std::string name = "g" + std::to_string(step);
    Result<Group> other = MakeError(Code::kInternal, "did not run");
    InsideWrite(step, [&] { other = models_.CreateGroup(name, {}); });
    const Result<Group> mine = models_.CreateGroup(name, {});
    store_.set_before_call({});
    EXPECT_NE(mine.has_value(), other.has_value()) << step;
    int left = 0;
    for (const Group& group : models_.ListGroups()) left += group.name == name ? 1 : 0;
    EXPECT_EQ(left, 1) << step;
    EXPECT_EQ(models_.FindGroupByName(name).value().id, mine ? mine->id : other->id);
  }
}

// One has seen that the reservation's group does not exist yet, and takes the name over after that group was made.
TEST_F(ModelGroupsTest, ATakeoverThatComesLateDoesNotMakeASecondGroupOfTheName) {
  ThreadPool pool({.name = "other", .threads = 1});
  std::promise<void> seen;
  std::promise<Result<Group>> made;
  std::atomic<int> writes_of_other = 0;
  bool held = false;
  const auto mine = std::this_thread::get_id();
  store_.set_before_call([&](std::string_view call) {
    if (call != "TryWrite") return;
    if (std::this_thread::get_id() != mine) {
      if (++writes_of_other == 2) seen.get_future().wait();  // reserved; its group comes next
    } else if (!std::exchange(held, true)) {
      seen.set_value();
      const Result<Group> other = made.get_future().get();
      EXPECT_TRUE(other.has_value());
    }
  });
  ASSERT_TRUE(pool.Post([&] { made.set_value(models_.CreateGroup("g", {})); }));
  while (writes_of_other < 2) std::this_thread::yield();
  const Result<Group> late = models_.CreateGroup("g", {});
  EXPECT_FALSE(late.has_value());
  EXPECT_EQ(models_.ListGroups().size(), 1U);
}

TEST_F(ModelGroupsTest, ANameThatIsBeingGivenToAGroupIsNotTakenOver) {
  const GroupId id = models_.CreateGroup("old", {}).value().id;
  Result<Group> other = MakeError(Code::kInternal, "did not run");
  InsideWrite(2, [&] { other = models_.CreateGroup("new", {}); });  // reserved, not yet written
  EXPECT_TRUE(models_.UpdateGroup(id, "new", {}));
  EXPECT_EQ(other.error().code, Code::kInvalidArgument);
  EXPECT_EQ(models_.FindGroupByName("new").value().id, id);
}

TEST_F(ModelGroupsTest, ANameOfARenameThatDiedIsFreeAfterAWhile) {
  const GroupId id = models_.CreateGroup("old", {}).value().id;
  int writes = 0;
  store_.set_before_call([&](std::string_view call) {
    if (call == "TryWrite" && ++writes == 2) store_.Sever();
  });
  EXPECT_FALSE(models_.UpdateGroup(id, "new", {}));
  store_.set_before_call({});
  store_.Reconnect();
  EXPECT_FALSE(models_.CreateGroup("new", {})) << "the rename may be under way";
  clock_.Advance(std::chrono::minutes(2));
  EXPECT_TRUE(models_.CreateGroup("new", {}));
}

TEST_F(ModelGroupsTest, AReservationWithoutItsGroupIsTakenOver) {
  store_.FailWrite(2, WriteFault::kDiskFull);
  EXPECT_EQ(models_.CreateGroup("g", {}).error().code, Code::kResourceExhausted);
  EXPECT_EQ(models_.FindGroupByName("g").error().code, Code::kNotFound);
  EXPECT_TRUE(models_.CreateGroup("g", {}));
}

TEST_F(ModelGroupsTest, VersionsCountUp) {
  const GroupId id = models_.CreateGroup("g", {}).value().id;
  EXPECT_EQ(models_.NextVersion(id).value(), 1);
  EXPECT_EQ(models_.NextVersion(id).value(), 2);
  models_.GiveBackVersion(id, 1);
  EXPECT_EQ(models_.GetGroup(id).value().latest_version, 2) << "a later version is out";
  models_.GiveBackVersion(id, 2);
  EXPECT_EQ(models_.GetGroup(id).value().latest_version, 1);
  EXPECT_EQ(models_.NextVersion(GroupId("x")).error().code, Code::kNotFound);
  models_.GiveBackVersion(GroupId("x"), 1);
}

TEST_F(ModelGroupsTest, AGroupWithModelsIsNotRemoved) {
  const GroupId id = models_.CreateGroup("g", {}).value().id;
  const Model model = Made("a", id);
  const Result<storage::Written> refused = models_.RemoveGroup(id);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(refused.error().message, "Cannot delete the model group when it has associated model versions");
  ASSERT_TRUE(models_.Remove(model.id));
  EXPECT_TRUE(models_.RemoveGroup(id));
  EXPECT_EQ(models_.RemoveGroup(id).error().code, Code::kNotFound);
  EXPECT_TRUE(models_.CreateGroup("g", {})) << "the name is free again";
}

TEST_F(ModelGroupsTest, ARegistrationDuringTheRemovalIsSeen) {
  const GroupId id = models_.CreateGroup("g", {}).value().id;
  InsideWrite(1, [&] {
    EXPECT_TRUE(models_.NextVersion(id));
    Made("a", id);
  });
  EXPECT_EQ(models_.RemoveGroup(id).error().code, Code::kConflict);
  EXPECT_TRUE(models_.GetGroup(id));
}

// The removal has looked for models before this one was made, and writes after.
TEST_F(ModelGroupsTest, ARegistrationThatMarksTheGroupIsSeenByARemovalUnderWay) {
  const GroupId id = models_.CreateGroup("g", {}).value().id;
  ASSERT_TRUE(models_.NextVersion(id));
  InsideWrite(1, [&] {
    Made("a", id);
    EXPECT_TRUE(models_.MarkUsed(id));
  });
  EXPECT_EQ(models_.RemoveGroup(id).error().code, Code::kConflict);
  EXPECT_TRUE(models_.GetGroup(id));
}

TEST_F(ModelGroupsTest, MarkingARemovedGroupSaysSo) {
  EXPECT_EQ(models_.MarkUsed(GroupId("x")).error().code, Code::kNotFound);
}

TEST_F(ModelGroupsTest, RenamingMovesTheName) {
  const GroupId id = models_.CreateGroup("old", "d").value().id;
  const GroupId other = models_.CreateGroup("taken", {}).value().id;
  EXPECT_EQ(models_.UpdateGroup(id, "taken", {}).error().message,
            "The name you provided is already being used by another model with ID: " + other.str() +
                ". Please provide a different name");
  EXPECT_EQ(models_.GetGroup(id).value().name, "old");
  EXPECT_EQ(models_.UpdateGroup(id, "new", "changed").value().name, "new");
  EXPECT_EQ(models_.FindGroupByName("new").value().id, id);
  EXPECT_TRUE(models_.CreateGroup("old", {}));
  EXPECT_EQ(models_.UpdateGroup(id, {}, {}).value().description, "changed");
  EXPECT_EQ(models_.UpdateGroup(GroupId("x"), "n", {}).error().code, Code::kNotFound);
}

class GoldenGroupTest : public ModelRepositoryTest {
 protected:
  static storage::Document Group() {
    return storage::testing::GoldenDocument({storage::Collection::kModelGroups, "dLoZCaIBChNpZEQVmq9q"},
                                            "model_group.1.json");
  }
  static storage::Document Name() {
    return storage::testing::GoldenDocument(
        {storage::Collection::kReservations,
         "group_name/516a1b77a3a9bf14170fe6d1a33b440509a2a0adedf08c8b02d03488c1c67acc"},
        "group_name.1.json");
  }
  void Put(const storage::Document& document) {
    ASSERT_TRUE(storage::Commit(
        store_,
        {.key = document.key, .expect = storage::Expect::Absent(), .body = document.body, .nonce = ++last_nonce_}));
  }
  std::uint64_t last_nonce_ = 0;
};

TEST_F(GoldenGroupTest, DocumentsAreReadAndWrittenBackEqual) {
  EXPECT_EQ(ToJson(GroupForm(ReadGroup(Group()).value())), ToJson(Group().body));
  Put(Group());
  Put(Name());
  EXPECT_EQ(models_.FindGroupByName("golden group").value().id.str(), Group().key.id);
  ASSERT_TRUE(models_.RemoveGroup(GroupId(Group().key.id)));
  const GroupId id = models_.CreateGroup("golden group", {}).value().id;
  storage::Document expected = Name();
  expected.body["model_group_id"] = id.str();
  expected.body["reserved_at"] = clock_.WallMillis();  // the first ones were written without
  EXPECT_EQ(ToJson(store_.Get(expected.key).value()->body), ToJson(expected.body));
}

TEST_F(GoldenGroupTest, TheNextFormatIsRefused) {
  const storage::Document next = storage::testing::OfNextFormat(Group());
  EXPECT_THAT(ReadGroup(next).error().message, HasSubstr("model_groups/dLoZCaIBChNpZEQVmq9q has format 2"));
  Put(storage::testing::OfNextFormat(Name()));
  EXPECT_THAT(models_.CreateGroup("golden group", {}).error().message, HasSubstr("has format 2"));
}

}  // namespace
}  // namespace mlnode::models
