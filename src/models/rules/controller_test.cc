#include "models/rules/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"

namespace mlnode::models {
namespace {

using ::testing::HasSubstr;

storage::Document Stored(json::object body) {
  return {.key = {storage::Collection::kControllers, "m"}, .body = std::move(body), .revision = 9, .version = 2};
}

TEST(ControllerTest, UsersAreReadFromABody) {
  const auto users = ParseUserRateLimiters({{"model_id", "ignored"},
                                            {"user_rate_limiter",
                                             {{"alice", {{"limit", 4}, {"unit", "MINUTES"}}},
                                              {"bob", {{"unit", "HOURS"}}},
                                              {"nobody", json::object()},
                                              {"null", nullptr}}}})
                         .value();
  EXPECT_EQ(users.size(), 2U);
  EXPECT_EQ(users.at("alice"), (RateLimiter{.limit = "4", .unit = "MINUTES"}));
  EXPECT_EQ(users.at("bob"), (RateLimiter{.limit = std::nullopt, .unit = "HOURS"}));
  EXPECT_TRUE(ParseUserRateLimiters({}).value().empty());
}

TEST(ControllerTest, WhatIsNoObjectIsNamed) {
  EXPECT_THAT(ParseUserRateLimiters({{"user_rate_limiter", 5}}).error().message, HasSubstr("user_rate_limiter"));
  const auto refused = ParseUserRateLimiters({{"user_rate_limiter", {{"alice", 5}}}});
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("user_rate_limiter"));
  EXPECT_THAT(refused.error().message, HasSubstr("alice"));
}

TEST(ControllerTest, WrongLimitersAreRefused) {
  EXPECT_EQ(ParseUserRateLimiters({{"user_rate_limiter", {{"alice", {{"limit", "x"}}}}}}).error().message,
            "Limit field must be a positive number.");
}

TEST(ControllerTest, UsersAreCounted) {
  json::object users;
  for (std::size_t i = 0; i < kMaxControllerUsers; ++i) users["u" + std::to_string(i)] = {{"limit", 1}};
  EXPECT_TRUE(ParseUserRateLimiters({{"user_rate_limiter", users}}));
  users["one more"] = {{"limit", 1}};
  const auto refused = ParseUserRateLimiters({{"user_rate_limiter", std::move(users)}});
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_EQ(refused.error().message, "[user_rate_limiter] names 5001 users; a controller has at most 5000");
}

TEST(ControllerTest, ADamagedDocumentIsDataLoss) {
  EXPECT_EQ(ReadController(Stored({{"user_rate_limiter", {{"a", {{"limit", "x"}}}}}})).error().code, Code::kDataLoss);
}

// docs/formats/controller.md: what one version wrote, the next must read.
TEST(ControllerTest, GoldenFileReadsAndIsWrittenTheSame) {
  const std::string text = ReadFile(MLNODE_TEST_DATA "/formats/controller.json", 10'000).value();
  json::object golden = ParseJsonObject(text).value();
  storage::Document document = Stored(golden);
  document.key.id = golden.at("model_id").as_string();
  const Controller controller = ReadController(document).value();
  EXPECT_EQ(controller.users.size(), 3U);
  EXPECT_EQ(controller.users.at("zoë").unit, "DAYS");
  EXPECT_EQ(controller.doc_version, 2U);
  EXPECT_EQ(ToJson(ControllerForm(controller)), ToJson(golden));
}

}  // namespace
}  // namespace mlnode::models
