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

}  // namespace
}  // namespace mlnode::rest
