#include "models/rules/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/testing/golden_document.h"

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

TEST(ControllerTest, GoldenDocumentIsReadAndWrittenBackEqual) {
  const storage::Document golden = storage::testing::GoldenDocument(
      {storage::Collection::kControllers, "gLoZCaIBChNpZEQVoK-l"}, "controller.1.json");
  const Controller controller = ReadController(golden).value();
  EXPECT_EQ(controller.users.size(), 3U);
  EXPECT_EQ(controller.users.at("zoë").unit, "DAYS");
  EXPECT_EQ(ToJson(ControllerForm(controller)), ToJson(golden.body));
}

TEST(ControllerTest, TheNextFormatIsRefused) {
  const auto next = ReadController(storage::testing::OfNextFormat(Stored({{"user_rate_limiter", json::object()}})));
  EXPECT_EQ(next.error().code, Code::kDataLoss);
  EXPECT_THAT(next.error().message, HasSubstr("has format 2"));
}

}  // namespace
}  // namespace mlnode::models
