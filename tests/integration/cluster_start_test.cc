// How a node becomes one of a cluster, and what keeps it out.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>

#include "app/node.h"
#include "core/files.h"
#include "core/json.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "net/http_client.h"
#include "node_fixture.h"
#include "storage/memory/memory_store.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ClusterStartTest : public ::testing::Test {
 protected:
  using Started = Result<std::unique_ptr<app::Node>>;
  app::NodeOptions Options(config::RawValues more, const char* folder) {
    more.insert({{"mlnode.http.port", "0"}, {"mlnode.data_dir", folder_.File(folder)}, {"mlnode.log.level", "error"}});
    return {.settings = std::move(more), .engines = &registry_, .sync = FileSync::kNone, .store = &store_};
  }
  Started Start(config::RawValues more = {}, const char* folder = "a") {
    return app::Node::Start(Options(std::move(more), folder));
  }
  static json::object Get(const app::Node& node, const std::string& path) {
    net::ClientRequest request;
    request.url = fmt::format("http://127.0.0.1:{}{}", node.port(), path);
    request.addresses = net::AddressPolicy::kLoopbackAndPublic;
    const auto reply = net::HttpClient::Create()->Call(std::move(request));
    EXPECT_TRUE(reply && reply->status == 200) << (reply ? reply->body : reply.error().message);
    return reply ? ParseJsonObject(reply->body).value() : json::object();
  }
  static Error Refusal(const Started& started) {
    EXPECT_FALSE(started);
    return started ? Error() : started.error();
  }

  SystemClock clock_;
  storage::MemoryStore store_{clock_};
  mlnode::testing::TempDir folder_;
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry registry_{engine_};
};

TEST_F(ClusterStartTest, NodesOfOneStoreAreOneCluster) {
  const auto a = Start({{"mlnode.node.name", "a"}, {"mlnode.cluster.name", "c"}});
  ASSERT_TRUE(a) << a.error().message;
  const auto b = Start({{"mlnode.node.name", "b"}, {"mlnode.cluster.name", "c"}}, "b");
  ASSERT_TRUE(b) << b.error().message;
  const std::string uuid(Get(**a, "/").at("cluster_uuid").as_string());
  EXPECT_EQ(Get(**b, "/").at("cluster_uuid").as_string(), uuid);
  EXPECT_EQ(ReadFile(folder_.File("a/cluster_uuid"), 100).value(), uuid + "\n") << "the first node's becomes it";
  EXPECT_THAT((*b)->Banner(), HasSubstr(fmt::format(", cluster c {} on ", uuid)));
  for (const auto* node : {a->get(), b->get()}) EXPECT_EQ(Get(*node, "/_nodes").at("nodes").as_object().size(), 2U);
}

TEST_F(ClusterStartTest, ThePublishedAddressIsWhatOthersSee) {
  const auto a = Start();
  ASSERT_TRUE(a) << a.error().message;
  const auto b = Start({{"mlnode.http.publish_address", "127.0.0.9:4567"}}, "b");
  ASSERT_TRUE(b) << b.error().message;
  std::vector<std::string> addresses;
  const json::object shown = Get(**a, "/_nodes");
  for (const auto& [id, node] : shown.at("nodes").as_object()) {
    addresses.emplace_back(node.at("http").at("publish_address").as_string());
  }
  EXPECT_THAT(addresses, ::testing::UnorderedElementsAre(fmt::format("127.0.0.1:{}", (*a)->port()), "127.0.0.9:4567"));
  EXPECT_THAT(Refusal(Start({{"mlnode.http.publish_address", "no port"}}, "c")).message,
              HasSubstr("mlnode.http.publish_address"));
}

TEST_F(ClusterStartTest, OffThisMachineItNeedsAKey) {
  const config::RawValues remote = {{"mlnode.http.address", "0.0.0.0"},
                                    {"mlnode.http.publish_address", "127.0.0.1:9200"},
                                    {"mlnode.insecure_allow_remote", "true"}};
  const Error refused = Refusal(Start(remote));
  EXPECT_EQ(refused.code, Code::kPermissionDenied);
  EXPECT_THAT(refused.message, HasSubstr("MLNODE_CLUSTER_KEY"));
  app::NodeOptions with_key = Options(remote, "a");
  with_key.cluster_key = "a key of 16 bytes";
  EXPECT_TRUE(app::Node::Start(with_key));
  EXPECT_FALSE(store_.Get({storage::Collection::kMeta, "peer_key"})) << "none is kept where one is given";
  with_key.cluster_key = "short";
  EXPECT_THAT(Refusal(app::Node::Start(with_key)).message, HasSubstr("MLNODE_CLUSTER_KEY holds a key of 5 bytes"));
}

TEST_F(ClusterStartTest, TheKeyFileIsItsOwnersAlone) {
  const std::string file = folder_.Write("key", "a key of 16 bytes\n");
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  const Error refused = Refusal(Start({{"mlnode.cluster.key_file", file}}));
  EXPECT_EQ(refused.code, Code::kPermissionDenied);
  EXPECT_THAT(refused.message, HasSubstr("0640"));
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  EXPECT_TRUE(Start({{"mlnode.cluster.key_file", file}}));
  EXPECT_THAT(Refusal(Start({{"mlnode.cluster.key_file", folder_.File("none")}})).message,
              HasSubstr("mlnode.cluster.key_file cannot be read"));
}

// Credentials that one node sealed must be open to the others.
TEST_F(ClusterStartTest, ANodeWithOtherCredentialKeysStaysOut) {
  app::NodeOptions a = Options({}, "a"), b = Options({}, "b");
  a.credential_keys = "k1:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
  b.credential_keys = "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
  const auto first = app::Node::Start(a);
  ASSERT_TRUE(first) << first.error().message;
  const Error refused = Refusal(app::Node::Start(b));
  EXPECT_EQ(refused.code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.message, HasSubstr("k1"));
  EXPECT_THAT(refused.message, Not(HasSubstr("AQEB")));
  EXPECT_EQ(Refusal(Start({}, "b")).code, Code::kFailedPrecondition) << "nor one that would derive them";
  b.credential_keys += a.credential_keys;
  EXPECT_TRUE(app::Node::Start(b)) << "keys are changed node by node";
}

TEST_F(ClusterStartTest, AFileOfItsOwnDoesNotCountUnlessItIsNamed) {
  const auto a = Start();
  ASSERT_TRUE(a) << a.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder_.File("a/keys/credentials"))) << "the key follows from the cluster's";
  EXPECT_EQ(Refusal(Start({{"mlnode.credentials.key_file", folder_.File("mine")}}, "b")).code,
            Code::kFailedPrecondition);
}

// A data folder that was copied: the node that was there stays, the other one is told.
TEST_F(ClusterStartTest, ASecondProcessOfOneNodeIsToldSo) {
  const auto a = Start();
  ASSERT_TRUE(a) << a.error().message;
  folder_.Write("copy/node_id", ReadFile(folder_.File("a/node_id"), 100).value());
  std::atomic<bool> displaced = false;
  app::NodeOptions options = Options({}, "copy");
  options.displaced = [&displaced] { displaced = true; };
  const auto copy = app::Node::Start(options);
  ASSERT_TRUE(copy) << copy.error().message;
  PollUntil("the copy to be displaced", [&] {
    EXPECT_EQ(Get(**a, "/_nodes").at("nodes").as_object().size(), 1U);
    return displaced.load();
  });
}

TEST_F(ClusterStartTest, AttributesAreNamesAndValues) {
  EXPECT_THAT(Refusal(Start({{"mlnode.node.attributes", "hot"}})).message, HasSubstr("mlnode.node.attributes"));
  EXPECT_THAT(Refusal(Start({{"mlnode.node.attributes", "=hot"}})).message, HasSubstr("mlnode.node.attributes"));
}

TEST_F(ClusterStartTest, APasswordInTheUrlIsShownNowhere) {
  const auto a = Start({{"mlnode.cluster.nats", "nats://user:secret@127.0.0.1:4222"}});
  ASSERT_TRUE(a) << a.error().message;
  EXPECT_THAT((*a)->Banner(), Not(HasSubstr("secret")));
  EXPECT_THAT(ToJson(Get(**a, "/_cluster/settings?include_defaults")), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace mlnode::integration
