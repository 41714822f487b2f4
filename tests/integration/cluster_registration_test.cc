// A model that one node registers from a URL, ended through another.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <chrono>

#include "cluster_fixture.h"
#include "net/testing/scripted_handler.h"
#include "net/testing/stalling_server.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;

// node() downloads, to deploy what comes, and its server says nothing more; member 0 is asked. What ends the download
// must not wait for the client's idle limit of 30 s.
class ElsewhereRegistrationTest : public ClusterFixture {
 protected:
  static constexpr std::chrono::seconds kSoon{5};

  void SetUp() override {
    settings_["plugins.ml_commons.allow_registering_model_via_url"] = "true";
    settings_["mlnode.url.allow_private_addresses"] = "true";
    StartCluster(1);
    const std::string body = FromUrl(server_.Url("/model.zip"), std::string(64, 'a'));
    const Answer asked = Ok("POST", fmt::format("{}/models/_register?deploy=true", kMl), body);
    task_ = asked.body.at("task_id").as_string();
    ASSERT_TRUE(net::Eventually([this] { return server_.stalled() > 0; }));
    const Answer found = Ok("POST", fmt::format("{}/models/_search", kMl), R"({"query":{"match_all":{}}})");
    model_ = found.body.at("hits").at("hits").at(0).at("_id").as_string();
    ASSERT_EQ(StateOf(model_), "REGISTERING");
  }

  void ExpectEnded(std::chrono::steady_clock::time_point begun) {
    const json::object task = WaitForTask(task_);
    EXPECT_EQ(task.at("state").as_string(), "FAILED");
    EXPECT_THAT(std::string(task.at("error").as_string()), HasSubstr("deleted or undeployed"));
    const auto gone = [this] { return Ask("GET", fmt::format("{}/models/{}", kMl, model_)).status == 404; };
    EXPECT_TRUE(net::Eventually(gone));
    // The group goes last, by who downloaded.
    const auto nothing = [this] {
      return memory_.Read(std::array{storage::Collection::kModelGroups}).documents.empty();
    };
    EXPECT_TRUE(net::Eventually(nothing));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
  }

  net::StallingServer server_;
  std::string task_;
  std::string model_;
};

TEST_F(ElsewhereRegistrationTest, DeleteEndsIt) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(AskMember(0, "DELETE", fmt::format("{}/models/{}", kMl, model_)).status, 200);
  ExpectEnded(begun);
}

TEST_F(ElsewhereRegistrationTest, UndeployEndsIt) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(AskMember(0, "POST", fmt::format("{}/models/{}/_undeploy", kMl, model_)).status, 200);
  ExpectEnded(begun);
}

}  // namespace
}  // namespace mlnode::integration
