#include "config/setting_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::config {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kPlugin = "plugins.ml_commons.";

struct Bad {
  std::string name, value, message;
};
class BadValueTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadValueTest, IsRefusedInThePeersWords) {
  const auto result = CheckValue(*FindSetting(GetParam().name), GetParam().value);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().reason, "");
  EXPECT_EQ(result.error().message, GetParam().message);
}

std::string Failed(const std::string& value, const std::string& name, const std::string& rest = "") {
  return "Failed to parse value [" + value + "] for setting [" + name + "]" + rest;
}
std::string NoSize(const std::string& value, const std::string& why = "unit is missing or unrecognized") {
  return "failed to parse setting [plugins.ml_commons.disk_free_space_threshold] with value [" + value +
         "] as a size in bytes: " + why;
}
const std::string kTasks = kPlugin + "max_register_model_tasks_per_node";
const std::string kModels = kPlugin + "max_model_on_node";
const std::string kRatio = kPlugin + "model_auto_redeploy_success_ratio";
const std::string kDisk = kPlugin + "disk_free_space_threshold";
const std::string kAuto = kPlugin + "model_auto_deploy.enable";

INSTANTIATE_TEST_SUITE_P(
    Values, BadValueTest,
    ::testing::Values(
        Bad{kTasks, "11", Failed("11", kTasks, " must be <= 10")},
        Bad{kTasks, "-1", Failed("-1", kTasks, " must be >= 0")}, Bad{kModels, "abc", Failed("abc", kModels)},
        Bad{kModels, "", Failed("", kModels)}, Bad{kModels, "1.5", Failed("1.5", kModels)},
        Bad{kModels, "10 ", Failed("10 ", kModels)},
        Bad{kModels, "99999999999999999999", Failed("99999999999999999999", kModels)},
        Bad{kRatio, "2", Failed("2", kRatio, " must be <= 1.0")},
        Bad{kRatio, "-0.1", Failed("-0.1", kRatio, " must be >= 0.0")}, Bad{kRatio, "nan", Failed("nan", kRatio)},
        Bad{kRatio, "x", Failed("x", kRatio)},
        Bad{kAuto, "maybe", "Failed to parse value [maybe] as only [true] or [false] are allowed."},
        Bad{kAuto, "True", "Failed to parse value [True] as only [true] or [false] are allowed."},
        Bad{kDisk, "5 apples", NoSize("5 apples")}, Bad{kDisk, "5", NoSize("5")}, Bad{kDisk, "gb", NoSize("gb")},
        Bad{kDisk, "-5gb", NoSize("-5gb", "it is negative")}, Bad{kDisk, "9000pb", NoSize("9000pb", "it is too large")},
        Bad{"mlnode.log.level", "loud", Failed("loud", "mlnode.log.level", " must be one of [debug|info|warn|error]")},
        Bad{"mlnode.node.roles", "ml,cook", Failed("cook", "mlnode.node.roles", " must be one of [ml|data]")},
        Bad{"mlnode.http.max_body_bytes", "1b", Failed("1b", "mlnode.http.max_body_bytes", " must be >= 1024")},
        Bad{"mlnode.http.port", "65536", Failed("65536", "mlnode.http.port", " must be <= 65535")}));

TEST(SettingValuesTest, SizesHaveUnitsOfAnyCase) {
  const SettingRow& row = *FindSetting(kDisk);
  const std::pair<const char*, std::int64_t> cases[] = {{"0", 0},          {"-1", -1},         {"7b", 7},
                                                        {"1k", 1024},      {"1KB", 1024},      {"2m", 2 << 20},
                                                        {"2 Mb", 2 << 20}, {"5gb", 5LL << 30}, {"1.5g", 3LL << 29},
                                                        {"1t", 1LL << 40}, {"1TB", 1LL << 40}, {"3p", 3LL << 50}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(ReadBytes(row, text).value(), bytes) << text;
}

TEST(SettingValuesTest, KeepsTheTextAsGiven) {
  EXPECT_EQ(CheckValue(*FindSetting(kDisk), "5gb").value(), "5gb");
  EXPECT_EQ(CheckValue(*FindSetting(kModels), "10000").value(), "10000");
  EXPECT_EQ(CheckValue(*FindSetting(kRatio), "0.5").value(), "0.5");
}

TEST(SettingValuesTest, ListsComeAsCommasOrJson) {
  EXPECT_THAT(ReadList("a, b ,,c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(ReadList(R"(["a,b","c"])"), ElementsAre("a,b", "c"));
  EXPECT_THAT(ReadList(""), IsEmpty());
  EXPECT_THAT(ReadList("[]"), IsEmpty());
  EXPECT_THAT(ReadList("[a-z]+"), ElementsAre("[a-z]+"));
  EXPECT_EQ(CheckValue(*FindSetting("mlnode.node.roles"), "ml, data").value(), R"(["ml","data"])");
}

TEST(SettingValuesTest, UrlsAreShownWithoutCredentials) {
  EXPECT_EQ(WithoutCredentials("nats://user:pa@ss@a:4222/x@y,b:4222, tls://token@[::1]:4,u:p@c"),
            "nats://a:4222/x@y,b:4222, tls://[::1]:4,c");
  EXPECT_EQ(WithoutCredentials(""), "");
  EXPECT_EQ(WithoutCredentials("nats://a"), "nats://a");
}

TEST(SettingValuesTest, PatternsOfListsAreChecked) {
  const SettingRow& row = *FindSetting(kPlugin + "trusted_connector_endpoints_regex");
  EXPECT_TRUE(CheckValue(row, R"(["^http://127\\.0\\.0\\.1:.*$"])"));
  EXPECT_EQ(CheckValue(row, R"(["^ok$","(["])").error().message, "Invalid regex pattern: ([");
}

}  // namespace
}  // namespace mlnode::config
