#include "rest/error_body.h"

#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

struct Expected {
  Code code;
  int status;
  const char* type;
};

class ErrorTableTest : public ::testing::TestWithParam<Expected> {};

TEST_P(ErrorTableTest, MapsTheCode) {
  const Expected expected = GetParam();
  EXPECT_EQ(StatusOf(expected.code), expected.status);
  EXPECT_EQ(TypeOf(MakeError(expected.code, "why")), expected.type);
}

INSTANTIATE_TEST_SUITE_P(AllCodes, ErrorTableTest,
                         ::testing::Values(Expected{Code::kInvalidArgument, 400, "illegal_argument_exception"},
                                           Expected{Code::kUnauthenticated, 401, "security_exception"},
                                           Expected{Code::kPermissionDenied, 403, "status_exception"},
                                           Expected{Code::kNotFound, 404, "status_exception"},
                                           Expected{Code::kAlreadyExists, 409, "status_exception"},
                                           Expected{Code::kFailedPrecondition, 409, "status_exception"},
                                           Expected{Code::kConflict, 409, "status_exception"},
                                           Expected{Code::kTooLarge, 413, "status_exception"},
                                           Expected{Code::kResourceExhausted, 429, "rejected_execution_exception"},
                                           Expected{Code::kCancelled, 499, "status_exception"},
                                           Expected{Code::kDeadlineExceeded, 504, "status_exception"},
                                           Expected{Code::kUnavailable, 503, "status_exception"},
                                           Expected{Code::kUpstream, 502, "status_exception"},
                                           Expected{Code::kUnimplemented, 501, "status_exception"},
                                           Expected{Code::kDataLoss, 500, "illegal_state_exception"},
                                           Expected{Code::kInternal, 500, "m_l_exception"}));

TEST(ErrorBodyTest, TheTableHasOneRowACodeInOrder) {
  ASSERT_EQ(CodeTable().size(), static_cast<std::size_t>(kCodeCount));
  for (std::size_t i = 0; i < CodeTable().size(); ++i) EXPECT_EQ(CodeTable()[i].code, static_cast<Code>(i));
}

TEST(ErrorBodyTest, ARemoteServicesStatusIsTheCallersWhereItIsAKnownError) {
  const auto status = [](int upstream) {
    Error error = MakeError(Code::kUpstream, "Error from remote service: no");
    error.upstream_status = upstream;
    EXPECT_EQ(ErrorReply(error, false).status, StatusOf(error));
    EXPECT_EQ(ErrorBody(error).at("status"), StatusOf(error));
    return StatusOf(error);
  };
  for (const int known : {400, 401, 404, 417, 422, 424, 429, 500, 503, 507}) EXPECT_EQ(status(known), known);
  for (const int unknown : {418, 425, 451, 508, 529}) EXPECT_EQ(status(unknown), 500) << unknown;
  for (const int no_error : {100, 302, 304}) EXPECT_EQ(status(no_error), 502) << no_error;
  EXPECT_EQ(StatusOf(MakeError(Code::kUpstream, "broken")), 502);
}

TEST(ErrorBodyTest, HasThePeersShape) {
  EXPECT_EQ(ToJson(ErrorBody(MakeError(Code::kNotFound, "Failed to find model"))),
            R"({"error":{"root_cause":[{"type":"status_exception","reason":"Failed to find model"}],)"
            R"("type":"status_exception","reason":"Failed to find model"},"status":404})");
}

TEST(ErrorBodyTest, TheReasonNamesTheType) {
  const Error error{.code = Code::kInvalidArgument, .message = "m", .reason = "parse_exception"};
  EXPECT_EQ(ErrorBody(error).at("error").at("type").as_string(), "parse_exception");
  EXPECT_EQ(ErrorBody(error).at("status").as_int64(), 400);
}

Error UnknownQuery() {
  Error error{.code = Code::kInvalidArgument, .message = "unknown query [nope]", .reason = "parsing_exception"};
  error.position = TextPosition{.line = 1, .column = 20};
  Error cause{
      .code = Code::kInvalidArgument, .message = "unknown field [nope]", .reason = "named_object_not_found_exception"};
  cause.position = error.position;
  error.cause = std::make_shared<const Error>(cause);
  return error;
}

// As recorded from the peer.
TEST(ErrorBodyTest, SaysPlaceAndCause) {
  EXPECT_EQ(
      ToJson(ErrorBody(UnknownQuery())),
      R"({"error":{"root_cause":[{"type":"parsing_exception","reason":"unknown query [nope]","line":1,"col":20}],)"
      R"("type":"parsing_exception","reason":"unknown query [nope]","line":1,"col":20,"caused_by":{"type":)"
      R"("named_object_not_found_exception","reason":"[1:20] unknown field [nope]"}},"status":400})");
}

TEST(ErrorBodyTest, ACircuitBreakerCarriesItsKeys) {
  const Error error{.code = Code::kResourceExhausted, .message = "m", .reason = "circuit_breaking_exception"};
  const json::object body = ErrorBody(error);
  EXPECT_EQ(body.at("error").at("durability").as_string(), "TRANSIENT");
  EXPECT_EQ(body.at("error").at("root_cause").at(0).at("bytes_wanted").as_int64(), 0);
}

TEST(ErrorBodyTest, KeepsTheDetailForTheLog) {
  const Error error{.code = Code::kInternal, .message = "m", .reason = {}, .detail = "a path"};
  EXPECT_EQ(ErrorReply(error, false).body.find("a path"), std::string::npos);
}

TEST(ErrorBodyTest, RoundsRetryAfterUp) {
  Error error = MakeError(Code::kResourceExhausted, "m");
  error.retry_after = std::chrono::milliseconds(1200);
  EXPECT_EQ(ErrorReply(error, false).headers.Find("Retry-After"), "2");
  error.retry_after = std::chrono::milliseconds(0);
  EXPECT_EQ(ErrorReply(error, false).headers.Find("Retry-After"), "1");
  error.retry_after.reset();
  EXPECT_FALSE(ErrorReply(error, false).headers.Find("Retry-After"));
}

TEST(ErrorBodyTest, AnUnknownPathHasNoStatusKey) {
  const net::HttpReply reply = NoHandlerReply("/_plugins/_ml", "GET");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, R"({"error":"no handler found for uri [/_plugins/_ml] and method [GET]"})");
}

TEST(ErrorBodyTest, AWrongMethodNamesTheRightOnes) {
  const std::string_view allowed[] = {"GET", "DELETE"};
  const net::HttpReply reply = WrongMethodReply("/x?y=1", "POST", allowed);
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.headers.Find("Allow"), "GET,DELETE");
  EXPECT_EQ(
      reply.body,
      R"({"error":"Incorrect HTTP method for uri [/x?y=1] and method [POST], allowed: [GET, DELETE]","status":405})");
}

}  // namespace
}  // namespace mlnode::rest
