// Framing without sockets; what is refused is tested over a socket in http_server_limits_test.cc.
#include "net/request_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::net {
namespace {

TEST(RequestParserTest, LeavesWhatBelongsToTheBody) {
  RequestParser parser(1000);
  HttpRequest head;
  const std::string input = "PUT /a?b HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabcGET";
  const auto step = parser.ReadHead(input, head);
  EXPECT_TRUE(step.done);
  EXPECT_EQ(input.substr(step.consumed), "abcGET");
  EXPECT_EQ(head.method, "PUT");
  EXPECT_EQ(head.target, "/a?b");
  EXPECT_EQ(parser.frame().content_length, 3U);
  EXPECT_TRUE(parser.frame().keep_alive);
  EXPECT_TRUE(parser.frame().HasBody());
}

TEST(RequestParserTest, ReadsTheSameHeadHoweverItIsCut) {
  const std::string input = "GET /x HTTP/1.1\r\nHost: t\r\nA: 1\r\nB: 2\r\n\r\n";
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    RequestParser parser(1000);
    HttpRequest head;
    auto step = parser.ReadHead(input.substr(0, cut), head);
    ASSERT_FALSE(step.done) << cut;
    ASSERT_EQ(step.refuse, 0) << cut << " " << step.message;
    step = parser.ReadHead(std::string_view(input).substr(step.consumed), head);
    EXPECT_TRUE(step.done) << cut;
    EXPECT_EQ(head.headers.fields().size(), 3U) << cut;
    EXPECT_EQ(head.headers.Find("B"), "2") << cut;
  }
}

TEST(RequestParserTest, CountsTheHeadAsAWhole) {
  RequestParser parser(100);
  HttpRequest head;
  std::string rest;
  int refused = 0;
  std::string input = "GET / HTTP/1.1\r\nHost: t\r\n";
  for (int i = 0; i < 20 && refused == 0; ++i) {
    input += "A: 12345\r\n";
    const auto step = parser.ReadHead(input, head);
    input.erase(0, step.consumed);
    refused = step.refuse;
  }
  EXPECT_EQ(refused, 431);
}

TEST(RequestParserTest, IsReadyForTheNextAfterReset) {
  RequestParser parser(1000);
  for (int i = 0; i < 2; ++i) {
    HttpRequest head;
    EXPECT_TRUE(parser.ReadHead("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", head).done);
    EXPECT_FALSE(parser.frame().keep_alive);
    EXPECT_FALSE(parser.frame().HasBody());
    parser.Reset();
  }
}

TEST(RequestParserTest, StopsAtTheSinksError) {
  RequestParser parser(1000);
  HttpRequest head;
  ASSERT_TRUE(parser.ReadHead("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n", head).done);
  const auto step =
      parser.ReadChunked("3\r\nabc\r\n0\r\n\r\n", [](std::string_view) { return MakeError(Code::kTooLarge, "full"); });
  EXPECT_EQ(step.refuse, RequestParser::kSinkFailed);
}

}  // namespace
}  // namespace mlnode::net
