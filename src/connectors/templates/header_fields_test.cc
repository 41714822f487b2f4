#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/templates/payload.h"

namespace mlnode::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

using Fields = std::vector<std::pair<std::string, std::string>>;
Action With(Fields headers) {
  Action action;
  action.headers = std::move(headers);
  return action;
}

TEST(MakeHeadersTest, SecretsThenParametersInOrder) {
  const auto headers = MakeHeaders(With({{"Authorization", "Bearer ${credential.key}"},
                                         {"X-Model", "${parameters.model}/${parameters.none:-x}"},
                                         {"content-type", "text/plain"}}),
                                   {{"key", "sk-secret"}}, {{"model", "m"}});
  EXPECT_THAT(headers.value().fields(), ElementsAre(Pair("Authorization", "Bearer sk-secret"), Pair("X-Model", "m/x"),
                                                    Pair("content-type", "text/plain")));
}

TEST(MakeHeadersTest, ContentTypeIsAdded) {
  EXPECT_THAT(MakeHeaders(With({}), {}, {}).value().fields(), ElementsAre(Pair("Content-Type", "application/json")));
}

TEST(MakeHeadersTest, ASecretIsNoTemplate) {
  const auto headers = MakeHeaders(With({{"X-A", "${credential.k}${parameters.a}"}}),
                                   {{"k", "$${parameters.a}${credential.k}"}}, {{"a", "1"}});
  EXPECT_EQ(headers.value().Find("X-A"), "$${parameters.a}${credential.k}1");
}

TEST(MakeHeadersTest, AParameterDoesNotLeadToASecret) {
  const auto headers =
      MakeHeaders(With({{"X-A", "${parameters.a}"}}), {{"k", "sk-secret"}}, {{"a", "<${credential.k}>"}});
  EXPECT_EQ(headers.value().Find("X-A"), "<${credential.k}>");
}

TEST(MakeHeadersTest, ForbiddenNamesTakeNoParameters) {
  for (const char* name :
       {"authorization", "Proxy-Authorization", "COOKIE", "x-api-key", "x-auth-token", "x-auth-header",
        "x-forwarded-for", "x-real-ip", "x-client-ip", "cf-connecting-ip", "true-client-ip", "x-originating-ip", "Host",
        "x-forwarded-host", "x-forwarded-server", "forwarded"}) {
    const auto status = CheckHeaderTemplates(With({{name, "a ${parameters.x}"}}));
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().message,
              "Header '" + std::string(name) +
                  "' cannot use ${parameters.*} placeholders for security reasons. Use ${credential.*} instead.");
    EXPECT_FALSE(MakeHeaders(With({{name, "a ${parameters.x}"}}), {}, {{"x", "1"}})) << name;
  }
  EXPECT_TRUE(CheckHeaderTemplates(With({{"X-Other", "${parameters.x}"}, {"Authorization", "${credential.x}"}})));
}

TEST(MakeHeadersTest, UnresolvedIsRefused) {
  for (const char* text : {"${parameters.x}", "${credential.x}"})
    EXPECT_EQ(MakeHeaders(With({{"X-A", text}}), {}, {}).error().message,
              "Header 'X-A' contains unresolved placeholder. Required parameter is missing.");
}

TEST(MakeHeadersTest, LineEndsAreRefusedWithoutTheSecret) {
  for (const char* bad : {"sk-secret\r\nX-Evil: 1", "sk-secret\n", "sk-secret\x01", "sk-secret\x7F"}) {
    const auto of_secret = MakeHeaders(With({{"X-A", "${credential.k}"}}), {{"k", bad}}, {});
    ASSERT_FALSE(of_secret);
    EXPECT_EQ(of_secret.error().message, "Header value contains invalid control character");
    EXPECT_THAT(of_secret.error().detail, Not(HasSubstr("sk-")));
    EXPECT_FALSE(MakeHeaders(With({{"X-A", "${parameters.k}"}}), {}, {{"k", bad}}));
  }
  EXPECT_TRUE(MakeHeaders(With({{"X-A", "a\tb"}}), {}, {}));
}

TEST(MakeHeadersTest, NulIsRefused) {
  EXPECT_FALSE(MakeHeaders(With({{"X-A", "${parameters.k}"}}), {}, {{"k", std::string("a\0b", 3)}}));
}

TEST(MakeHeadersTest, NamesAreTokens) {
  for (const char* bad : {"", "a b", "a:b", "a\r\nb", "\xC3\xA9"})
    EXPECT_FALSE(CheckHeaderTemplates(With({{bad, "x"}}))) << bad;
}

TEST(MakeHeadersTest, SizesAreBounded) {
  EXPECT_TRUE(MakeHeaders(With({{"X-A", std::string(8'189, 'a')}}), {}, {}));
  EXPECT_EQ(MakeHeaders(With({{"X-A", std::string(8'190, 'a')}}), {}, {}).error().message,
            "Header size (key + value) exceeds 8KB limit");
  Fields many;
  for (int i = 0; i < 9; ++i) many.emplace_back("X-" + std::to_string(i), std::string(8'000, 'a'));
  EXPECT_EQ(MakeHeaders(With(many), {}, {}).error().message, "Total headers size (key + value) exceeds 64KB limit");
}

TEST(MakeHeadersTest, LengthAndConnectionAreTheClients) {
  const auto headers =
      MakeHeaders(With({{"Content-Length", "0"}, {"transfer-encoding", "chunked"}, {"Connection", "close"}}), {}, {});
  EXPECT_THAT(headers.value().fields(), ElementsAre(Pair("Content-Type", "application/json")));
}

}  // namespace
}  // namespace mlnode::connectors
