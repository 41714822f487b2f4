// Answers that are sent as they come.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "net/http_server.h"
#include "net/testing/raw_client.h"
#include "net/testing/scripted_handler.h"

namespace mlnode::net {
namespace {

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
  test_.Start();
  RawClient client(test_.port());
  client.Send("GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto stream = Begin();
  ASSERT_NE(stream, nullptr);
  stream->Write("all of it");
  stream->End();
  const RawReply head = client.Read();
  EXPECT_EQ(head.headers.Count("Transfer-Encoding"), 0U);
  EXPECT_EQ(head.Header("Connection"), "close");
  EXPECT_EQ(client.Take(9), "all of it");
  EXPECT_TRUE(client.ReadsEnd());
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
