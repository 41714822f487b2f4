// Every script of the published blueprints compiles, and those with samples return what their authors meant. Format:
// tests/data/blueprints/README.md.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "connectors/script/script.h"

namespace mlnode::connectors {
namespace {

json::object ReadFixture(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  auto fixture = ParseJsonObject(text.str());
  EXPECT_TRUE(fixture) << path;
  return fixture ? *fixture : json::object();
}

std::vector<std::filesystem::path> Fixtures() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(MLNODE_TEST_DATA "/blueprints")) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool IsBuiltIn(std::string_view function) { return function.starts_with("connector."); }

void ExpectRun(const json::object& action, const json::object& sample) {
  const auto script = Script::Compile(action.at(sample.at("function").as_string()).as_string());
  ASSERT_TRUE(script) << script.error().message;
  const auto returned = (*script)->Run(sample.at("params").as_object());
  if (const auto* fails = sample.if_contains("fails")) {
    ASSERT_FALSE(returned);
    EXPECT_TRUE(returned.error().message.ends_with(fails->as_string())) << returned.error().message;
    return;
  }
  ASSERT_TRUE(returned) << returned.error().message;
  if (const auto* text = sample.if_contains("returns")) {
    EXPECT_EQ(*returned, *text);
    return;
  }
  const json::value& expected = sample.at("returns_json");
  if (expected.is_null()) {
    EXPECT_TRUE(returned->is_null()) << ToJson(*returned);
    return;
  }
  ASSERT_TRUE(returned->is_string()) << ToJson(*returned);
  const auto read = ParseJson(returned->as_string());
  ASSERT_TRUE(read) << returned->as_string();
  EXPECT_EQ(*read, expected) << returned->as_string();
}

TEST(ScriptBlueprintsTest, EveryScriptCompiles) {
  int scripts = 0;
  for (const auto& path : Fixtures()) {
    const json::object fixture = ReadFixture(path);
    for (const json::value& action : fixture.at("connector").at("actions").as_array()) {
      for (const char* name : {"pre_process_function", "post_process_function"}) {
        const auto* function = action.as_object().if_contains(name);
        if (function == nullptr || IsBuiltIn(function->as_string())) continue;
        ++scripts;
        const auto script = Script::Compile(function->as_string());
        EXPECT_TRUE(script) << path << " " << name << ": " << script.error().message;
      }
    }
  }
  EXPECT_EQ(scripts, 18) << "docs/scripts.md names this number";
}

TEST(ScriptBlueprintsTest, SamplesReturnWhatTheirAuthorsMeant) {
  int samples = 0;
  for (const auto& path : Fixtures()) {
    const json::object fixture = ReadFixture(path);
    const auto* runs = fixture.if_contains("scripts");
    if (runs == nullptr) continue;
    for (const json::value& sample : runs->as_array()) {
      SCOPED_TRACE(path.filename().string() + " " + ToJson(sample));
      ++samples;
      ExpectRun(fixture.at("connector").at("actions").at(0).as_object(), sample.as_object());
    }
  }
  EXPECT_GT(samples, 35);
}

}  // namespace
}  // namespace mlnode::connectors
