#include "connectors/testing/remote_caller_fixture.h"

namespace mlnode::connectors {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;

class RemoteCallerCircuitTest : public RemoteCallerFixture {};

TEST_F(RemoteCallerCircuitTest, OnesOwnSettingsOpenNoCircuit) {
  const auto fail = [this](const OutgoingRequest& request, const Error& error, Duration took) {
    for (int i = 0; i < 20; ++i) {
      Send(request);
      if (client_.open.empty()) break;  // refused
      clock_.Advance(took);
      client_.Answer(client_.sent.size(), error);
    }
    return caller_->Endpoints()[0].circuit_open;
  };
  EXPECT_FALSE(fail(Request(), MakeError(Code::kUnavailable, std::string(net::kTlsRefused)), 0s));
  EXPECT_FALSE(fail(Request(), MakeError(Code::kDeadlineExceeded, "silent"), 1s)) << "too soon to tell";
  options_.config.read_timeout = 1s;
  EXPECT_FALSE(fail(Request(), MakeError(Code::kDeadlineExceeded, "silent"), 20s)) << "1 s, after 19 s of answers";
  auto own = Request();
  own.identity = std::make_shared<ClientCertificate>();
  EXPECT_FALSE(fail(own, MakeError(Code::kUpstream, "broke"), 0s)) << "the server refuses the certificate";
  options_.config.read_timeout = 5s;
  Send();
  client_.AnswerLast(200);
  EXPECT_TRUE(fail(Request(), MakeError(Code::kDeadlineExceeded, "silent"), 5s));
}

TEST_F(RemoteCallerCircuitTest, OpensTheCircuitOfADeadEndpoint) {
  FailConnections(10);
  const auto refused = Send();
  EXPECT_EQ(client_.sent.size(), 10U);
  EXPECT_EQ(Answer(refused), "unavailable");
  EXPECT_EQ(ErrorOf(refused).retry_after, 5s);
  EXPECT_TRUE(caller_->Endpoints()[0].circuit_open);
  const auto other = Send(Request("https://other.example.com/"));
  client_.AnswerLast(200);
  EXPECT_EQ(Answer(other), "200");
}

TEST_F(RemoteCallerCircuitTest, RecoversByItself) {
  FailConnections(10);
  executor_.RunFor(5s);
  const auto probe = Send();
  EXPECT_EQ(Answer(Send()), "unavailable");
  client_.AnswerLast(200);
  EXPECT_EQ(Answer(probe), "200");
  Send();
  EXPECT_EQ(client_.sent.size(), 12U);
  EXPECT_FALSE(caller_->Endpoints()[0].circuit_open);
}

TEST_F(RemoteCallerCircuitTest, TheFirstLineOfAProbesAnswerClosesTheCircuit) {
  FailConnections(10);
  executor_.RunFor(5s);
  options_.body_sink = [](std::string_view) -> Status { return {}; };
  const auto probe = Send();
  ASSERT_EQ(client_.sent.size(), 11U);
  ASSERT_TRUE(client_.sent[10].on_answer);
  EXPECT_EQ(Answer(Send()), "unavailable");
  client_.sent[10].on_answer();
  EXPECT_FALSE(caller_->Endpoints()[0].circuit_open);
  EXPECT_THAT(metrics_.ToText(), HasSubstr("mlnode_remote_open_circuits{endpoint=\"https://api.example.com:443\"} 0"));
  options_.body_sink = {};
  const auto other = Send();  // while the stream goes on
  ASSERT_EQ(client_.sent.size(), 12U);
  EXPECT_FALSE(client_.sent[11].on_answer) << "no probe, nothing to say early";
  client_.AnswerLast(200);
  EXPECT_EQ(Answer(other), "200");
  FailConnections(9);
  client_.Answer(11, net::ClientReply{.status = 200});
  EXPECT_EQ(Answer(probe), "200");
  FailConnections(1);
  EXPECT_TRUE(caller_->Endpoints()[0].circuit_open) << "the probe's success was counted when it began, once";
}

TEST_F(RemoteCallerCircuitTest, AnAnswerThatBreaksOffCountsAsFailure) {
  FailConnections(10);
  executor_.RunFor(5s);
  Send();
  client_.sent.back().on_answer();
  client_.Answer(11, MakeError(Code::kUpstream, "broken off"));
  FailConnections(9);
  EXPECT_TRUE(caller_->Endpoints()[0].circuit_open);
  EXPECT_EQ(caller_->Endpoints()[0].failures, 20U);
}

TEST_F(RemoteCallerCircuitTest, ThousandsThatWaitForADeadEndpointEndAtOnce) {
  options_.config.max_connection = 10;
  for (int i = 0; i < 9'000; ++i) Send();
  // Each failure lets one that waited go out, until the circuit opens.
  while (!client_.open.empty()) {
    client_.Answer(client_.open.begin()->first, MakeError(Code::kUnavailable, "the remote server cannot be reached"));
  }
  EXPECT_LT(client_.sent.size(), 30U);
  EXPECT_EQ(Answer(8'999), "unavailable");
  EXPECT_EQ(caller_->Endpoints()[0].waiting, 0U);
  EXPECT_EQ(caller_->Endpoints()[0].in_flight, 0U);
}

TEST_F(RemoteCallerCircuitTest, ACallersOwnDeadlineDoesNotCountAgainstTheEndpoint) {
  for (int i = 0; i < 30; ++i) {
    options_.deadline = Deadline::After(clock_, 10ms);
    EXPECT_EQ(Answer(Send()), "");
    executor_.RunFor(10ms);
  }
  EXPECT_FALSE(caller_->Endpoints()[0].circuit_open);
}

}  // namespace
}  // namespace mlnode::connectors
