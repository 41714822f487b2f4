#include "models/rules/model_rules.h"

#include <gtest/gtest.h>

#include "models/rules/controller.h"
#include "storage/testing/golden_document.h"

namespace mlnode::models {
namespace {

storage::Document ModelOf(json::object body) {
  return {.key = {storage::Collection::kModels, "m"}, .body = std::move(body)};
}
storage::Document ControllerOf(json::object body) {
  return {.key = {storage::Collection::kControllers, "m"}, .body = std::move(body)};
}

TEST(ModelRulesTest, AbsentFieldsLimitNothing) {
  const ModelRules rules = ReadModelRules(ModelOf({{"algorithm", "SPARSE_ENCODING"}})).value();
  EXPECT_EQ(rules.function, FunctionName::kSparseEncoding);
  EXPECT_TRUE(rules.is_enabled);
  EXPECT_FALSE(rules.limit);
  EXPECT_FALSE(rules.has_interface);
  EXPECT_FALSE(ReadModelRules(ModelOf({{"algorithm", "TEXT_EMBEDDING"}, {"interface", json::object()}}))->has_interface)
      << "an empty one asks nothing";
}

TEST(ModelRulesTest, FieldsAreRead) {
  const ModelRules rules = ReadModelRules(ModelOf({{"algorithm", "TEXT_EMBEDDING"},
                                                   {"is_enabled", false},
                                                   {"interface", {{"input", "{}"}}},
                                                   {"rate_limiter", {{"limit", "3"}, {"unit", "SECONDS"}}}}))
                               .value();
  EXPECT_FALSE(rules.is_enabled);
  EXPECT_TRUE(rules.has_interface);
  EXPECT_EQ(rules.limit, (Allowance{.requests = 3, .period = std::chrono::seconds(1)}));
}

TEST(ModelRulesTest, DamageNamesTheField) {
  const auto message = [](json::object body) {
    const auto rules = ReadModelRules(ModelOf(std::move(body)));
    EXPECT_EQ(rules.error().code, Code::kDataLoss);
    return rules.error().message;
  };
  EXPECT_EQ(message({}), "models/m: stored field [algorithm] is missing or malformed");
  EXPECT_EQ(message({{"algorithm", "X"}}), "models/m: stored field [algorithm] is missing or malformed");
  EXPECT_EQ(message({{"algorithm", "TEXT_EMBEDDING"}, {"is_enabled", 7}}),
            "models/m: stored field [is_enabled] is missing or malformed");
  EXPECT_EQ(message({{"algorithm", "TEXT_EMBEDDING"}, {"interface", "x"}}),
            "models/m: stored field [interface] is missing or malformed");
  EXPECT_EQ(message({{"algorithm", "TEXT_EMBEDDING"}, {"rate_limiter", {{"limit", "x"}}}}),
            "models/m: stored field [rate_limiter] is missing or malformed");
}

TEST(ModelRulesTest, TheNextFormatIsRefused) {
  using storage::testing::OfNextFormat;
  EXPECT_EQ(ReadModelRules(OfNextFormat(ModelOf({{"algorithm", "TEXT_EMBEDDING"}}))).error().message.substr(0, 21),
            "models/m has format 2");
  EXPECT_EQ(ReadUserAllowance(OfNextFormat(ControllerOf({})), "alice").error().message.substr(0, 26),
            "controllers/m has format 2");
}

TEST(ModelRulesTest, UsersAreFoundInAController) {
  const storage::Document controller = ControllerOf(ControllerForm(
      {.model = ModelId("m"),
       .users = {{"alice", {.limit = "4", .unit = "MINUTES"}}, {"bob", {.limit = "4", .unit = std::nullopt}}}}));
  EXPECT_EQ(ReadUserAllowance(controller, "alice").value(),
            (Allowance{.requests = 4, .period = std::chrono::minutes(1)}));
  EXPECT_FALSE(ReadUserAllowance(controller, "bob").value()) << "half a limiter limits nothing";
  EXPECT_FALSE(ReadUserAllowance(controller, "carol").value());
  EXPECT_EQ(ReadUserAllowance(ControllerOf({{"user_rate_limiter", 5}}), "alice").error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace mlnode::models
