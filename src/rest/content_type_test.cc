#include "rest/content_type.h"

#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

net::Headers Type(const char* value) {
  net::Headers headers;
  headers.Add("content-type", value);
  return headers;
}

TEST(RefuseContentTypeTest, AcceptsJsonWithParameters) {
  EXPECT_FALSE(RefuseContentType(Type("application/json"), BodyUse::kJson));
  EXPECT_FALSE(RefuseContentType(Type("Application/JSON ; charset=utf-8"), BodyUse::kJson));
}

TEST(RefuseContentTypeTest, NeedsAHeader) {
  const auto refused = RefuseContentType(net::Headers(), BodyUse::kJson);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 406);
  EXPECT_EQ(refused->body, R"({"error":"Content-Type header is missing","status":406})");
}

TEST(RefuseContentTypeTest, RefusesOtherTypes) {
  const auto refused = RefuseContentType(Type("text/plain"), BodyUse::kJson);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->body, R"({"error":"Content-Type header [text/plain] is not supported","status":406})");
  EXPECT_EQ(RefuseContentType(Type("application/octet-stream"), BodyUse::kRaw)->status, 406);
}

TEST(RefuseContentTypeTest, AcceptsYamlAndCbor) {
  for (const char* type : {"application/yaml", "application/x-yaml", "application/cbor; a=b", "APPLICATION/CBOR"}) {
    EXPECT_FALSE(RefuseContentType(Type(type), BodyUse::kJson)) << type;
  }
}

TEST(RefuseContentTypeTest, ARawBodyMayClaimWhatThePeerKnows) {
  EXPECT_FALSE(RefuseContentType(Type("application/smile"), BodyUse::kRaw));
  EXPECT_EQ(RefuseContentType(Type("application/smile"), BodyUse::kJson)->status, 406);
  EXPECT_EQ(RefuseContentType(Type("application/x-smile"), BodyUse::kJson)->status, 406);
}

TEST(RefuseContentTypeTest, RefusesAMalformedHeader) {
  EXPECT_EQ(RefuseContentType(Type("json"), BodyUse::kJson)->status, 400);
  net::Headers twice = Type("application/json");
  twice.Add("Content-Type", "application/json");
  EXPECT_EQ(RefuseContentType(twice, BodyUse::kJson)->status, 400);
}

TEST(BodyFormatTest, IsWhatTheHeaderSays) {
  EXPECT_EQ(BodyFormat(Type("application/json")), ContentFormat::kJson);
  EXPECT_EQ(BodyFormat(Type(" application/X-Yaml ; charset=utf-8")), ContentFormat::kYaml);
  EXPECT_EQ(BodyFormat(Type("application/cbor")), ContentFormat::kCbor);
  EXPECT_FALSE(BodyFormat(Type("application/smile")));
  EXPECT_FALSE(BodyFormat(net::Headers()));
}

net::Headers Accept(const char* value) {
  net::Headers headers;
  headers.Add("Accept", value);
  return headers;
}

TEST(AnswerFormatTest, FollowsTheParameterThenTheHeader) {
  EXPECT_EQ(AnswerFormat(net::Headers(), "yaml"), ContentFormat::kYaml);
  EXPECT_EQ(AnswerFormat(Accept("application/yaml"), "cbor"), ContentFormat::kCbor);
  EXPECT_EQ(AnswerFormat(Accept("application/yaml"), std::nullopt), ContentFormat::kYaml);
  EXPECT_EQ(AnswerFormat(Accept("application/yaml"), "smile"), ContentFormat::kYaml);
  EXPECT_EQ(AnswerFormat(Accept("text/html, application/cbor;q=0.9, application/json"), std::nullopt),
            ContentFormat::kCbor);
}

TEST(AnswerFormatTest, IsJsonUnlessAskedFor) {
  EXPECT_EQ(AnswerFormat(net::Headers(), std::nullopt), ContentFormat::kJson);
  EXPECT_EQ(AnswerFormat(net::Headers(), "xml"), ContentFormat::kJson);
  for (const char* accept : {"*/*", "application/smile", "text/html,", ",", "yaml"}) {
    EXPECT_EQ(AnswerFormat(Accept(accept), std::nullopt), ContentFormat::kJson) << accept;
  }
}

TEST(AnswerFormatTest, IsThatOfTheRequestWhereNothingIsAskedFor) {
  EXPECT_EQ(AnswerFormat(Type("application/yaml"), std::nullopt), ContentFormat::kYaml);
  EXPECT_EQ(AnswerFormat(Type("application/yaml"), "json"), ContentFormat::kJson);
  EXPECT_FALSE(WishedFormat(Type("application/yaml"), std::nullopt));
}

}  // namespace
}  // namespace mlnode::rest
