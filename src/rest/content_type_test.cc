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

TEST(RefuseContentTypeTest, ARawBodyMayClaimWhatThePeerKnows) {
  EXPECT_FALSE(RefuseContentType(Type("application/cbor"), BodyUse::kRaw));
  EXPECT_TRUE(RefuseContentType(Type("application/cbor"), BodyUse::kJson));
}

TEST(RefuseContentTypeTest, RefusesAMalformedHeader) {
  EXPECT_EQ(RefuseContentType(Type("json"), BodyUse::kJson)->status, 400);
  net::Headers twice = Type("application/json");
  twice.Add("Content-Type", "application/json");
  EXPECT_EQ(RefuseContentType(twice, BodyUse::kJson)->status, 400);
}

}  // namespace
}  // namespace mlnode::rest
