// What the server refuses about heads and connections: malformed and ambiguous requests, sizes, times, counts.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>

#include "net/testing/raw_client.h"
#include "net/testing/scripted_handler.h"

namespace mlnode::net {
namespace {

using std::chrono::milliseconds;

class HttpServerLimitsTest : public testing::Test {
 protected:
  TestServer test_;
};

struct BadRequest {
  const char* name;
  const char* bytes;
};

class BadRequestTest : public testing::TestWithParam<BadRequest> {};

// Each is refused and ends the connection, so that nothing behind it is taken for a request.
TEST_P(BadRequestTest, IsRefusedAndEndsTheConnection) {
  TestServer test;
  test.Start();
  RawClient client(test.port());
  client.Send(GetParam().bytes);
  client.Send(Get("/smuggled"));
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 400);
  EXPECT_TRUE(reply.body.starts_with("refused 400: ")) << reply.body;
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_EQ(test.Refused("malformed"), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Heads, BadRequestTest,
    testing::Values(
        BadRequest{"NoHttp", "hello\r\n\r\n"}, BadRequest{"NoVersion", "GET /\r\n\r\n"},
        BadRequest{"OtherVersion", "GET / HTTP/2.0\r\nHost: t\r\n\r\n"}, BadRequest{"NoHost", "GET / HTTP/1.1\r\n\r\n"},
        BadRequest{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        BadRequest{"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : t\r\n\r\n"},
        BadRequest{"BareLineFeed", "GET / HTTP/1.1\nHost: t\n\r\n\r\n"},
        BadRequest{"ControlInValue", "GET / HTTP/1.1\r\nHost: t\r\nX: a\x01z\r\n\r\n"},
        BadRequest{"LengthAndChunked",
                   "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        BadRequest{"ChunkedAndLength",
                   "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"},
        BadRequest{"TwoEqualLengths", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"},
        BadRequest{"LengthList", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1, 1\r\n\r\nx"},
        BadRequest{"SignedLength", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +1\r\n\r\nx"},
        BadRequest{"NegativeLength", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\nx"},
        BadRequest{"HugeLength", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551617\r\n\r\nx"},
        BadRequest{"FoldedLength", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n 1\r\n\r\nx"},
        BadRequest{"OtherTransferCoding", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n"},
        BadRequest{"ListedTransferCoding", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        BadRequest{"DisguisedTransferCoding", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        BadRequest{"OldVersionChunked", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}),
    [](const auto& info) { return std::string(info.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Chunks, BadRequestTest,
    testing::Values(
        BadRequest{"NoHex", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        BadRequest{"Prefixed", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n"},
        BadRequest{"Overflow",
                   "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n"},
        BadRequest{"LongerThanSaid", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"},
        BadRequest{"BareLineFeedInSize", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n"},
        BadRequest{"LengthInTrailer",
                   "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(HttpServerLimitsTest, RefusesALongHeader) {
  test_.options.max_header_bytes = 2000;
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/", "X: " + std::string(3000, 'x') + "\r\n"));
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 431);
  EXPECT_NE(reply.body.find("2000 bytes"), std::string::npos) << reply.body;
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_EQ(test_.Refused("header_too_large"), 1);
}

TEST_F(HttpServerLimitsTest, RefusesALongHeaderThatNeverEnds) {
  test_.Start();
  RawClient client(test_.port());
  client.Send("GET / HTTP/1.1\r\nHost: t\r\n");
  while (client.Send("X-Many: " + std::string(500, 'x') + "\r\n")) {
    if (test_.Refused("header_too_large") == 1) break;
  }
  EXPECT_EQ(client.Read().status, 431);
}

TEST_F(HttpServerLimitsTest, TakesAHeaderJustBelowTheLimit) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/", "X: " + std::string(16 * 1024 - 100, 'x') + "\r\n"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerLimitsTest, RefusesAHeaderThatIsNotCompleteInTime) {
  test_.options.header_timeout = milliseconds(50);
  test_.Start();
  RawClient client(test_.port());
  client.Send("GET / HTTP/1.1\r\nHo");
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 408);
  EXPECT_NE(reply.body.find("50 ms"), std::string::npos) << reply.body;
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_EQ(test_.Refused("slow"), 1);
}

TEST_F(HttpServerLimitsTest, RefusesABodyThatStops) {
  test_.options.read_timeout = milliseconds(50);
  test_.Start();
  RawClient client(test_.port());
  client.Send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_TRUE(client.ReadsEnd());
}

// Each byte comes in time; all of them together do not.
TEST_F(HttpServerLimitsTest, RefusesAHeaderThatDrips) {
  test_.options.header_timeout = milliseconds(50);
  test_.options.max_header_bytes = 16UL * 1024 * 1024;
  test_.Start();
  RawClient client(test_.port());
  client.Send("GET / HTTP/1.1\r\nHost: t\r\nX: ");
  EXPECT_TRUE(Eventually([&] { return !client.Send("x") || test_.Refused("slow") == 1; }));
  EXPECT_EQ(client.Read().status, 408);
}

TEST_F(HttpServerLimitsTest, RefusesABodyThatDrips) {
  test_.options.read_timeout = milliseconds(50);
  test_.options.min_progress_bytes = 16UL * 1024 * 1024;
  test_.Start();
  for (const char* framing : {"Content-Length: 99000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5000000\r\n",
                              "Content-Encoding: identity\r\nContent-Length: 99000000\r\n\r\n"}) {
    const double before = test_.Refused("slow");
    RawClient client(test_.port());
    client.Send(std::string("POST / HTTP/1.1\r\nHost: t\r\n") + framing);
    EXPECT_TRUE(Eventually([&] { return !client.Send("x") || test_.Refused("slow") > before; }));
    const auto reply = client.Read();
    EXPECT_EQ(reply.status, 408);
    EXPECT_NE(reply.body.find("less than 16777216 bytes in 50 ms"), std::string::npos) << reply.body;
  }
}

TEST_F(HttpServerLimitsTest, ClosesAnIdleConnectionWithoutAWord) {
  test_.options.idle_timeout = milliseconds(50);
  test_.Start();
  RawClient fresh(test_.port());
  RawClient used(test_.port());
  used.Send(Get("/"));
  EXPECT_EQ(used.Read().status, 200);
  EXPECT_TRUE(used.ReadsEnd());
  EXPECT_TRUE(fresh.ReadsEnd());
}

TEST_F(HttpServerLimitsTest, DoesNotCallAConnectionIdleWhoseAnswerIsAwaited) {
  test_.options.idle_timeout = milliseconds(50);
  test_.Start();
  RawClient waiting(test_.port());
  waiting.Send(Get("/hold"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  RawClient idle(test_.port());
  EXPECT_TRUE(idle.ReadsEnd());  // more than the idle time has passed
  EXPECT_FALSE(exchange->ClientGone());
  exchange->Reply(TextReply(200, "patient"));
  EXPECT_EQ(waiting.Read().body, "patient");
}

TEST_F(HttpServerLimitsTest, ClosesWhenTheAnswerIsNotTaken) {
  test_.options.write_timeout = milliseconds(50);
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  exchange->Reply(TextReply(200, std::string(50'000'000, 'x')));
  EXPECT_TRUE(Eventually([&] { return exchange->ClientGone(); }));
}

TEST_F(HttpServerLimitsTest, ClosesWhenTheAnswerIsTakenByteByByte) {
  test_.options.write_timeout = milliseconds(50);
  test_.options.min_progress_bytes = 50'000'000;
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  exchange->Reply(TextReply(200, std::string(50'000'000, 'x')));
  EXPECT_TRUE(Eventually([&] { return client.Skip(1) == 0 || exchange->ClientGone(); }));
  EXPECT_TRUE(Eventually([&] { return exchange->ClientGone(); }));
  EXPECT_TRUE(Eventually([&] { return test_.UnsentBytes() == 0; }));  // the connection's thread counts after it closed
}

// The second request is there all the while; it is begun when the first one's answer has gone out.
TEST_F(HttpServerLimitsTest, BeginsNoRequestOfAClientThatTakesNoAnswers) {
  constexpr double kLimit = 1'000'000;
  test_.options.max_unsent_bytes = static_cast<std::size_t>(kLimit);
  std::atomic<double> unsent_at_second = -1;
  test_.handler.handle = [&](const std::shared_ptr<HttpExchange>& exchange) {
    if (exchange->request().target == "/second") unsent_at_second = test_.UnsentBytes();
    exchange->Reply(TextReply(200, std::string(50'000'000, 'x')));
  };
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/first"));
  ASSERT_TRUE(Eventually([&] { return test_.UnsentBytes() > kLimit; }));
  client.Send(Get("/second"));
  EXPECT_EQ(client.Read().body.size(), 50'000'000U);
  EXPECT_EQ(client.Read().body.size(), 50'000'000U);
  EXPECT_EQ(unsent_at_second, 0);
  EXPECT_TRUE(Eventually([&] { return test_.UnsentBytes() == 0; }));
}

TEST_F(HttpServerLimitsTest, TurnsConnectionsAwayBeyondTheLimit) {
  test_.options.max_connections = 2;
  test_.Start();
  {
    RawClient first(test_.port());
    RawClient second(test_.port());
    first.Send(Get("/"));
    second.Send(Get("/"));
    EXPECT_EQ(first.Read().status, 200);
    EXPECT_EQ(second.Read().status, 200);
    RawClient third(test_.port());
    const auto reply = third.Read();
    EXPECT_EQ(reply.status, 503);
    EXPECT_NE(reply.body.find("all 2 connections"), std::string::npos) << reply.body;
    EXPECT_TRUE(third.ReadsEnd());
    EXPECT_EQ(test_.Refused("connections"), 1);
    EXPECT_EQ(test_.Connections(), 2);
  }
  EXPECT_TRUE(Eventually([&] { return test_.Connections() == 0; }));
  RawClient later(test_.port());
  later.Send(Get("/"));
  EXPECT_EQ(later.Read().status, 200);
}

}  // namespace
}  // namespace mlnode::net
