#include "rest/request_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using ::testing::ElementsAre;
using testing::MakeContext;
using ::testing::Pair;

TEST(ParseTargetTest, SplitsAndDecodesTheQuery) {
  const auto target = ParseTarget("/a/b%20c?x=1%202&y=a+b&bare&z=");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b%20c");
  EXPECT_THAT(target->query, ElementsAre(Pair("x", "1 2"), Pair("y", "a b"), Pair("bare", ""), Pair("z", "")));
}

TEST(ParseTargetTest, RefusesABrokenPercentSign) {
  for (const char* text : {"/a?x=%", "/a?x=%4", "/a?x=%zz"}) {
    const auto target = ParseTarget(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().code, Code::kInvalidArgument);
  }
}

TEST(RequestContextTest, ReadsABooleanParameter) {
  const RequestContext context = MakeContext("/x?yes=true&no=false&bare&bad=1");
  EXPECT_TRUE(context.BoolQuery("yes", false).value());
  EXPECT_FALSE(context.BoolQuery("no", true).value());
  EXPECT_TRUE(context.BoolQuery("bare", false).value());
  EXPECT_TRUE(context.BoolQuery("absent", true).value());
  EXPECT_EQ(context.BoolQuery("bad", true).error().message,
            "Failed to parse value [1] as only [true] or [false] are allowed.");
}

TEST(RequestContextTest, PrettyIsOnWhenBare) {
  EXPECT_TRUE(MakeContext("/x?pretty").Pretty());
  EXPECT_TRUE(MakeContext("/x?pretty=true").Pretty());
  EXPECT_FALSE(MakeContext("/x?pretty=false").Pretty());
  EXPECT_FALSE(MakeContext("/x").Pretty());
}

TEST(ObjectBodyTest, SaysThatABodyIsRequired) {
  const auto body = ObjectBody(MakeContext("/x"), true);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().message, "request body is required");
  EXPECT_EQ(body.error().reason, "parse_exception");
}

TEST(ObjectBodyTest, AnAbsentOptionalBodyIsAnEmptyObject) {
  EXPECT_TRUE(ObjectBody(MakeContext("/x"), false)->empty());
}

TEST(ObjectBodyTest, RefusesAnArray) {
  const auto body = ObjectBody(MakeContext("/x", "[]"), false);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().reason, "parsing_exception");
}

}  // namespace
}  // namespace mlnode::rest
