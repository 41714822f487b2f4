#include "connectors/templates/action_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Action To(const std::string& url) {
  Action action;
  action.url = url;
  return action;
}
// The URL, or "refused: " and why.
std::string Url(const std::string& url, const Parameters& own, const Parameters& request) {
  Parameters merged = own;
  for (const auto& [name, value] : request) merged[name] = value;
  const Result<std::string> made = MakeUrl(To(url), own, merged);
  if (made) return *made;
  EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  return "refused: " + made.error().message;
}

TEST(MakeUrlTest, FillsParameters) {
  EXPECT_EQ(Url("https://bedrock.${parameters.region}.amazonaws.com/model/${parameters.model}/invoke?x=%2F",
                {{"region", "us-east-1"}}, {{"model", "a:0"}}),
            "https://bedrock.us-east-1.amazonaws.com/model/a:0/invoke?x=%2F");
  EXPECT_EQ(Url("${parameters.endpoint}", {{"endpoint", "http://a.example:80/v1"}}, {}), "http://a.example:80/v1");
}

TEST(MakeUrlTest, WhatIsNoUrlIsRefused) {
  for (const char* bad : {"a b", "a\r\nHost: evil", "a\\b", "<", "\x01", "\x7F", "{"}) {
    EXPECT_THAT(Url("https://example.com/${parameters.x}", {}, {{"x", bad}}),
                StartsWith("refused: Encountered error when trying to create uri from endpoint"))
        << bad;
  }
  EXPECT_THAT(Url("https://example.com/${parameters.x}", {}, {}), StartsWith("refused: ")) << "a placeholder is left";
}

TEST(MakeUrlTest, ARequestDoesNotChangeWhereTheConnectorLeads) {
  const std::string url = "https://${parameters.endpoint}/v1/completions?x=${parameters.x:-1}";
  const Parameters own{{"endpoint", "api.openai.com"}};
  EXPECT_EQ(Url(url, own, {{"endpoint", "API.openai.com:443"}}), "https://API.openai.com:443/v1/completions?x=1")
      << "the same, written otherwise";
  for (const char* elsewhere :
       {"bedrock-runtime.attacker.example?x.amazonaws.com", "api.cohere.ai", "api.openai.com:444",
        "api.openai.com.attacker.example", "attacker.example/api.openai.com", "attacker.example#api.openai.com",
        "api.openai.com@attacker.example", "${parameters.x}", ""}) {
    EXPECT_THAT(Url(url, own, {{"endpoint", elsewhere}, {"x", "attacker.example"}}), StartsWith("refused: "))
        << elsewhere;
  }
  EXPECT_THAT(Url(url, own, {{"endpoint", "api.cohere.ai"}}), HasSubstr("https://api.openai.com:443"));
  EXPECT_EQ(Url(url, own, {{"x", "https://api.cohere.ai"}}),
            "https://api.openai.com/v1/completions?x=https://api.cohere.ai")
      << "after the host it is text";
}

TEST(MakeUrlTest, SchemeDefaultsAndWholeUrlsAreTheConnectorsToo) {
  EXPECT_THAT(Url("${parameters.endpoint}", {{"endpoint", "https://a.example"}}, {{"endpoint", "http://a.example"}}),
              StartsWith("refused: "));
  EXPECT_THAT(Url("${parameters.endpoint}", {}, {{"endpoint", "https://a.example"}}), StartsWith("refused: "));
  EXPECT_THAT(Url("https://${parameters.h:-a.example}/", {}, {{"h", "b.example"}}), StartsWith("refused: "));
  EXPECT_EQ(Url("https://${parameters.h:-a.example}/", {}, {}), "https://a.example/");
  EXPECT_THAT(
      Url("https://${parameters.h}/", {{"h", "${parameters.inner}"}, {"inner", "a.example"}}, {{"inner", "b.example"}}),
      StartsWith("refused: "));
}

TEST(MakeUrlTest, WhatTheConnectorLeavesOpenTakesAHostsCharactersAlone) {
  const std::string url = "https://${parameters.service}.${parameters.region}.amazonaws.com/model/x";
  const Parameters own{{"service", "bedrock-runtime"}};
  EXPECT_EQ(Url(url, own, {{"region", "us-east-1"}}), "https://bedrock-runtime.us-east-1.amazonaws.com/model/x");
  for (const char* bad : {"attacker.example/", "attacker.example?", "attacker.example#", "a@attacker.example", "a:1",
                          "%61", "", "${parameters.inner}"}) {
    EXPECT_THAT(Url(url, own, {{"region", bad}, {"inner", "x/y"}}), StartsWith("refused: ")) << bad;
  }
  EXPECT_THAT(Url(url, own, {{"region", "a?b"}}), HasSubstr("Parameter \"region\" is part of the host"));
  EXPECT_THAT(Url(url, own, {{"region", "us-east-1"}, {"service", "s3"}}), HasSubstr("cannot change where"))
      << "what the connector says of it stays";
  EXPECT_THAT(Url("https://a.example${parameters.more}", {}, {{"more", "/v1"}}), StartsWith("refused: "));
}

TEST(OwnEndpointTest, IsSchemeHostAndPort) {
  const auto endpoint = [](const std::string& url, const Parameters& own) { return OwnEndpoint(To(url), own).value(); };
  EXPECT_EQ(endpoint("HTTPS://A.example/v1?x", {}), "https://a.example:443");
  EXPECT_EQ(endpoint("http://${parameters.h}/${parameters.p}", {{"h", "a.example:81"}}), "http://a.example:81");
  EXPECT_EQ(endpoint("http://x.${parameters.h}/v1", {}), "http://x.${parameters.h}");
  EXPECT_EQ(endpoint("${parameters.h}/v1", {}), "${parameters.h}/v1");
  EXPECT_FALSE(OwnEndpoint(To("http://${parameters.a}"), {{"a", "${parameters.a}"}}));
}

}  // namespace
}  // namespace mlnode::connectors
