#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "config/setting_values.h"
#include "config/settings.h"
#include "config/settings_markdown.h"
#include "core/files.h"

namespace mlnode::config {
namespace {

TEST(SettingTableTest, EveryDefaultIsValid) {
  for (const SettingRow& row : SettingTable()) {
    const auto checked = CheckValue(row, row.fallback);
    EXPECT_TRUE(checked) << checked.error().message;
  }
}

TEST(SettingTableTest, NamesAndEnvironmentVariablesAreUnique) {
  std::set<std::string> names;
  for (const SettingRow& row : SettingTable()) {
    EXPECT_TRUE(names.insert(std::string(row.name)).second) << row.name;
    EXPECT_TRUE(names.insert(EnvironmentName(row.name)).second) << row.name;
    EXPECT_EQ(FindSetting(row.name), &row);
  }
  EXPECT_EQ(FindSetting("plugins.ml_commons.nope"), nullptr);
}

// A nested answer cannot hold a value and an object under one key.
TEST(SettingTableTest, NoNameGoesOnBelowAnother) {
  for (const SettingRow& a : SettingTable()) {
    for (const SettingRow& b : SettingTable()) {
      EXPECT_FALSE(b.name.starts_with(std::string(a.name) + ".")) << a.name << " " << b.name;
    }
  }
}

TEST(SettingTableTest, EveryRowIsExplainedInOneSentence) {
  for (const SettingRow& row : SettingTable()) {
    EXPECT_TRUE(row.doc.ends_with('.')) << row.name;
    EXPECT_LE(row.min, row.max) << row.name;
  }
}

TEST(SettingTableTest, ThePeersDefaultsHoldSaveForTwo) {
  const auto settings = Settings::Create({}).value();
  const SnapshotPtr now = settings->Current();
  const std::string p = "plugins.ml_commons.";
  EXPECT_EQ(now->Int(p + "max_model_on_node"), 10);
  EXPECT_EQ(now->Int(p + "batch_ingestion_bulk_size"), 500);
  EXPECT_EQ(now->Bytes(p + "disk_free_space_threshold"), 5LL << 30);
  EXPECT_EQ(now->Float(p + "model_auto_redeploy_success_ratio"), 0.8);
  EXPECT_TRUE(now->Bool(p + "only_run_on_ml_node"));
  EXPECT_FALSE(now->Bool(p + "allow_registering_model_via_url"));
  EXPECT_EQ(now->List(p + "trusted_connector_endpoints_regex").size(), 12U);
  EXPECT_EQ(now->List(p + "trusted_connector_endpoints_regex")[2], R"(^https://api\.openai\.com/.*$)");
  EXPECT_EQ(now->List(p + "connector.restricted_ip_patterns").size(), 0U);
  EXPECT_TRUE(now->Bool(p + "allow_custom_deployment_plan"));
  EXPECT_TRUE(now->Bool(p + "allow_registering_model_via_local_file"));
}

TEST(SettingsMarkdownTest, TheFileInDocsIsCurrent) {
  const auto file = ReadFile(MLNODE_DOCS_DIR "/settings.md", 1U << 20U);
  ASSERT_TRUE(file);
  EXPECT_TRUE(*file == SettingsMarkdown()) << "docs/settings.md is old: mlnode settings --markdown > docs/settings.md";
}

TEST(SettingsMarkdownTest, NamesEverySettingAndEscapesBars) {
  const std::string text = SettingsMarkdown();
  for (const SettingRow& row : SettingTable())
    EXPECT_NE(text.find("| `" + std::string(row.name) + "` |"), std::string::npos);
  EXPECT_NE(text.find("`(stopped\\|cancelled)`"), std::string::npos);
}

}  // namespace
}  // namespace mlnode::config
