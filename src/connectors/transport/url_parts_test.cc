#include "connectors/transport/url_parts.h"

#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

TEST(UrlPartsTest, CutsAWholeUrl) {
  const auto parts = SplitUrl("HTTPS://Api.Example.com:8443/a/b%3Ac?x=1&y=?#part");
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->scheme, "https");
  EXPECT_EQ(parts->host, "Api.Example.com");
  EXPECT_EQ(parts->port, 8443);
  EXPECT_EQ(parts->path, "/a/b%3Ac");
  EXPECT_EQ(parts->query, "x=1&y=?");
  EXPECT_EQ(parts->HostField(), "Api.Example.com:8443");
  EXPECT_EQ(parts->Endpoint(), "https://api.example.com:8443");
}

TEST(UrlPartsTest, KnowsTheSchemesPorts) {
  EXPECT_EQ(SplitUrl("https://h")->Endpoint(), "https://h:443");
  EXPECT_EQ(SplitUrl("http://h?q")->Endpoint(), "http://h:80");
  EXPECT_EQ(SplitUrl("http://h?q")->path, "/");
  EXPECT_EQ(SplitUrl("https://h:443/")->HostField(), "h");
  EXPECT_EQ(SplitUrl("http://h:/")->port, 80);
}

TEST(UrlPartsTest, KeepsTheBracketsOfIpv6) {
  EXPECT_EQ(SplitUrl("http://[::1]:9200/x")->HostField(), "[::1]:9200");
  EXPECT_EQ(SplitUrl("http://[::1]/x")->HostField(), "[::1]");
}

TEST(UrlPartsTest, RefusesWhatIsNone) {
  for (const char* url : {"", "api.example.com", "ftp://h/", "http://", "http:///x", "http://u:p@h/", "http://h:65536/",
                          "http://h:1x/", "http://h:-1/", "http://[::1]x:1:2/"}) {
    const auto parts = SplitUrl(url);
    ASSERT_FALSE(parts.has_value()) << url;
    EXPECT_EQ(parts.error().code, Code::kInvalidArgument) << url;
  }
}

}  // namespace
}  // namespace mlnode::connectors
