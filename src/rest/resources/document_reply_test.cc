#include "rest/resources/document_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using ::testing::HasSubstr;

TEST(SearchReplyTest, NowIsTheClocks) {
  const mlnode::testing::ManualClock clock;
  const json::object source{{"created_time", clock.WallMillis() - 60'000}};
  const std::vector<query::SearchDocument> documents = {
      {.id = "a", .source = std::make_shared<const json::object>(source), .version = 1, .seq_no = 1}};
  const auto found = [&](const std::string& since) {
    const RequestContext context = testing::MakeContext("/x");
    const json::object body =
        ParseJsonObject(R"({"query":{"range":{"created_time":{"gte":")" + since + R"("}}}})").value();
    const query::SearchTarget target{.index = "i", .default_excludes = {}, .always_excludes = {}};
    return SearchReply(context, query::SearchRequest::Parse(body).value(), documents, target, clock).value().body;
  };
  EXPECT_THAT(found("now-2m"), HasSubstr(R"("value":1)"));
  EXPECT_THAT(found("now-30s"), HasSubstr(R"("value":0)"));
}

TEST(ReadSearchRequestTest, ErrorsOfTheParameterHaveTheirPlaceInIt) {
  const RequestContext context =
      testing::MakeContext("/x?source=%7B%22query%22:%7B%22nope%22:%7B%7D%7D%7D&source_content_type=application/json");
  const auto request = ReadSearchRequest(context);
  ASSERT_FALSE(request);
  ASSERT_TRUE(request.error().position);
  EXPECT_EQ(request.error().position->column, 18U);
}

}  // namespace
}  // namespace mlnode::rest
