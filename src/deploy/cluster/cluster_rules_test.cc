#include "deploy/cluster/cluster_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace mlnode::deploy {
namespace {

using ::testing::HasSubstr;

TEST(ClusterPrefixTest, KeepsPlainNamesAndTellsOthersApart) {
  EXPECT_EQ(ClusterPrefix("mlnode"), "mlnode");
  EXPECT_EQ(ClusterPrefix("prod-7"), "prod-7");
  EXPECT_EQ(ClusterPrefix("a b"), "a_20b");
  const std::string long_a = std::string(300, 'x') + "a", long_b = std::string(300, 'x') + "b";
  const std::vector<std::string> names = {"",    "_",   "a_b",      "a b",    "a.b",  "a_20b", "a>b",
                                          "a*b", "A.b", "\xc3\xa4", "_c3_a4", long_a, long_b,  ClusterPrefix(long_a)};
  std::set<std::string> prefixes;
  for (const std::string& name : names) {
    const std::string prefix = ClusterPrefix(name);
    EXPECT_TRUE(prefixes.insert(prefix).second) << name << " has the prefix of another: " << prefix;
    EXPECT_FALSE(prefix.empty());
    EXPECT_LE(prefix.size(), 96U);
    EXPECT_TRUE(std::ranges::all_of(prefix, [](char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; }));
  }
}

TEST(HostOfAddressTest, WantsHostAndPort) {
  EXPECT_EQ(HostOfAddress("10.0.0.5:9200").value(), "10.0.0.5");
  EXPECT_EQ(HostOfAddress("[::1]:9200").value(), "::1");
  EXPECT_EQ(HostOfAddress("node-1.example:1").value(), "node-1.example");
  for (const char* bad : {"", "host", "host:", ":9200", "host:0", "host:65536", "host:92x", "[::1]", "[]:1", "["}) {
    const auto host = HostOfAddress(bad);
    ASSERT_FALSE(host) << bad;
    EXPECT_THAT(host.error().message, HasSubstr("mlnode.http.publish_address"));
  }
}

ClusterExposure OnLoopback() {
  return {.http_host = "127.0.0.1", .published_host = "127.0.0.1", .nats = "nats://127.0.0.1:4222,localhost:4223"};
}

Error Refused(const ClusterExposure& exposure) {
  const Status checked = CheckExposure(exposure);
  EXPECT_FALSE(checked);
  return checked ? Error() : checked.error();
}

TEST(CheckExposureTest, LoopbackNeedsNothing) {
  EXPECT_TRUE(CheckExposure(OnLoopback()));
  ClusterExposure six = OnLoopback();
  six.http_host = six.published_host = "::1";
  six.nats = "nats://[::1]:4222";
  EXPECT_TRUE(CheckExposure(six));
  ClusterExposure in_process = OnLoopback();
  in_process.nats.clear();
  EXPECT_TRUE(CheckExposure(in_process));
}

// Each way out of this machine asks for the key, and says where it was found and what to set.
TEST(CheckExposureTest, LeavingTheMachineNeedsAClusterKey) {
  ClusterExposure http = OnLoopback(), published = OnLoopback(), nats = OnLoopback();
  http.http_host = "10.0.0.1";
  published.published_host = "node-1";
  nats.nats = "nats://127.0.0.1:4222,tls://nats.example:4222";
  for (const auto& [exposure, setting] : {std::pair(http, "mlnode.http.address is 10.0.0.1"),
                                          std::pair(published, "mlnode.http.publish_address is node-1"),
                                          std::pair(nats, "mlnode.cluster.nats is nats.example:4222")}) {
    const Error error = Refused(exposure);
    EXPECT_EQ(error.code, Code::kPermissionDenied);
    EXPECT_THAT(error.message, HasSubstr(setting));
    EXPECT_THAT(error.message, HasSubstr("MLNODE_CLUSTER_KEY"));
    ClusterExposure with_key = exposure;
    with_key.cluster_key = true;
    EXPECT_TRUE(CheckExposure(with_key));
  }
}

TEST(CheckExposureTest, NatsElsewhereNeedsTlsOrCredentials) {
  ClusterExposure exposure = OnLoopback();
  exposure.cluster_key = true;
  exposure.nats = "nats://127.0.0.1:4222, nats.example:4222";
  const Error error = Refused(exposure);
  EXPECT_EQ(error.code, Code::kPermissionDenied);
  EXPECT_THAT(error.message, HasSubstr("nats.example:4222"));
  EXPECT_THAT(error.message, HasSubstr("mlnode.cluster.nats_credentials_file"));
  for (const char* safe : {"tls://nats.example:4222", "nats://user:secret@nats.example:4222", "token@10.1.1.1"}) {
    exposure.nats = safe;
    EXPECT_TRUE(CheckExposure(exposure)) << safe;
  }
  exposure.nats = "nats://user:secret@nats.example:4222,nats://other.example:4222";
  EXPECT_THAT(Refused(exposure).message, HasSubstr("other.example"));
  exposure.nats_tls = true;
  EXPECT_TRUE(CheckExposure(exposure));
  exposure.nats_tls = false;
  exposure.nats_credentials = true;
  EXPECT_TRUE(CheckExposure(exposure));
}

TEST(CheckExposureTest, AnAddressThatNobodyCanReachIsNotPublished) {
  ClusterExposure exposure = OnLoopback();
  exposure.cluster_key = true;
  exposure.http_host = exposure.published_host = "0.0.0.0";
  const Error error = Refused(exposure);
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("mlnode.http.publish_address"));
  exposure.published_host = "10.0.0.1";
  EXPECT_TRUE(CheckExposure(exposure));
}

}  // namespace
}  // namespace mlnode::deploy
