#include "models/rules/controller_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "models/model_repository.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::models {
namespace {

using ::testing::HasSubstr;

const ModelId kModel("m");

class ControllerRepositoryTest : public ::testing::Test {
 protected:
  static Controller Of(UserRateLimiters users) { return {.model = kModel, .users = std::move(users)}; }
  static RateLimiter Per(const std::string& limit, const std::string& unit) { return {.limit = limit, .unit = unit}; }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{7};
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
  ControllerRepository controllers_{store_, random_};
};

TEST_F(ControllerRepositoryTest, PutMakesThenReplaces) {
  EXPECT_EQ(controllers_.Put(Of({{"alice", Per("4", "MINUTES")}}))->version, 1U);
  EXPECT_EQ(controllers_.Put(Of({{"bob", Per("5", "HOURS")}}))->version, 2U);
  const Controller read = controllers_.Get(kModel).value();
  EXPECT_EQ(read.users, (UserRateLimiters{{"bob", Per("5", "HOURS")}}));
  EXPECT_EQ(read.doc_version, 2U);
  EXPECT_EQ(controllers_.List().size(), 1U);
}

TEST_F(ControllerRepositoryTest, UpdateMergesUsersAndHalves) {
  ASSERT_TRUE(controllers_.Put(Of({{"alice", Per("4", "MINUTES")}, {"bob", Per("5", "HOURS")}})));
  const auto merged =
      controllers_.Update(kModel, {{"alice", {.limit = "9", .unit = std::nullopt}}, {"carol", Per("1", "DAYS")}});
  EXPECT_TRUE(merged->changed);
  EXPECT_EQ(merged->written.version, 2U);
  EXPECT_EQ(
      controllers_.Get(kModel)->users,
      (UserRateLimiters{{"alice", Per("9", "MINUTES")}, {"bob", Per("5", "HOURS")}, {"carol", Per("1", "DAYS")}}));
}

TEST_F(ControllerRepositoryTest, AnUpdateThatChangesNothingWritesNothing) {
  ASSERT_TRUE(controllers_.Put(Of({{"alice", Per("4", "MINUTES")}})));
  const auto merged = controllers_.Update(kModel, {{"alice", Per("4", "MINUTES")}});
  EXPECT_FALSE(merged->changed);
  EXPECT_EQ(merged->written.version, 1U);
}

TEST_F(ControllerRepositoryTest, UpdateDoesNotGrowBeyondTheLimit) {
  UserRateLimiters users;
  for (std::size_t i = 0; i < kMaxControllerUsers; ++i) users["u" + std::to_string(i)] = Per("1", "DAYS");
  ASSERT_TRUE(controllers_.Put(Of(users)));
  const auto refused = controllers_.Update(kModel, {{"one more", Per("1", "DAYS")}});
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr("5001"));
}

TEST_F(ControllerRepositoryTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(controllers_.Get(kModel).error().code, Code::kNotFound);
  EXPECT_EQ(controllers_.Update(kModel, {}).error().code, Code::kNotFound);
  EXPECT_EQ(controllers_.Remove(kModel).error().code, Code::kNotFound);
}

TEST_F(ControllerRepositoryTest, RemoveOfARevisionLeavesALaterOne) {
  const auto first = controllers_.Put(Of({{"alice", Per("4", "MINUTES")}})).value();
  ASSERT_TRUE(controllers_.Put(Of({{"bob", Per("4", "MINUTES")}})));
  EXPECT_EQ(controllers_.Remove(kModel, first.revision).error().code, Code::kConflict);
  EXPECT_TRUE(controllers_.Get(kModel));
  EXPECT_EQ(controllers_.Remove(kModel)->version, 3U);
  EXPECT_FALSE(controllers_.Get(kModel));
}

TEST_F(ControllerRepositoryTest, AControllerDiesWithItsModel) {
  ModelRepository models(store_, random_, clock_);
  Model model;
  model.id = kModel;
  model.name = "n";
  model.version = "1";
  model.upload = UploadId("u");
  ASSERT_TRUE(models.Create(model));
  ASSERT_TRUE(models.controllers().Put(Of({{"alice", Per("4", "MINUTES")}})));
  ASSERT_TRUE(models.Remove(kModel));
  EXPECT_EQ(controllers_.Get(kModel).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace mlnode::models
