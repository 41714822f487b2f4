// Request bodies and codings: chunked, Expect: 100-continue, gzip both ways, and what is refused about them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "net/body/gzip.h"
#include "net/testing/raw_client.h"
#include "net/testing/scripted_handler.h"

namespace mlnode::net {
namespace {

constexpr const char* kGzip = "Content-Encoding: gzip\r\n";

std::string Chunked(std::string_view fields, std::string_view chunks) {
  return fmt::format("POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n{}\r\n{}", fields, chunks);
}

std::string Unzip(std::string_view packed) {
  std::string plain;
  Gunzip gunzip(1'000'000);
  const auto status = gunzip.Write(packed, [&](std::string_view piece) {
    plain += piece;
    return Status();
  });
  return status && gunzip.Finish() ? plain : "damaged";
}

class HttpServerBodyTest : public testing::Test {
 protected:
  RawReply Ask(const std::string& request) {
    test_.Start();
    RawClient client(test_.port());
    client.Send(request);
    return client.Read();
  }
  TestServer test_;
};

TEST_F(HttpServerBodyTest, ReadsChunks) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Chunked("", "3\r\nabc\r\n1a;ext=1\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX-Trailer: 1\r\n\r\n") +
              Get("/n"));
  EXPECT_EQ(client.Read().body, "POST /c abcabcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(client.Read().body, "GET /n ");
}

TEST_F(HttpServerBodyTest, ReadsChunksThatComeByteByByte) {
  test_.Start();
  RawClient client(test_.port());
  for (const char byte : Chunked("", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) client.Send(std::string(1, byte));
  EXPECT_EQ(client.Read().body, "POST /c abcde");
}

TEST_F(HttpServerBodyTest, ReadsALargeBodyWithALength) {
  std::string body(3'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  const auto reply = Ask(Post("/big", body));
  EXPECT_TRUE(reply.body == "POST /big " + body);
}

TEST_F(HttpServerBodyTest, ReadsALargeChunkedBody) {
  const std::string body(3'000'000, 'b');
  EXPECT_TRUE(Ask(Chunked("", fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body))).body == "POST /c " + body);
}

TEST_F(HttpServerBodyTest, InvitesABodyThatExpectsIt) {
  test_.Start();
  RawClient client(test_.port());
  client.Send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  client.Send("ok");
  EXPECT_EQ(client.Read().body, "POST /x ok");
}

TEST_F(HttpServerBodyTest, InvitesABodyOnlyAfterTheAnswersBefore) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold") + "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  exchange->Reply(TextReply(200, "first"));
  EXPECT_EQ(client.Read().body, "first");
  EXPECT_EQ(client.Read().status, 100);
  client.Send("ok");
  EXPECT_EQ(client.Read().body, "POST /x ok");
}

TEST_F(HttpServerBodyTest, RefusesABodyByItsHead) {
  test_.handler.check_head = [](const HttpRequest& head) -> std::optional<HttpReply> {
    if (head.headers.Find("Authorization")) return std::nullopt;
    return TextReply(401, "who are you?");
  };
  test_.Start();
  RawClient client(test_.port());
  client.Send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n");
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.body, "who are you?");
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerBodyTest, GivesTheRefusalToAClientThatIsStillSending) {
  test_.handler.check_head = [](const HttpRequest&) { return TextReply(403, "no"); };
  test_.Start();
  RawClient client(test_.port());
  client.Send(Post("/x", std::string(2'000'000, 'x')));
  EXPECT_EQ(client.Read().body, "no");
}

TEST_F(HttpServerBodyTest, KeepsTheConnectionWhenTheHeadIsRefusedAndNoBodyFollows) {
  test_.handler.check_head = [](const HttpRequest& head) -> std::optional<HttpReply> {
    if (head.target == "/public") return std::nullopt;
    return TextReply(401, "no");
  };
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/private") + Get("/public"));
  EXPECT_EQ(client.Read().status, 401);
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerBodyTest, RefusesAnotherExpectation) {
  EXPECT_EQ(Ask(Post("/x", "a", "Expect: miracles\r\n")).status, 417);
  EXPECT_EQ(test_.Refused("expectation"), 1);
}

TEST_F(HttpServerBodyTest, UnpacksGzip) {
  const std::string plain(100'000, 'z');
  EXPECT_TRUE(Ask(Post("/g", Gzip(plain), kGzip)).body == "POST /g " + plain);
}

TEST_F(HttpServerBodyTest, UnpacksChunkedGzip) {
  const auto packed = Gzip("hello");
  const auto half = packed.size() / 2;
  const auto chunks = fmt::format("{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", half, packed.substr(0, half),
                                  packed.size() - half, packed.substr(half));
  EXPECT_EQ(Ask(Chunked(kGzip, chunks)).body, "POST /c hello");
}

TEST_F(HttpServerBodyTest, RefusesAGzipBomb) {
  const auto reply = Ask(Post("/g", Gzip(std::string(20'000'000, '\0')), kGzip));
  EXPECT_EQ(reply.status, 413);
  EXPECT_NE(reply.body.find("200 to 1"), std::string::npos) << reply.body;
}

TEST_F(HttpServerBodyTest, RefusesGzipThatUnpacksBeyondTheLimit) {
  test_.options.max_body_bytes = 1000;
  const auto reply = Ask(Post("/g", Gzip(std::string(1001, 'x')), kGzip));
  EXPECT_EQ(reply.status, 413);
  EXPECT_NE(reply.body.find("1000 bytes"), std::string::npos) << reply.body;
}

TEST_F(HttpServerBodyTest, RefusesDamagedGzip) {
  auto packed = Gzip("some text that is long enough to be damaged");
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x55);
  EXPECT_EQ(Ask(Post("/g", packed, kGzip)).status, 400);
  EXPECT_EQ(test_.Refused("malformed"), 1);
}

TEST_F(HttpServerBodyTest, RefusesGzipThatEndsInTheMiddle) {
  EXPECT_EQ(Ask(Post("/g", Gzip("some text").substr(0, 15), kGzip)).status, 400);
}

TEST_F(HttpServerBodyTest, RefusesAnotherContentEncoding) {
  EXPECT_EQ(Ask(Post("/g", "x", "Content-Encoding: br\r\n")).status, 415);
  EXPECT_EQ(test_.Refused("encoding"), 1);
}

TEST_F(HttpServerBodyTest, PacksALongAnswerForAClientThatTakesGzip) {
  const std::string body(5000, 'p');
  const auto reply = Ask(Post("/g", body, "Accept-Encoding: deflate, gzip;q=0.5\r\n"));
  EXPECT_EQ(reply.Header("Content-Encoding"), "gzip");
  EXPECT_EQ(reply.Header("Vary"), "Accept-Encoding");
  EXPECT_LT(reply.body.size(), 500U);
  EXPECT_EQ(Unzip(reply.body), "POST /g " + body);
}

TEST_F(HttpServerBodyTest, LeavesAShortAnswerAsItIs) {
  const auto reply = Ask(Get("/short", "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(reply.headers.Count("Content-Encoding"), 0U);
  EXPECT_EQ(reply.body, "GET /short ");
}

TEST_F(HttpServerBodyTest, LeavesALongAnswerAsItIsForAClientThatRefusesGzip) {
  const auto reply = Ask(Post("/g", std::string(5000, 'p'), "Accept-Encoding: gzip;q=0, *\r\n"));
  EXPECT_EQ(reply.headers.Count("Content-Encoding"), 0U);
  EXPECT_EQ(reply.body.size(), 5008U);
}

TEST_F(HttpServerBodyTest, RefusesABodyThatIsTooLargeByItsLength) {
  test_.options.max_body_bytes = 1000;
  test_.Start();
  RawClient client(test_.port());
  client.Send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\n");
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, "refused 413: request body of 1001 bytes is larger than the limit of 1000 bytes");
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_EQ(test_.Refused("body_too_large"), 1);
}

TEST_F(HttpServerBodyTest, RefusesABodyThatGrowsTooLargeChunkByChunk) {
  test_.options.max_body_bytes = 1000;
  test_.Start();
  RawClient client(test_.port());
  client.Send(Chunked("", ""));
  const std::string chunk = fmt::format("{:x}\r\n{}\r\n", 300, std::string(300, 'x'));
  for (int i = 0; i < 4; ++i) client.Send(chunk);
  EXPECT_EQ(client.Read().status, 413);
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerBodyTest, TakesABodyOfExactlyTheLimit) {
  test_.options.max_body_bytes = 1000;
  EXPECT_EQ(Ask(Post("/x", std::string(1000, 'x'))).status, 200);
}

TEST_F(HttpServerBodyTest, RefusesABodyWhenTheBudgetIsSpentAndTakesItLater) {
  test_.options.body_budget_bytes = 1500;
  test_.Start();
  RawClient first(test_.port());
  first.Send(Post("/hold", std::string(1000, 'x')));
  auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  RawClient second(test_.port());
  second.Send(Post("/x", std::string(1000, 'y')));
  const auto reply = second.Read();
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.body.find("1000 of 1500 bytes"), std::string::npos) << reply.body;
  EXPECT_EQ(test_.Refused("body_budget"), 1);
  exchange->Reply(TextReply(200, ""));
  exchange.reset();
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_TRUE(Eventually([&] {
    RawClient third(test_.port());
    third.Send(Post("/x", std::string(1000, 'y')));
    return third.Read().status == 200;
  }));
}

TEST_F(HttpServerBodyTest, RefusesAChunkHeadWithoutEnd) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Chunked("", "5;x=" + std::string(100'000, 'x')));
  EXPECT_EQ(client.Read().status, 400);
}

}  // namespace
}  // namespace mlnode::net
