// What keeps a node from starting, and what it leaves then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "app/credential_keys.h"
#include "app/node.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"

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
