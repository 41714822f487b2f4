#include "config/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::config {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const std::string kPlugin = "plugins.ml_commons.";
const std::string kModels = kPlugin + "max_model_on_node";
const std::string kTasks = kPlugin + "max_ml_task_per_node";

std::string Refusal(const std::string& section, const RawChange& change, const RawValues& values = {}) {
  const auto result = ApplySection(section, values, change);
  if (result) return "accepted";
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().reason, "settings_exception");
  return result.error().message;
}

TEST(ApplySectionTest, SetsAndResets) {
  const RawValues values =
      ApplySection("persistent", {{kTasks, "5"}}, {{kModels, "7"}, {kTasks, std::nullopt}}).value();
  EXPECT_THAT(values, ElementsAre(Pair(kModels, "7")));
}

TEST(ApplySectionTest, ResettingWhatIsNotSetIsFine) {
  EXPECT_THAT(ApplySection("persistent", {}, {{kModels, std::nullopt}}).value(), IsEmpty());
}

TEST(ApplySectionTest, WildcardsResetAllThatMatch) {
  const RawValues values = {{kModels, "7"}, {kTasks, "5"}, {"mlnode.slow_log_ms", "9"}};
  EXPECT_THAT(ApplySection("persistent", values, {{kPlugin + "*", std::nullopt}}).value(),
              ElementsAre(Pair("mlnode.slow_log_ms", "9")));
  EXPECT_THAT(ApplySection("persistent", values, {{kPlugin + "max_ml_task*", std::nullopt}}).value(),
              ElementsAre(Pair("mlnode.slow_log_ms", "9"), Pair(kModels, "7")));
  EXPECT_THAT(ApplySection("persistent", values, {{"*_node*", std::nullopt}}).value(),
              ElementsAre(Pair("mlnode.slow_log_ms", "9")));
  EXPECT_THAT(ApplySection("persistent", values, {{"*", std::nullopt}}).value(), IsEmpty());
  EXPECT_EQ(ApplySection("persistent", values, {{"nothing.*", std::nullopt}}).value(), values);
}

TEST(ApplySectionTest, AWildcardResetKeepsValuesSetBesideIt) {
  EXPECT_THAT(ApplySection("persistent", {{kTasks, "5"}}, {{kPlugin + "*", std::nullopt}, {kModels, "7"}}).value(),
              ElementsAre(Pair(kModels, "7")));
}

TEST(ApplySectionTest, UnknownSettingsAreNotRecognized) {
  EXPECT_EQ(Refusal("persistent", {{kPlugin + "nope", "1"}}),
            "persistent setting [plugins.ml_commons.nope], not recognized");
  EXPECT_EQ(Refusal("transient", {{kPlugin + "nope", std::nullopt}}),
            "transient setting [plugins.ml_commons.nope], not recognized");
  EXPECT_EQ(Refusal("transient", {{kPlugin + "*", "1"}}), "transient setting [plugins.ml_commons.*], not recognized");
}

TEST(ApplySectionTest, WhatAnotherVersionStoredCanBeRemoved) {
  EXPECT_THAT(ApplySection("persistent", {{"from.tomorrow", "1"}}, {{"from.tomorrow", std::nullopt}}).value(),
              IsEmpty());
}

TEST(ApplySectionTest, StaticAndFinalSettingsCannotBeChanged) {
  for (const std::optional<std::string>& value : {std::optional<std::string>("true"), std::optional<std::string>()}) {
    EXPECT_EQ(Refusal("persistent", {{kPlugin + "multi_tenancy_enabled", value}}),
              "persistent setting [plugins.ml_commons.multi_tenancy_enabled], not dynamically updateable");
    EXPECT_EQ(Refusal("persistent", {{kPlugin + "connector.restricted_ip_patterns", value}}),
              "final persistent setting [plugins.ml_commons.connector.restricted_ip_patterns], not updateable");
  }
}

TEST(ApplySectionTest, BadValuesNameTheSetting) {
  const auto result = ApplySection("persistent", {}, {{kModels, "11"}, {kPlugin + "native_memory_threshold", "1000"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, "");
  EXPECT_EQ(result.error().message,
            "Failed to parse value [1000] for setting [plugins.ml_commons.native_memory_threshold] must be <= 100");
}

}  // namespace
}  // namespace mlnode::config
