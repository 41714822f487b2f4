// What keeps a node from starting, and what it leaves then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "app/credential_keys.h"
#include "app/node.h"
#include "core/files.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "net/http_client.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;

class StartTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<app::Node>> Start(config::RawValues more, const char* folder = "data") {
    more.insert({{"mlnode.http.port", "0"}, {"mlnode.data_dir", folder_.File(folder)}, {"mlnode.log.level", "error"}});
    return app::Node::Start({.settings = std::move(more), .engines = &registry_, .sync = FileSync::kNone});
  }
  mlnode::testing::TempDir folder_;
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry registry_{engine_};
};

TEST_F(StartTest, RefusesARemoteAddressUnlessAllowed) {
  const auto refused = Start({{"mlnode.http.address", "0.0.0.0"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_THAT(refused.error().message, HasSubstr("0.0.0.0"));
  EXPECT_TRUE(Start({{"mlnode.http.address", "0.0.0.0"}, {"mlnode.insecure_allow_remote", "true"}}));
}

TEST_F(StartTest, RefusesKeysThatOthersMayRead) {
  ASSERT_TRUE(Start({}));
  ASSERT_EQ(chmod(folder_.File("data/keys/credentials").c_str(), 0644), 0);
  const auto refused = Start({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_TRUE(Start({{"mlnode.credentials.key_file", folder_.File("elsewhere")}}));
}

TEST_F(StartTest, ALostKeyFileIsNotReplaced) {
  {
    const auto node = Start({});
    ASSERT_TRUE(node) << node.error().message;
    net::ClientRequest request;
    request.method = "POST";
    request.url = "http://127.0.0.1:" + std::to_string((*node)->port()) + "/_plugins/_ml/connectors/_create";
    request.headers.Add("Content-Type", "application/json");
    request.body = R"({"name":"c","version":1,"protocol":"http","credential":{"key":"sk"},"actions":[)"
                   R"({"action_type":"predict","method":"POST","url":"https://api.openai.com/v1/embeddings"}]})";
    request.addresses = net::AddressPolicy::kLoopbackAndPublic;
    const auto reply = net::HttpClient::Create()->Call(request);
    ASSERT_TRUE(reply && reply->status == 200) << (reply ? reply->body : reply.error().message);
  }
  const std::string file = folder_.File("data/keys/credentials");
  const std::string key_id = ReadFile(file, 1000).value().substr(0, 8);
  std::filesystem::rename(file, folder_.File("away"));
  const auto refused = Start({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr(key_id));
  EXPECT_FALSE(std::filesystem::exists(file));
  std::filesystem::rename(folder_.File("away"), file);
  EXPECT_TRUE(Start({}));
}

TEST(ProtectMemoryTest, NoCoreDumpIsWritten) {
  const auto protect_and_look = [] {
    app::ProtectMemory();
    rlimit core{};
    const bool limited = getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
    std::exit(limited && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
  };
  EXPECT_EXIT(protect_and_look(), ::testing::ExitedWithCode(0), "");
}

TEST_F(StartTest, RefusesADataFolderInUse) {
  const auto first = Start({});
  ASSERT_TRUE(first) << first.error().message;
  const auto second = Start({});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kFailedPrecondition);
}

TEST_F(StartTest, RefusesABusyPort) {
  const auto first = Start({});
  ASSERT_TRUE(first) << first.error().message;
  const auto second = Start({{"mlnode.http.port", std::to_string((*first)->port())}}, "other");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string((*first)->port())));
}

TEST_F(StartTest, RefusesAnUnknownSetting) {
  const auto refused = Start({{"mlnode.no_such_setting", "1"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("mlnode.no_such_setting"));
}

TEST_F(StartTest, KeepsItsIdentityOverRestarts) {
  std::string banner;
  {
    const auto first = Start({{"mlnode.node.name", "n"}});
    ASSERT_TRUE(first) << first.error().message;
    banner = (*first)->Banner();
    (*first)->Stop();
  }
  const auto again = Start({{"mlnode.node.name", "n"}});
  ASSERT_TRUE(again);
  const auto node_part = [](const std::string& text) { return text.substr(text.rfind(", node ")); };
  EXPECT_EQ(node_part((*again)->Banner()), node_part(banner));
}

}  // namespace
}  // namespace mlnode::integration
