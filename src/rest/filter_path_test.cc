#include "rest/filter_path.h"

#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

constexpr const char* kDocument =
    R"({"took":1,"hits":{"total":2,"hits":[{"_id":"a","_source":{"name":"x","size":1}},{"_id":"b","_source":{"name":"y"}}]},)"
    R"("nodes":{"n1":{"name":"p","roles":["ml","data"]}}})";

struct Case {
  const char* patterns;
  const char* expected;
};

class FilterPathTest : public ::testing::TestWithParam<Case> {};

TEST_P(FilterPathTest, Filters) {
  EXPECT_EQ(ToJson(FilterPaths(ParseJson(kDocument).value(), GetParam().patterns)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, FilterPathTest,
    ::testing::Values(
        Case{"took", R"({"took":1})"}, Case{"hits.hits._id", R"({"hits":{"hits":[{"_id":"a"},{"_id":"b"}]}})"},
        Case{"hits.hits._source.size", R"({"hits":{"hits":[{"_source":{"size":1}}]}})"},
        Case{"t*,hits.tot*", R"({"took":1,"hits":{"total":2}})"},
        Case{"nodes.*.name,nodes.*.roles", R"({"nodes":{"n1":{"name":"p","roles":["ml","data"]}}})"},
        Case{"**.name",
             R"({"hits":{"hits":[{"_source":{"name":"x"}},{"_source":{"name":"y"}}]},"nodes":{"n1":{"name":"p"}}})"},
        Case{"*o*", R"({"took":1,"nodes":{"n1":{"name":"p","roles":["ml","data"]}}})"}, Case{"nothing", "{}"},
        Case{"-hits,-nodes", R"({"took":1})"}, Case{"hits,-hits.hits", R"({"hits":{"total":2}})"},
        Case{"took.deeper", "{}"}, Case{"-**.roles,-hits", R"({"took":1,"nodes":{"n1":{"name":"p"}}})"},
        Case{",.", kDocument}));

TEST(FilterPathTest, LooksThroughAnArrayAtTheTop) {
  EXPECT_EQ(ToJson(FilterPaths(ParseJson(R"([{"a":1,"b":2},{"b":3}])").value(), "a")), R"([{"a":1}])");
}

TEST(FilterPathTest, ManyDoubleStarsDoNotMultiply) {
  std::string deep = "1";
  std::string pattern;
  for (int i = 0; i < 30; ++i) deep = R"({"a":)" + deep + R"(,"b":0})";
  for (int i = 0; i < 30; ++i) pattern += "**.a.**.";
  const json::value document = ParseJson(deep).value();
  ASSERT_TRUE(CheckFilterPath(pattern + "nothing"));
  EXPECT_EQ(ToJson(FilterPaths(document, pattern + "nothing")), "{}");
  EXPECT_EQ(FilterPaths(document, "**.**.**.a"), FilterPaths(document, "**.a"));
}

TEST(FilterPathTest, LimitsAreNamed) {
  std::string patterns = "a", segments = "a";
  for (int i = 1; i < 64; ++i) {
    patterns += ",a";
    segments += ".a";
  }
  EXPECT_TRUE(CheckFilterPath(patterns));
  EXPECT_TRUE(CheckFilterPath(segments));
  EXPECT_EQ(CheckFilterPath(patterns + ",a").error().message, "[filter_path] has 65 patterns; the limit is 64");
  EXPECT_EQ(CheckFilterPath(segments + ".a").error().message,
            "a pattern of [filter_path] has 65 segments; the limit is 64");
}

}  // namespace
}  // namespace mlnode::rest
