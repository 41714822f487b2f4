// Connections and the order of answers: keep-alive, pipelining, HTTP/1.0, HEAD, who answers when.
#include "net/http_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/testing/raw_client.h"
#include "net/testing/scripted_handler.h"

namespace mlnode::net {
namespace {

class HttpServerTest : public testing::Test {
 protected:
  TestServer test_;
};

TEST_F(HttpServerTest, AnswersSeveralRequestsOnOneConnection) {
  test_.Start();
  RawClient client(test_.port());
  for (int i = 0; i < 3; ++i) {
    client.Send(Get("/one"));
    const auto reply = client.Read();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "GET /one ");
    EXPECT_EQ(reply.Header("Content-Type"), "text/plain");
    EXPECT_EQ(reply.headers.Count("Connection"), 0U);
  }
  EXPECT_EQ(test_.Connections(), 1);
}

TEST_F(HttpServerTest, GivesTheHandlerTheWholeRequest) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Post("/hold/x?y=%20z", "body", "X-One: 1\r\nX-Two:  2 \r\n"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  const auto& request = exchange->request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/hold/x?y=%20z");
  EXPECT_EQ(request.body, "body");
  EXPECT_EQ(request.headers.Find("x-one"), "1");
  EXPECT_EQ(request.headers.Find("X-TWO"), "2");
  EXPECT_TRUE(request.peer.starts_with("127.0.0.1:"));
  EXPECT_LE(request.received, request.body_received);
  exchange->Reply(TextReply(200, ""));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, KeepsTheOrderOfPipelinedRequestsAlthoughTheFirstIsLast) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold/1") + Get("/echo/2") + Post("/hold/3", "three") + Get("/echo/4"));
  const auto first = test_.handler.Next();
  const auto third = test_.handler.Next();
  ASSERT_NE(third, nullptr);
  third->Reply(TextReply(200, "third"));
  first->Reply(TextReply(200, "first"));
  EXPECT_EQ(client.Read().body, "first");
  EXPECT_EQ(client.Read().body, "GET /echo/2 ");
  EXPECT_EQ(client.Read().body, "third");
  EXPECT_EQ(client.Read().body, "GET /echo/4 ");
}

TEST_F(HttpServerTest, ReadsNoMoreRequestsAheadThanAllowed) {
  test_.options.max_pipelined = 4;
  test_.Start();
  RawClient client(test_.port());
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += Get("/hold/" + std::to_string(i));
  client.Send(requests);
  ASSERT_TRUE(Eventually([&] { return test_.handler.Waiting() == 4; }));
  for (int i = 0; i < 50; ++i) {
    EXPECT_LE(test_.handler.Waiting(), 4U);
    const auto exchange = test_.handler.Next();
    ASSERT_NE(exchange, nullptr);
    exchange->Reply(TextReply(200, exchange->request().target));
    EXPECT_EQ(client.Read().body, "/hold/" + std::to_string(i));
  }
}

TEST_F(HttpServerTest, TakesAnswersFromAnotherThread) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  std::thread([exchange = std::move(exchange)] { exchange->Reply(TextReply(201, "made")); }).join();
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.body, "made");
}

TEST_F(HttpServerTest, IgnoresASecondAnswer) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  exchange->Reply(TextReply(200, "first"));
  exchange->Reply(TextReply(200, "second"));
  EXPECT_EQ(client.Read().body, "first");
  client.Send(Get("/next"));
  EXPECT_EQ(client.Read().body, "GET /next ");
}

TEST_F(HttpServerTest, Answers500WhenAnExchangeIsDropped) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/drop"));
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 500);
  EXPECT_TRUE(reply.body.starts_with("refused 500"));
  client.Send(Get("/next"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, Answers500WhenTheHandlerThrows) {
  test_.handler.handle = [](const std::shared_ptr<HttpExchange>&) { throw std::runtime_error("bug"); };
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/"));
  EXPECT_EQ(client.Read().status, 500);
}

TEST_F(HttpServerTest, ClosesAfterTheAnswerWhenAsked) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/", "Connection: close\r\n"));
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, AnswersWhatCameBeforeAClosingRequest) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold") + Get("/last", "Connection: close\r\n") + Get("/never"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  exchange->Reply(TextReply(200, "first"));
  EXPECT_EQ(client.Read().body, "first");
  EXPECT_EQ(client.Read().body, "GET /last ");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, SpeaksHttp10) {
  test_.Start();
  RawClient closing(test_.port());
  closing.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(closing.Read().Header("Connection"), "close");
  EXPECT_TRUE(closing.ReadsEnd());
  RawClient keeping(test_.port());
  for (int i = 0; i < 2; ++i) {
    keeping.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(keeping.Read().Header("Connection"), "keep-alive");
  }
}

TEST_F(HttpServerTest, AnswersHeadWithTheLengthOnly) {
  test_.Start();
  RawClient client(test_.port());
  client.Send("HEAD /x HTTP/1.1\r\nHost: test\r\n\r\n" + Get("/next"));
  const auto reply = client.Read(true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("Content-Length"), "8");  // "HEAD /x "
  EXPECT_EQ(client.Read().body, "GET /next ");
}

TEST_F(HttpServerTest, SendsNoBodyWith204) {
  test_.handler.handle = [](const std::shared_ptr<HttpExchange>& exchange) { exchange->Reply(TextReply(204, "x")); };
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/") + Get("/"));
  EXPECT_EQ(client.Read().headers.Count("Content-Length"), 0U);
  EXPECT_EQ(client.Read().status, 204);
}

TEST_F(HttpServerTest, LeavesOutAReplyHeaderThatWouldBreakTheFraming) {
  test_.handler.handle = [](const std::shared_ptr<HttpExchange>& exchange) {
    auto reply = TextReply(200, "ok");
    reply.headers.Add("X-Bad", "a\r\nX-Injected: 1");
    reply.headers.Add("X-Good", "1");
    exchange->Reply(std::move(reply));
  };
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/"));
  const auto reply = client.Read();
  EXPECT_EQ(reply.headers.Count("X-Bad") + reply.headers.Count("X-Injected"), 0U);
  EXPECT_EQ(reply.Header("X-Good"), "1");
}

TEST_F(HttpServerTest, SkipsAnEmptyLineBeforeARequest) {
  test_.Start();
  RawClient client(test_.port());
  client.Send("\r\n" + Get("/1") + "\r\n" + Get("/2"));
  EXPECT_EQ(client.Read().body, "GET /1 ");
  EXPECT_EQ(client.Read().body, "GET /2 ");
}

TEST_F(HttpServerTest, ReadsARequestThatComesByteByByte) {
  test_.Start();
  RawClient client(test_.port());
  for (const char byte : Post("/slow", "abc")) client.Send(std::string(1, byte));
  EXPECT_EQ(client.Read().body, "POST /slow abc");
}

TEST_F(HttpServerTest, NoticesThatTheClientIsGone) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  EXPECT_FALSE(exchange->ClientGone());
  client.Reset();
  EXPECT_TRUE(Eventually([&] { return exchange->ClientGone(); }));
  exchange->Reply(TextReply(200, "nobody reads this"));
  EXPECT_TRUE(Eventually([&] { return test_.Connections() == 0; }));
}

TEST_F(HttpServerTest, NoticesThatTheClientOfAClosingRequestIsGone) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold", "Connection: close\r\n"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  client.Reset();
  EXPECT_TRUE(Eventually([&] { return exchange->ClientGone(); }));
}

TEST_F(HttpServerTest, StillAnswersAClientThatEndedItsOwnDirection) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  client.EndSending();
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  EXPECT_TRUE(Eventually([&] { return exchange->ClientGone(); }));
  exchange->Reply(TextReply(200, "late"));
  EXPECT_EQ(client.Read().body, "late");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, ServesManyConnectionsOnSeveralThreads) {
  test_.options.threads = 3;
  test_.Start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<RawClient>(test_.port()));
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i]->Send(Post("/" + std::to_string(i), std::string(i, 'x')));
    for (std::size_t i = 0; i < clients.size(); ++i) {
      EXPECT_EQ(clients[i]->Read().body, "POST /" + std::to_string(i) + " " + std::string(i, 'x'));
    }
  }
  EXPECT_EQ(test_.Connections(), 200);
  clients.clear();
  EXPECT_TRUE(Eventually([&] { return test_.Connections() == 0; }));
}

TEST_F(HttpServerTest, SaysThatAPortIsTaken) {
  test_.Start();
  HttpServerOptions same = test_.options;
  same.port = test_.port();
  const auto second = HttpServer::Start(same, test_.handler, test_.metrics);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kFailedPrecondition);
  EXPECT_NE(second.error().message.find(std::to_string(same.port)), std::string::npos);
}

TEST_F(HttpServerTest, RefusesAnAddressThatDoesNotParse) {
  test_.options.address = "everywhere";
  const auto server = HttpServer::Start(test_.options, test_.handler, test_.metrics);
  ASSERT_FALSE(server.has_value());
  EXPECT_EQ(server.error().code, Code::kInvalidArgument);
}

// Answers that are sent as they come.
class HttpServerStreamTest : public testing::Test {
 protected:
  // The next held request's answer, begun.
  std::unique_ptr<ReplyStream> Begin(std::shared_ptr<HttpExchange>* kept = nullptr) {
    auto exchange = test_.handler.Next();
    if (exchange == nullptr) return nullptr;
    std::unique_ptr<ReplyStream> begun;
    HttpReply reply;
    reply.content_type = "text/event-stream";
    reply.stream = [&begun](std::unique_ptr<ReplyStream> stream) { begun = std::move(stream); };
    exchange->Reply(std::move(reply));
    if (kept != nullptr) *kept = std::move(exchange);
    return begun;
  }
  TestServer test_;
};

TEST_F(HttpServerStreamTest, PiecesArriveAsTheyAreWritten) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto stream = Begin();
  ASSERT_NE(stream, nullptr);
  const RawReply head = client.Read();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.Header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(head.headers.Count("Content-Length"), 0U);
  EXPECT_TRUE(stream->Write("one"));
  EXPECT_EQ(client.Take(8), "3\r\none\r\n");
  EXPECT_TRUE(stream->Write(""));
  EXPECT_TRUE(stream->Write("a longer piece of it"));
  EXPECT_EQ(client.Take(26), "14\r\na longer piece of it\r\n");
  stream->End();
  EXPECT_EQ(client.Take(5), "0\r\n\r\n");
  EXPECT_FALSE(stream->Write("late"));
  client.Send(Get("/next"));
  EXPECT_EQ(client.Read().body, "GET /next ") << "the connection goes on";
  EXPECT_TRUE(Eventually([&] { return test_.UnsentBytes() == 0; }));
}

TEST_F(HttpServerStreamTest, NothingOvertakesAnAnswerThatIsNotWhole) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold") + Get("/behind"));
  const auto stream = Begin();
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  stream->Write("x");
  EXPECT_EQ(client.Take(6), "1\r\nx\r\n");
  stream->Write("y");
  stream->End();
  EXPECT_EQ(client.Take(11), "1\r\ny\r\n0\r\n\r\n");
  EXPECT_EQ(client.Read().body, "GET /behind ");
}

TEST_F(HttpServerStreamTest, AStreamMayBePipelinedBehindAnother) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold/1") + Get("/hold/2"));
  const auto first = Begin();
  const auto second = Begin();
  ASSERT_NE(second, nullptr);
  second->Write("2");
  second->End();
  first->Write("1");
  first->End();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.Take(11), "1\r\n1\r\n0\r\n\r\n");
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.Take(11), "1\r\n2\r\n0\r\n\r\n");
}

TEST_F(HttpServerStreamTest, WithHttp10TheBodyEndsWithTheConnection) {
  test_.options.max_unsent_bytes = 64UL * 1024 * 1024;
  test_.Start();
  // The second is more than any socket takes: its end comes while it is being written.
  for (const std::string& piece : {std::string("all of it"), std::string(32UL * 1024 * 1024, 'x')}) {
    RawClient client(test_.port());
    client.Send("GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto stream = Begin();
    ASSERT_NE(stream, nullptr);
    ASSERT_TRUE(stream->Write(piece));
    stream->End();
    const RawReply head = client.Read();
    EXPECT_EQ(head.headers.Count("Transfer-Encoding"), 0U);
    EXPECT_EQ(head.Header("Connection"), "close");
    EXPECT_EQ(client.Take(piece.size()), piece);
    EXPECT_TRUE(client.ReadsEnd());
  }
}

TEST_F(HttpServerStreamTest, WhatIsLetGoIsCut) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  auto stream = Begin();
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  stream->Write("half");
  EXPECT_EQ(client.Take(9), "4\r\nhalf\r\n");
  stream.reset();
  EXPECT_TRUE(client.ReadsEnd()) << "no last chunk: the client sees that it is not whole";
}

TEST_F(HttpServerStreamTest, AClientThatHasGoneIsSeen) {
  test_.Start();
  auto client = std::make_unique<RawClient>(test_.port());
  client->Send(Get("/hold"));
  std::shared_ptr<HttpExchange> exchange;
  const auto stream = Begin(&exchange);
  ASSERT_NE(stream, nullptr);
  client.reset();
  EXPECT_TRUE(Eventually([&] { return exchange->ClientGone(); }));
  EXPECT_FALSE(stream->Write("x"));
}

TEST_F(HttpServerStreamTest, AClientThatDoesNotReadIsBounded) {
  test_.options.max_unsent_bytes = 64UL * 1024;
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto stream = Begin();
  ASSERT_NE(stream, nullptr);
  const std::string piece(16 * 1024, 'x');
  bool refused = false;
  for (int i = 0; i < 10'000 && !refused; ++i) refused = !stream->Write(piece);  // 160 MB: more than any socket takes
  EXPECT_TRUE(refused);
  EXPECT_LE(test_.UnsentBytes(), 2 * 64.0 * 1024);
}

TEST_F(HttpServerStreamTest, StoppingTheServerEndsAStream) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto stream = Begin();
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  test_.server->Stop(std::chrono::milliseconds(10));
  EXPECT_FALSE(stream->Write("x"));
  EXPECT_TRUE(client.ReadsEnd());
}

}  // namespace
}  // namespace mlnode::net
