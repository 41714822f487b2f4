#include "connectors/endpoint_rules.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace mlnode::connectors {
namespace {

const std::string kPlugin = "plugins.ml_commons.";
const std::string kTrusted = kPlugin + "trusted_connector_endpoints_regex";
const std::string kPrivate = kPlugin + "connector.private_ip_enabled";
const std::string kTrustedPrivate = kPlugin + "trusted_connector_private_endpoints_regex";
const std::string kRestricted = kPlugin + "connector.restricted_ip_patterns";

constexpr const char* kNotTrusted = "Connector URL is not matching the trusted connector endpoint regex";
constexpr const char* kNoUrl =
    "Encountered error when trying to create uri from endpoint in ml connector. Please update the endpoint in "
    "connection configuration: ";

std::shared_ptr<const EndpointRules> Rules(const config::RawValues& values) {
  return EndpointRules::Make(*config::Settings::Create(values).value()->Current());
}

std::string Refusal(const EndpointRules& rules, const std::string& url) {
  const Status checked = rules.CheckUrl(url);
  if (checked) return "";
  EXPECT_EQ(checked.error().code, Code::kInvalidArgument) << url;
  return checked.error().message;
}

// What an address that the host resolved to gets.
std::string Verdict(const EndpointRules& rules, const std::string& url, const std::string& address) {
  net::ClientRequest request;
  request.url = url;
  rules.Guard(request);
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr), 1) << address;
    storage.ss_family = AF_INET6;
  }
  const auto* const resolved = reinterpret_cast<const sockaddr*>(&storage);
  if (const Status allowed = net::CheckAddress(resolved, request.addresses); !allowed) return allowed.error().message;
  const Status judged = request.check_address(resolved);
  return judged ? "" : judged.error().message;
}

TEST(EndpointRulesTest, DefaultsTrustTheKnownServices) {
  const auto rules = Rules({});
  for (const char* url :
       {"https://api.openai.com/v1/embeddings", "https://bedrock-runtime.us-east-1.amazonaws.com/model/a:0/invoke",
        "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/x/invocations", "https://api.cohere.ai/v1/embed",
        "https://comprehend.us-east-1.amazonaws.com"}) {
    EXPECT_EQ(Refusal(*rules, url), "") << url;
  }
  for (const char* url : {"http://api.openai.com/v1", "https://api.openai.com.evil.example/v1", "https://example.com/",
                          "https://evil.example/?https://api.openai.com/", "https://api.openai.com:444/v1", ""}) {
    EXPECT_EQ(Refusal(*rules, url), kNotTrusted) << url;
  }
}

TEST(EndpointRulesTest, ThePatternMustMatchTheWholeUrl) {
  const auto rules = Rules({{kTrusted, R"(["http://a\\.example/v1"])"}});
  EXPECT_EQ(Refusal(*rules, "http://a.example/v1"), "");
  EXPECT_EQ(Refusal(*rules, "http://a.example/v1/x"), kNotTrusted);
  EXPECT_EQ(Refusal(*rules, "x http://a.example/v1"), kNotTrusted);
}

TEST(EndpointRulesTest, WithoutPatternsNothingIsTrusted) {
  EXPECT_EQ(Refusal(*Rules({{kTrusted, "[]"}}), "https://api.openai.com/v1"),
            "Trusted connector endpoints regex is not configured. Please set "
            "plugins.ml_commons.trusted_connector_endpoints_regex.");
}

TEST(EndpointRulesTest, WhatIsTrustedMustBeAUrl) {
  const auto rules = Rules({{kTrusted, R"(["(?s).*"])"}});
  EXPECT_EQ(Refusal(*rules, "ftp://a.example/"), "Protocol is not http or https: ftp");
  EXPECT_EQ(Refusal(*rules, "file:///etc/passwd"), kNoUrl);
  EXPECT_EQ(Refusal(*rules, "gopher://127.0.0.1:6379/_x"), "Protocol is not http or https: gopher");
  EXPECT_EQ(Refusal(*rules, "http://a.example:65536/"), "Port out of range: 65536");
  EXPECT_EQ(Refusal(*rules, "http://a.example:99999999999999999999/"), "Port out of range: 99999999999999999999");
  for (const char* url : {"a.example/v1", "http://", "http:///v1", "http://a.example:x/", "http://a.example:-1/",
                          "http://[::1/", "http://[::1]x/", "http://a.example\\@b.example/"}) {
    EXPECT_EQ(Refusal(*rules, url), kNoUrl) << url;
  }
  EXPECT_EQ(Refusal(*rules, "HTTPS://a.example:65535/v1?x=1"), "");
  EXPECT_EQ(Refusal(*rules, "http://[2001:db8::1]:80/"), "");
}

TEST(EndpointRulesTest, UserInformationIsRefused) {
  const auto rules = Rules({{kTrusted, R"([".*"])"}});
  for (const char* url : {"https://api.openai.com@evil.example/v1", "https://user:word@a.example/",
                          "https://@a.example/", "https://a@b@c.example/"}) {
    EXPECT_THAT(Refusal(*rules, url), ::testing::HasSubstr("user information")) << url;
  }
  EXPECT_EQ(Refusal(*rules, "https://a.example/x@y?z=@"), "") << "after the host it is none";
}

TEST(EndpointRulesTest, WhatAClientWouldTakeOutOfTheUrlIsRefused) {
  const auto rules = Rules({{kTrusted, R"(["https://a.example/v1/.*"])"}});
  for (const char* path : {"../admin", "x/../../admin", "..", ".", "./x", "%2e%2E/admin", ".%2e/admin", "x%2f..%2Fy",
                           "%2e", "..%5cy", "..?x", "x#y", "x?y#z"}) {
    EXPECT_EQ(Refusal(*rules, std::string("https://a.example/v1/") + path),
              "Connector URL must not have '.' or '..' as a part of its path, nor a '#'")
        << path;
  }
  for (const char* path : {"a..b/.c/d./...", "x?y=/../z", "%2ea", "arn%2Fx", "a%2", "${parameters.model}"}) {
    EXPECT_EQ(Refusal(*rules, std::string("https://a.example/v1/") + path), "") << path;
  }
  net::ClientRequest request;
  request.url = "https://a.example/v1/x";
  rules->Guard(request);
  EXPECT_TRUE(request.path_as_is);
}

TEST(EndpointRulesTest, ControlCharactersAndBlanksAreRefused) {
  const auto rules = Rules({{kTrusted, R"(["(?s).*"])"}});
  for (const std::string& url : {std::string("http://a.example/\r\nHost: b"), std::string("http://a.example/\tx"),
                                 std::string("http://a.example/\0x", 19), std::string("http://a.example /"),
                                 std::string("http://a.example/\x7f")}) {
    EXPECT_EQ(Refusal(*rules, url), kNoUrl);
  }
}

TEST(EndpointRulesTest, ATemplateIsJudgedByWhatIsThere) {
  EXPECT_EQ(Refusal(*Rules({}), "https://bedrock-runtime.${parameters.region}.amazonaws.com/model/x/invoke"),
            kNotTrusted)
      << "a region is not in the URL where only the credential says it";
  EXPECT_EQ(Refusal(*Rules({{kTrusted, R"([".*"])"}}), "http://${parameters.host:-a}:${parameters.port:-80}/"), "");
}

TEST(EndpointRulesTest, PrivateAddressesAreRefusedWhateverTheirSpelling) {
  const auto rules = Rules({{kTrusted, R"([".*"])"}});
  // The texts are what resolvers make of decimal, octal and hexadecimal hosts: 2130706433, 0177.0.0.1, 0x7f.1.
  for (const char* address : {"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "::1",
                              "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1", "fd00::1"}) {
    EXPECT_EQ(Verdict(*rules, "http://host.example:8080/v1", address),
              "Remote inference host name has private ip address: host.example")
        << address;
  }
  EXPECT_NE(Verdict(*rules, "http://host.example/", "0.0.0.0"), "");
  EXPECT_NE(Verdict(*rules, "http://host.example/", "224.0.0.1"), "");
  EXPECT_EQ(Verdict(*rules, "http://host.example/", "93.184.216.34"), "");
  EXPECT_EQ(Verdict(*rules, "http://2130706433/", "127.0.0.1"),
            "Remote inference host name has private ip address: 2130706433");
}

TEST(EndpointRulesTest, PrivateAddressesMayBeAllowed) {
  const auto open = Rules({{kTrusted, R"([".*"])"}, {kPrivate, "true"}});
  EXPECT_EQ(Verdict(*open, "http://localhost:9291/v1", "127.0.0.1"), "");
  EXPECT_NE(Verdict(*open, "http://localhost:9291/v1", "0.0.0.0"), "");
  const auto narrow =
      Rules({{kTrusted, R"([".*"])"}, {kPrivate, "true"}, {kTrustedPrivate, R"(["http://localhost:9291/.*"])"}});
  EXPECT_EQ(Verdict(*narrow, "http://localhost:9291/v1", "127.0.0.1"), "");
  EXPECT_EQ(Verdict(*narrow, "http://localhost:9292/v1", "127.0.0.1"),
            "Connector URL is not matching the trusted connector private endpoint regex");
  EXPECT_EQ(Verdict(*narrow, "http://public.example/", "93.184.216.34"), "") << "it is for private ones alone";
}

TEST(EndpointRulesTest, RestrictedAddressesAreRefusedWhateverCarriesThem) {
  const auto rules = Rules({{kTrusted, R"([".*"])"}, {kPrivate, "true"}, {kRestricted, R"(["93\\.184\\..*"])"}});
  for (const char* address :
       {"93.184.216.34", "::ffff:93.184.216.34", "64:ff9b::93.184.216.34", "2002:5db8:d822::1", "::ffff:0:5db8:d822"}) {
    EXPECT_EQ(Verdict(*rules, "http://host.example/", address),
              "Remote inference host name has restricted ip address: host.example");
  }
  EXPECT_EQ(Verdict(*rules, "http://host.example/", "93.185.0.1"), "");
  EXPECT_EQ(Verdict(*rules, "http://host.example/", "64:ff9b::93.185.0.1"), "");
  const auto by_prefix = Rules({{kTrusted, R"([".*"])"}, {kRestricted, R"(["64:ff9b:.*"])"}});
  EXPECT_NE(Verdict(*by_prefix, "http://host.example/", "64:ff9b::93.185.0.1"), "") << "its own text counts too";
}

}  // namespace
}  // namespace mlnode::connectors
