#include "net/address_guard.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <string>

namespace mlnode::net {
namespace {

using enum AddressPolicy;

Status Check(const std::string& text, AddressPolicy policy) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    return CheckAddress(reinterpret_cast<const sockaddr*>(&v4), policy);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  return CheckAddress(reinterpret_cast<const sockaddr*>(&v6), policy);
}

bool Allows(AddressPolicy policy, const std::string& text) { return Check(text, policy).has_value(); }

class PublicAddressTest : public testing::TestWithParam<const char*> {};
TEST_P(PublicAddressTest, IsAllowedAlways) {
  for (const auto policy : {kPublicOnly, kLoopbackAndPublic, kAny}) EXPECT_TRUE(Allows(policy, GetParam()));
}
INSTANTIATE_TEST_SUITE_P(All, PublicAddressTest,
                         testing::Values("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255",
                                         "172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
                                         "2606:4700::1111", "2a00:1450:4001::64", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
                                         "2002:808:808::1"));

class LoopbackAddressTest : public testing::TestWithParam<const char*> {};
TEST_P(LoopbackAddressTest, IsRefusedAsPublicOnly) {
  EXPECT_FALSE(Allows(kPublicOnly, GetParam()));
  EXPECT_TRUE(Allows(kLoopbackAndPublic, GetParam()));
  EXPECT_TRUE(Allows(kAny, GetParam()));
}
INSTANTIATE_TEST_SUITE_P(All, LoopbackAddressTest,
                         testing::Values("127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1",
                                         "64:ff9b::127.0.0.1", "2002:7f00:1::", "::ffff:0:127.0.0.1"));

class InternalAddressTest : public testing::TestWithParam<const char*> {};
TEST_P(InternalAddressTest, IsAllowedOnlyWhenAnyIs) {
  EXPECT_FALSE(Allows(kPublicOnly, GetParam()));
  EXPECT_FALSE(Allows(kLoopbackAndPublic, GetParam()));
  EXPECT_TRUE(Allows(kAny, GetParam()));
}
INSTANTIATE_TEST_SUITE_P(All, InternalAddressTest,
                         testing::Values("0.0.0.1", "10.0.0.1", "100.64.0.1", "100.127.255.255", "169.254.169.254",
                                         "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
                                         "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
                                         "240.0.0.1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "2001::1",
                                         "2001:db8::1", "2001:10::1", "3fff::1", "64:ff9b:1::1", "::7f00:1", "100::1",
                                         "4000::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1",
                                         "2002:a00:1::"));

class NowhereAddressTest : public testing::TestWithParam<const char*> {};
TEST_P(NowhereAddressTest, IsRefusedAlways) {
  for (const auto policy : {kPublicOnly, kLoopbackAndPublic, kAny}) EXPECT_FALSE(Allows(policy, GetParam()));
}
INSTANTIATE_TEST_SUITE_P(All, NowhereAddressTest,
                         testing::Values("0.0.0.0", "224.0.0.1", "239.255.255.255", "255.255.255.255", "::", "ff02::1",
                                         "::ffff:0.0.0.0", "::ffff:224.0.0.1", "64:ff9b::0.0.0.0", "2002::1"));

TEST(AddressGuardTest, SaysWhichAddressAndWhy) {
  const auto status = Check("::ffff:169.254.169.254", kPublicOnly);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kPermissionDenied);
  EXPECT_EQ(
      status.error().message,
      "connections to 169.254.169.254 are not allowed: it is link-local, where clouds keep their metadata service");
}

TEST(AddressGuardTest, KnowsTheNamesOfThisMachineAlone) {
  for (const char* here : {"127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "localhost"}) {
    EXPECT_TRUE(IsLoopbackHost(here)) << here;
  }
  for (const char* elsewhere : {"", "0.0.0.0", "::", "10.0.0.1", "8.8.8.8", "localhost.example", "[]", "no such"}) {
    EXPECT_FALSE(IsLoopbackHost(elsewhere)) << elsewhere;
  }
}

TEST(AddressGuardTest, FindsTheIpv4WithinAnIpv6Address) {
  const auto carried = [](const char* text) -> std::string {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
    const auto inner = CarriedIpv4(reinterpret_cast<const sockaddr*>(&v6));
    if (!inner) return "";
    std::array<char, INET_ADDRSTRLEN> out{};
    return inet_ntop(inner->sin_family, &inner->sin_addr, out.data(), out.size());
  };
  for (const char* form : {"::ffff:1.2.3.4", "64:ff9b::1.2.3.4", "2002:102:304::9", "::ffff:0:102:304"}) {
    EXPECT_EQ(carried(form), "1.2.3.4") << form;
  }
  EXPECT_EQ(carried("2606:4700::1111"), "");
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  EXPECT_FALSE(CarriedIpv4(reinterpret_cast<const sockaddr*>(&v4)));
}

TEST(AddressGuardTest, RefusesOtherFamilies) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(CheckAddress(reinterpret_cast<const sockaddr*>(&local), kAny).has_value());
}

}  // namespace
}  // namespace mlnode::net
