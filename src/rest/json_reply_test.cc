#include "rest/json_reply.h"

#include <gtest/gtest.h>

#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using testing::MakeContext;

TEST(JsonReplyTest, PrintsAsAskedFor) {
  const json::object body{{"a", 1}, {"b", json::object()}};
  EXPECT_EQ(JsonReply(MakeContext("/x"), body).body, R"({"a":1,"b":{}})");
  EXPECT_EQ(JsonReply(MakeContext("/x?pretty"), body).body, "{\n  \"a\" : 1,\n  \"b\" : { }\n}\n");
  EXPECT_EQ(JsonReply(MakeContext("/x?filter_path=a"), body).body, R"({"a":1})");
  EXPECT_EQ(JsonReply(MakeContext("/x?filter_path="), body).body, R"({"a":1,"b":{}})");
  EXPECT_EQ(JsonReply(MakeContext("/x"), body, 503).status, 503);
}

TEST(JsonTextReplyTest, LeavesTextAloneUnlessAsked) {
  const std::string text = R"({"a":1.50,"b":2})";
  EXPECT_EQ(JsonTextReply(MakeContext("/x"), text).body, text);
  EXPECT_EQ(JsonTextReply(MakeContext("/x?filter_path=b"), text).body, R"({"b":2})");
}

}  // namespace
}  // namespace mlnode::rest
