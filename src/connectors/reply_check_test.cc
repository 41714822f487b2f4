#include "connectors/reply_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

net::ClientReply Reply(int status, std::string body) {
  return {.status = status, .headers = {}, .body = std::move(body)};
}
Error ErrorOf(const net::ClientReply& reply, const Secrets& secrets = {}) {
  auto status = CheckReply(reply, -1, Redactor(secrets));
  EXPECT_FALSE(status);
  return status ? Error{} : std::move(status).error();
}

TEST(CheckReplyTest, SuccessIs200To300) {
  for (const int status : {200, 201, 299, 300}) EXPECT_TRUE(CheckReply(Reply(status, "{}"), -1, {})) << status;
}

TEST(CheckReplyTest, OtherStatusesReachTheClient) {
  for (const int status : {301, 400, 401, 403, 404, 429, 500, 503}) {
    const Error error = ErrorOf(Reply(status, R"({"error": "x"})"));
    EXPECT_EQ(error.code, Code::kUpstream);
    EXPECT_EQ(error.reason, "status_exception");
    EXPECT_EQ(error.upstream_status, status);
    EXPECT_EQ(error.message, R"(Error from remote service: {"error": "x"})");
  }
}

TEST(CheckReplyTest, StatusesThatThePeerDoesNotKnowAre500) {
  for (const int status : {0, 199, 418, 529, 999})
    EXPECT_EQ(ErrorOf(Reply(status, "x")).upstream_status, 500) << status;
}

TEST(CheckReplyTest, EmptyBodies) {
  EXPECT_EQ(ErrorOf(Reply(404, "")).message, "Remote service returned error status 404 with empty body");
  EXPECT_EQ(ErrorOf(Reply(404, "")).upstream_status, 404);
  EXPECT_EQ(ErrorOf(Reply(200, "")).message, "Remote service returned empty response body");
  EXPECT_EQ(ErrorOf(Reply(200, "")).upstream_status, 502);
}

TEST(CheckReplyTest, ThrottledByItsHeader) {
  net::ClientReply reply = Reply(400, "slow down");
  reply.headers.Add("X-Amzn-Errortype", "ThrottlingException:http://x");
  const Error error = ErrorOf(reply);
  EXPECT_EQ(error.upstream_status, 400);
  EXPECT_EQ(error.message,
            "Error from remote service: The request was denied due to remote server throttling. To change the retry "
            "policy and behavior, please update the connector client_config.");
}

TEST(CheckReplyTest, TooLongForTheSetting) {
  EXPECT_TRUE(CheckReply(Reply(200, "[1]"), 3, {}));
  const auto status = CheckReply(Reply(200, "[12]"), 3, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  EXPECT_EQ(status.error().message, "JSON string size exceeds maximum allowed size (3 bytes)");
}

TEST(CheckReplyTest, SecretsThatTheProviderRepeatsAreHidden) {
  EXPECT_EQ(ErrorOf(Reply(401, "bad key sk-secret, sk-secret"), {{"k", "sk-secret"}, {"short", "bad"}}).message,
            "Error from remote service: bad key ***, ***");
  // Also one that lies across the end of what is shown.
  EXPECT_THAT(ErrorOf(Reply(401, std::string(kMaxShownReply - 4, 'x') + "sk-secret"), {{"k", "sk-secret"}}).message,
              Not(HasSubstr("sk-s")));
}

TEST(CheckReplyTest, LongAndBrokenTextsAreShownInPart) {
  const Error error = ErrorOf(Reply(500, std::string(1'000'000, 'x')));
  EXPECT_LT(error.message.size(), kMaxShownReply + 100);
  EXPECT_THAT(error.message, EndsWith("x..."));
  EXPECT_EQ(ErrorOf(Reply(500, "a\xFFz")).message, "Error from remote service: a\xEF\xBF\xBDz");
}

}  // namespace
}  // namespace mlnode::connectors
