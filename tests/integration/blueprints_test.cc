// Every published connector blueprint in scope (tests/data/blueprints): create, predict, and what reaches the provider.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <re2/re2.h>

#include <algorithm>
#include <filesystem>

#include "core/files.h"
#include "remote_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::Ge;
using ::testing::SizeIs;

constexpr std::size_t kMaxFixtureBytes = 1UL << 20U;

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MLNODE_BLUEPRINTS)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

json::object ReadFixture(const std::string& name) {
  const auto text = ReadFile(std::string(MLNODE_BLUEPRINTS) + "/" + name + ".json", kMaxFixtureBytes);
  return ParseJsonObject(*text).value();
}

class BlueprintTest : public RemoteFixture, public ::testing::WithParamInterface<std::string> {
 protected:
  // Some of the published paths are answered with an error, which ends a prediction: that of the first document comes
  // when the second has been asked for.
  void SetUp() override {
    RemoteFixture::SetUp();
    StartProvider({.delay = std::chrono::milliseconds(30)});
  }
  // None of the published hosts is to be reached: all of them are the provider on this machine.
  std::string Here(std::string url) const {
    RE2::Replace(&url, "^https?://[^/]*", fmt::format("http://127.0.0.1:{}", provider_->port()));
    return url;
  }
  json::object Redirected(json::object connector) const {
    for (auto& [name, value] : connector["parameters"].as_object()) {
      if (value.is_string()) value = Here(std::string(value.as_string()));
    }
    for (json::value& action : connector["actions"].as_array())
      action.as_object()["url"] = Here(std::string(action.at("url").as_string()));
    return connector;
  }
  Answer Call(const std::string& model, const json::object& call) {
    const std::string route(call.at("route").as_string());
    const bool native = route == "predict" || route == "batch_predict";
    const std::string path = native ? fmt::format("{}/models/{}/_{}", kMl, model, route)
                                    : fmt::format("{}/_predict/{}/{}", kMl, route, model);
    return Ask("POST", path, ToJson(call.at("request")));
  }
};

// Bodies as JSON values; documents of one request may arrive in any order.
std::vector<std::string> Sorted(const std::vector<json::value>& bodies) {
  std::vector<std::string> texts;
  for (const json::value& body : bodies) texts.push_back(ToJson(body));
  std::sort(texts.begin(), texts.end());
  return texts;
}

// Objects compare by their members whatever their order.
bool SameBodies(std::vector<json::value> wanted, std::vector<json::value> received) {
  return wanted.size() == received.size() && std::is_permutation(wanted.begin(), wanted.end(), received.begin());
}

TEST_P(BlueprintTest, WhatTheProviderReceivesIsWhatTheBlueprintSays) {
  const json::object fixture = ReadFixture(GetParam());
  const json::object connector = Redirected(fixture.at("connector").as_object());
  const Answer created = Ask("POST", std::string(kMl) + "/connectors/_create", ToJson(connector));
  ASSERT_EQ(created.status, 200) << created.text;
  const json::object registration{
      {"name", "blueprint"}, {"function_name", "remote"}, {"connector_id", created.body.at("connector_id")}};
  const Answer registered = Ok("POST", std::string(kMl) + "/models/_register", ToJson(registration));
  const std::string model(registered.body.at("model_id").as_string());
  const bool signs = connector.at("protocol").as_string() == "aws_sigv4";
  ASSERT_THAT(fixture.at("calls").as_array(), SizeIs(Ge(1U)));
  for (const json::value& call : fixture.at("calls").as_array()) {
    const std::size_t before = provider_->received().size();
    const Answer answer = Call(model, call.as_object());
    const auto received = provider_->received();
    std::vector<json::value> bodies;
    for (std::size_t i = before; i < received.size(); ++i) {
      const auto body = ParseJson(received[i].body);
      ASSERT_TRUE(body) << received[i].body;
      bodies.push_back(*body);
      const auto authorization = received[i].headers.Find("Authorization");
      EXPECT_EQ(signs, authorization && authorization->starts_with("AWS4-HMAC-SHA256 ")) << received[i].target;
    }
    const json::array& listed = call.at("provider_bodies").as_array();
    const std::vector<json::value> wanted(listed.begin(), listed.end());
    EXPECT_TRUE(SameBodies(wanted, bodies))
        << "wanted:\n"
        << fmt::format("{}", fmt::join(Sorted(wanted), "\n")) << "\nreceived:\n"
        << fmt::format("{}", fmt::join(Sorted(bodies), "\n")) << "\nanswer: " << answer.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Published, BlueprintTest, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace mlnode::integration
