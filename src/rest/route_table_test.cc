#include "rest/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Handler Nothing() {
  return [](const RequestContext&) -> Result<net::HttpReply> { return net::HttpReply(); };
}

class RouteTableTest : public ::testing::Test {
 protected:
  RouteTableTest() {
    for (const auto& [method, pattern] : {std::pair("GET", "/models/{model_id}"),
                                          {"DELETE", "/models/{model_id}"},
                                          {"GET", "/models/_search"},
                                          {"POST", "/models/_search"},
                                          {"POST", "/models/{model_id}/chunk/{n}"},
                                          {"GET", "/"}}) {
      table_.Add({.method = method, .pattern = pattern, .handler = Nothing()});
    }
  }
  RouteMatch Find(std::string_view method, std::string_view path) { return table_.Find(method, path).value(); }
  RouteTable table_;
};

TEST_F(RouteTableTest, ExactSegmentsWin) {
  EXPECT_EQ(Find("GET", "/models/_search").route->pattern, "/models/_search");
  EXPECT_EQ(Find("GET", "/models/abc").route->pattern, "/models/{model_id}");
}

TEST_F(RouteTableTest, AMatchedPathHasOnlyItsOwnMethods) {
  const RouteMatch match = Find("DELETE", "/models/_search");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_THAT(match.allowed, ElementsAre("GET", "POST"));
}

TEST_F(RouteTableTest, FallsBackToThePlaceholderWhereTheExactPathEnds) {
  EXPECT_THAT(Find("POST", "/models/_search/chunk/7").path_params,
              ElementsAre(Pair("model_id", "_search"), Pair("n", "7")));
}

TEST_F(RouteTableTest, IgnoresATrailingSlash) {
  EXPECT_EQ(Find("GET", "/models/abc/").route, Find("GET", "/models/abc").route);
  EXPECT_EQ(Find("GET", "/").route->pattern, "/");
}

TEST_F(RouteTableTest, DecodesSegmentsAfterMatching) {
  EXPECT_THAT(Find("GET", "/models/a%2Fb%20c+d").path_params, ElementsAre(Pair("model_id", "a/b c+d")));
  EXPECT_EQ(table_.Find("GET", "/models/a%2").error().code, Code::kInvalidArgument);
}

TEST_F(RouteTableTest, AnUnknownPathHasNoMethods) {
  for (const char* path : {"/nope", "/models", "/models/a/b/c/d"}) {
    const RouteMatch match = Find("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_THAT(match.allowed, IsEmpty()) << path;
  }
}

TEST_F(RouteTableTest, AnAliasNamesWhatReplacesIt) {
  const Route* route = Find("GET", "/models/abc").route;
  table_.AddAlias("/old/{model_id}", *route);
  const RouteMatch match = Find("GET", "/old/xyz");
  EXPECT_EQ(match.route->replaced_by, "/models/{model_id}");
  EXPECT_THAT(match.path_params, ElementsAre(Pair("model_id", "xyz")));
}

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    route_.method = "GET";
    route_.pattern = "/models/{model_id}";
    route_.params = {"return_content", "deploy"};
  }
  RequestContext Context(const char* target) {
    RequestContext context = testing::MakeContext(target);
    context.route = &route_;
    context.path_params = {{"model_id", "x"}};
    return context;
  }
  Route route_;
};

TEST_F(CheckTest, KnowsTheCommonParametersAndTheRoutes) {
  EXPECT_TRUE(CheckQueryParams(Context("/models/x?pretty&filter_path=a&return_content=true")));
}

TEST_F(CheckTest, NamesAnUnknownParameter) {
  EXPECT_EQ(CheckQueryParams(Context("/models/x?nope=1")).error().message,
            "request [/models/x] contains unrecognized parameter: [nope]");
}

TEST_F(CheckTest, SuggestsWhatIsSimilar) {
  EXPECT_EQ(CheckQueryParams(Context("/models/x?return_contents=1&depoy=1&q=1")).error().message,
            "request [/models/x] contains unrecognized parameters: [depoy] -> did you mean [deploy]?, [q], "
            "[return_contents] -> did you mean [return_content]?");
}

TEST_F(CheckTest, RefusesABodyWhereNoneIsRead) {
  EXPECT_EQ(CheckBody(Context("/models/x"), 1).error().message,
            "request [GET /models/x] does not support having a body");
  EXPECT_TRUE(CheckBody(Context("/models/x"), 0));
}

TEST_F(CheckTest, RefusesABodyBeyondTheLimit) {
  route_.body = BodyUse::kJson;
  route_.max_body_bytes = 10;
  EXPECT_TRUE(CheckBody(Context("/models/x"), 10));
  const Status refused = CheckBody(Context("/models/x"), 11);
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_EQ(refused.error().message, "request body of 11 bytes is larger than the limit of 10 bytes");
  route_.too_large = "Chunk size exceeds 10MB";
  EXPECT_EQ(CheckBody(Context("/models/x"), 11).error().message, "Chunk size exceeds 10MB");
}

}  // namespace
}  // namespace mlnode::rest
