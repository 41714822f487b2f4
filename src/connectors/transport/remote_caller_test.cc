// The caller's decisions, on virtual time and against an HTTP client whose answers the test gives. What needs sockets
// is in remote_caller_live_test.cc, what opens circuits in remote_caller_circuit_test.cc.
#include "connectors/testing/remote_caller_fixture.h"

namespace mlnode::connectors {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;

class RemoteCallerTest : public RemoteCallerFixture {};

TEST_F(RemoteCallerTest, SendsWithTheConnectorsLimits) {
  options_.config.connection_timeout = 3s;
  options_.config.read_timeout = 4s;
  options_.config.skip_ssl_verification = true;
  options_.deadline = Deadline::After(clock_, 10s);
  options_.max_response_bytes = 1'000;
  options_.rules = std::make_shared<AllButEvil>();
  auto request = Request();
  request.headers.Add("X-One", "1");
  request.identity = std::make_shared<ClientCertificate>();
  const auto call = Send(request);
  ASSERT_EQ(client_.sent.size(), 1U);
  const auto& sent = client_.sent[0];
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.body, "{}");
  EXPECT_EQ(sent.headers.Find("X-One"), "1");
  EXPECT_EQ(sent.max_redirects, 0);
  EXPECT_EQ(sent.connect_timeout, 3s);
  EXPECT_EQ(sent.idle_timeout, 4s);
  EXPECT_EQ(sent.total_timeout, 10s);
  EXPECT_EQ(sent.max_response_bytes, 1'000U);
  EXPECT_FALSE(sent.verify_tls);
  EXPECT_EQ(sent.identity, request.identity);
  EXPECT_EQ(sent.addresses, net::AddressPolicy::kAny);
  client_.AnswerLast(200);
  EXPECT_EQ(Answer(call), "200");
}

TEST_F(RemoteCallerTest, AsksTheRulesAboutTheUrl) {
  options_.rules = std::make_shared<AllButEvil>();
  EXPECT_EQ(Answer(Send(Request("https://evil.example.com/"))), "invalid_argument");
  options_.rules = nullptr;
  EXPECT_EQ(Answer(Send(Request("ftp://api.example.com/"))), "invalid_argument");
  EXPECT_EQ(Answer(Send(Request("https://user:pw@api.example.com/"))), "invalid_argument");
  EXPECT_TRUE(client_.sent.empty());
}

TEST_F(RemoteCallerTest, AnyStatusIsAReply) {
  for (const int status : {200, 302, 400, 401, 429, 500, 529}) {
    const auto call = Send();
    client_.AnswerLast(status);
    EXPECT_EQ(Answer(call), std::to_string(status));
  }
}

TEST_F(RemoteCallerTest, HoldsTheConnectionLimit) {
  const auto first = Send();
  Send();
  const auto third = Send();
  EXPECT_EQ(client_.sent.size(), 2U);
  EXPECT_EQ(caller_->Endpoints()[0].waiting, 1U);
  EXPECT_EQ(caller_->Endpoints()[0].in_flight, 2U);
  client_.Answer(1, net::ClientReply{.status = 200});
  EXPECT_EQ(Answer(first), "200");
  EXPECT_EQ(client_.sent.size(), 3U);
  client_.AnswerLast(201);
  EXPECT_EQ(Answer(third), "201");
}

TEST_F(RemoteCallerTest, WaitsForAConnectionAsLongAsConnectionTimeout) {
  options_.config.connection_timeout = 100ms;
  Send();
  Send();
  const auto third = Send();
  executor_.RunFor(99ms);
  EXPECT_EQ(Answer(third), "");
  executor_.RunFor(1ms);
  EXPECT_EQ(Answer(third), "resource_exhausted");
  client_.Answer(1, net::ClientReply{.status = 200});
  EXPECT_EQ(client_.sent.size(), 2U);
  EXPECT_EQ(caller_->Endpoints()[0].waiting, 0U);
}

TEST_F(RemoteCallerTest, OnePoolDoesNotHoldUpAnother) {
  Send();
  Send();
  options_.pool = "c2";
  Send();
  EXPECT_EQ(client_.sent.size(), 3U);
}

TEST_F(RemoteCallerTest, BoundsThoseWhoWait) {
  Send();
  Send();
  for (std::size_t i = 0; i < RemoteCaller::kMaxWaiting; ++i) Send();
  EXPECT_EQ(Answer(Send()), "resource_exhausted");
}

TEST_F(RemoteCallerTest, BoundsTheBytesOfThoseWhoWait) {
  Send();
  Send();
  auto large = Request();
  large.body = std::string(RemoteCaller::kMaxWaitingBytes - 1, 'x');
  const auto waiting = Send(std::move(large));
  EXPECT_EQ(Answer(waiting), "");
  EXPECT_EQ(Answer(Send()), "resource_exhausted");
  auto tiny = Request();
  tiny.body = "x";
  EXPECT_EQ(Answer(Send(std::move(tiny))), "");
  client_.Answer(1, net::ClientReply{.status = 200});
  EXPECT_EQ(Answer(Send()), "") << "the large one has its turn";
}

TEST_F(RemoteCallerTest, ARetryThatFindsNoRoomIsNoRetry) {
  options_.config.max_retry_times = 1;
  auto large = Request();
  large.body = std::string(RemoteCaller::kMaxWaitingBytes, 'x');
  const auto rests = Send(std::move(large));
  client_.AnswerLast(503);
  EXPECT_EQ(Answer(rests), "");
  const auto second = Send();
  client_.AnswerLast(503);
  EXPECT_EQ(Answer(second), "503");
  executor_.RunFor(200ms);
  client_.AnswerLast(200);
  EXPECT_EQ(Answer(rests), "200");
  const auto third = Send();
  client_.AnswerLast(503);
  EXPECT_EQ(Answer(third), "") << "there is room again";
}

TEST_F(RemoteCallerTest, AllPoolsTogetherHoldTheNodesLimit) {
  caller_ = RemoteCaller::Create({client_, executor_, clock_, random_, metrics_, 3});
  options_.config.connection_timeout = 100ms;
  Send();
  Send();
  options_.pool = "c2";
  Send();
  const auto waits = Send();
  options_.pool = "c3";
  const auto late = Send();
  EXPECT_EQ(client_.sent.size(), 3U);
  client_.Answer(1, net::ClientReply{.status = 200});
  ASSERT_EQ(client_.sent.size(), 4U) << "a connection that another pool gave back";
  client_.AnswerLast(201);
  EXPECT_EQ(Answer(waits), "201");
  EXPECT_EQ(client_.sent.size(), 5U);
  options_.pool = "c4";
  const auto refused = Send();
  executor_.RunFor(100ms);
  EXPECT_EQ(Answer(refused), "resource_exhausted") << "as when the pool's own are in use";
  EXPECT_EQ(Answer(late), "");
}

TEST_F(RemoteCallerTest, RetriesByTheConnectorsPolicy) {
  options_.config.max_retry_times = 2;
  options_.config.retry_backoff = 200ms;
  const auto call = Send();
  client_.AnswerLast(429);
  executor_.RunFor(199ms);
  EXPECT_EQ(client_.sent.size(), 1U);
  executor_.RunFor(1ms);
  ASSERT_EQ(client_.sent.size(), 2U);
  EXPECT_EQ(client_.sent[1].body, "{}");
  client_.AnswerLast(503);
  executor_.RunFor(200ms);
  client_.AnswerLast(400, "x-amzn-ErrorType", "ThrottlingException");
  EXPECT_EQ(Answer(call), "400");
  EXPECT_EQ(caller_->Endpoints()[0].calls, 3U);
  EXPECT_EQ(caller_->Endpoints()[0].retries, 2U);
}

TEST_F(RemoteCallerTest, ABackoffHoldsNoConnection) {
  options_.config.max_connection = 1;
  options_.config.max_retry_times = 1;
  const auto first = Send();
  const auto second = Send();
  client_.AnswerLast(500);
  ASSERT_EQ(client_.sent.size(), 2U);
  client_.AnswerLast(200);
  EXPECT_EQ(Answer(second), "200");
  executor_.RunFor(200ms);
  client_.AnswerLast(200);
  EXPECT_EQ(Answer(first), "200");
}

TEST_F(RemoteCallerTest, HonoursRetryAfterWithinTheBudget) {
  options_.config.max_retry_times = 5;
  const auto call = Send();
  client_.AnswerLast(429, "Retry-After", "7");
  executor_.RunFor(6'999ms);
  EXPECT_EQ(client_.sent.size(), 1U);
  executor_.RunFor(1ms);
  ASSERT_EQ(client_.sent.size(), 2U);
  client_.AnswerLast(429, "Retry-After", "24");  // 7 + 24 > 30
  EXPECT_EQ(Answer(call), "429");
}

TEST_F(RemoteCallerTest, SignsEachAttemptAnew) {
  options_.config.max_retry_times = 1;
  auto request = Request("https://bedrock-runtime.us-east-1.amazonaws.com/model/x/invoke");
  request.signing = std::make_shared<const SigningKey>(SigningKey{"AKID", "secret", "", "us-east-1", "bedrock"});
  options_.config.retry_backoff = 1s;
  Send(request);
  client_.AnswerLast(500);
  executor_.RunFor(1s);
  ASSERT_EQ(client_.sent.size(), 2U);
  for (const auto& sent : client_.sent) {
    EXPECT_EQ(sent.headers.Count("Authorization"), 1U);
    EXPECT_THAT(std::string(*sent.headers.Find("Authorization")), HasSubstr("Credential=AKID/"));
  }
  EXPECT_NE(client_.sent[0].headers.Find("X-Amz-Date"), client_.sent[1].headers.Find("X-Amz-Date"));
}

TEST_F(RemoteCallerTest, AFailedConnectionIsNotRetried) {
  options_.config.max_retry_times = 5;
  const auto call = Send();
  client_.Answer(1, MakeError(Code::kUnavailable, "the remote server cannot be reached"));
  EXPECT_EQ(Answer(call), "internal");
  EXPECT_EQ(ErrorOf(call).message, "Error communicating with remote model: the remote server cannot be reached");
}

TEST_F(RemoteCallerTest, PutsTheClientsFailuresIntoThePeersWords) {
  const auto fail = [this](Code code) {
    const auto call = Send();
    client_.Answer(client_.sent.size(), MakeError(code, "what"));
    return Answer(call) + ": " + ErrorOf(call).message;
  };
  EXPECT_EQ(fail(Code::kDeadlineExceeded), "internal: Error communicating with remote model: what");
  EXPECT_EQ(fail(Code::kUpstream), "internal: Error communicating with remote model: what");
  EXPECT_EQ(fail(Code::kInvalidArgument), "invalid_argument: what");
  EXPECT_EQ(fail(Code::kPermissionDenied), "invalid_argument: what");
  EXPECT_EQ(fail(Code::kResourceExhausted), "resource_exhausted: what");
  EXPECT_EQ(fail(Code::kCancelled), "cancelled: what");
  EXPECT_EQ(fail(Code::kTooLarge), "invalid_argument: JSON string size exceeds maximum allowed size (100000000 bytes)");
}

TEST_F(RemoteCallerTest, TheDeadlineEndsACallWhereverItIs) {
  options_.deadline = Deadline::After(clock_, 1s);
  options_.config.max_connection = 1;
  options_.config.max_retry_times = -1;
  options_.config.retry_backoff = 600ms;
  const auto running = Send();
  const auto waiting = Send();
  executor_.RunFor(1s);
  EXPECT_EQ(Answer(running), "deadline_exceeded");
  EXPECT_EQ(Answer(waiting), "deadline_exceeded");
  EXPECT_EQ(Answer(Send()), "deadline_exceeded");
  EXPECT_EQ(client_.sent.size(), 1U);
  options_.deadline = Deadline::After(clock_, 1s);
  const auto resting = Send();
  client_.AnswerLast(500);
  executor_.RunFor(600ms);
  client_.AnswerLast(500);  // another backoff would end after the deadline
  EXPECT_EQ(Answer(resting), "500");
}

TEST_F(RemoteCallerTest, CancellingEndsACallWhereverItIs) {
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  options_.cancelled = cancelled;
  options_.config.max_connection = 1;
  options_.config.max_retry_times = 1;
  options_.config.retry_backoff = 10s;
  const auto resting = Send();
  client_.AnswerLast(500);
  const auto running = Send();
  const auto waiting = Send();
  cancelled->store(true);
  executor_.RunFor(net::HttpClient::kAskEvery);
  EXPECT_EQ(Answer(resting), "cancelled");
  EXPECT_EQ(Answer(running), "cancelled");
  EXPECT_EQ(Answer(waiting), "cancelled");
  EXPECT_EQ(Answer(Send()), "cancelled");
  EXPECT_EQ(client_.sent.size(), 2U);
  EXPECT_TRUE(client_.open.empty());
  executor_.RunFor(1h);
  EXPECT_EQ(Answer(resting), "cancelled");
}

TEST_F(RemoteCallerTest, AStreamIsNotRetriedAndItsReaderMayEndIt) {
  options_.config.max_retry_times = 5;
  std::string text;
  options_.body_sink = [&](std::string_view piece) -> Status {
    text += piece;
    return text.size() < 3 ? Status() : Status(MakeError(Code::kUpstream, "an error event"));
  };
  const auto failed = Send();
  client_.AnswerLast(500);
  EXPECT_EQ(Answer(failed), "500");
  const auto call = Send();
  EXPECT_TRUE(client_.sent[1].body_sink("ab").has_value());
  const auto stopped = client_.sent[1].body_sink("cd");
  ASSERT_FALSE(stopped.has_value());
  client_.Answer(2, stopped.error());
  EXPECT_EQ(text, "abcd");
  EXPECT_EQ(Answer(call), "upstream");
  EXPECT_EQ(ErrorOf(call).message, "an error event");
  EXPECT_EQ(caller_->Endpoints()[0].failures, 0U);
}

TEST_F(RemoteCallerTest, FailsWhatIsLeftWhenItGoes) {
  options_.config.max_connection = 1;
  const auto running = Send();
  const auto waiting = Send();
  caller_.reset();
  EXPECT_EQ(Answer(running), "cancelled");
  EXPECT_EQ(Answer(waiting), "cancelled");
  executor_.RunFor(1h);
}

TEST_F(RemoteCallerTest, StoppedItCallsNobody) {
  options_.config.max_connection = 1;
  options_.config.max_retry_times = 5;
  const auto resting = Send();
  client_.AnswerLast(500);
  const auto running = Send();
  const auto waiting = Send();
  caller_->Stop();
  EXPECT_EQ(Answer(resting), "cancelled");
  EXPECT_EQ(Answer(running), "cancelled");
  EXPECT_EQ(Answer(waiting), "cancelled");
  EXPECT_EQ(Answer(Send()), "cancelled");
  executor_.RunFor(1h);
  EXPECT_EQ(client_.sent.size(), 2U);
}

TEST_F(RemoteCallerTest, CountsInMetrics) {
  Send();
  client_.AnswerLast(200);
  FailConnections(1);
  const std::string text = metrics_.ToText();
  EXPECT_THAT(text, HasSubstr("mlnode_remote_requests_total{endpoint=\"https://api.example.com:443\"} 2"));
  EXPECT_THAT(text, HasSubstr("mlnode_remote_failures_total{endpoint=\"https://api.example.com:443\"} 1"));
  EXPECT_THAT(text, HasSubstr("mlnode_remote_request_seconds_count{endpoint=\"https://api.example.com:443\"} 2"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("api.example.com/v1")));
}

}  // namespace
}  // namespace mlnode::connectors
