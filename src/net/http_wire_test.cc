#include "net/http_wire.h"

#include <gtest/gtest.h>

namespace mlnode::net {
namespace {

bool Accepts(std::string value) {
  Headers headers;
  headers.Add("accept-encoding", std::move(value));
  return AcceptsGzip(headers);
}

TEST(HeadersTest, FindsWhateverTheCase) {
  Headers headers;
  headers.Add("Content-Type", "a");
  headers.Add("content-type", "b");
  EXPECT_EQ(headers.Find("CONTENT-TYPE"), "a");
  EXPECT_EQ(headers.Count("Content-type"), 2U);
  EXPECT_EQ(headers.Find("Content-Typ"), std::nullopt);
}

TEST(HttpWireTest, KnowsTokens) {
  EXPECT_TRUE(IsToken("X-Api_Key!"));
  for (const char* bad : {"", "a b", "a:b", "a\r", "\xc3\xa4"}) EXPECT_FALSE(IsToken(bad)) << bad;
}

TEST(HttpWireTest, ReadsWhetherGzipIsAccepted) {
  for (const char* yes : {"gzip", "GZIP", "deflate, gzip", "*", "gzip;q=0.001", "gzip ; q=1.0", "x-gzip",
                          "gzip;q=0.5, identity;q=0.5", "br;q=1,gzip;q=0.2"}) {
    EXPECT_TRUE(Accepts(yes)) << yes;
  }
  for (const char* no : {"", "br", "identity", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzip;q=x", "gzip;q=2",
                         "gzip;q=0.5, identity;q=0.6", ";", ",,"}) {
    EXPECT_FALSE(Accepts(no)) << no;
  }
  EXPECT_FALSE(AcceptsGzip(Headers()));
}

TEST(HttpWireTest, WritesAHead) {
  HttpReply reply;
  reply.status = 404;
  reply.headers.Add("X-One", "1");
  EXPECT_EQ(SerializeHead(reply, 12, false),
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json; charset=UTF-8\r\nX-One: 1\r\n"
            "Content-Length: 12\r\n");
}

TEST(HttpWireTest, WritesTheCodingOfAPackedBody) {
  HttpReply reply;
  reply.content_type = "";
  EXPECT_EQ(SerializeHead(reply, 3, true),
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nContent-Length: 3\r\n");
}

TEST(HttpWireTest, WritesNoLengthWhereNoBodyCanBe) {
  HttpReply reply;
  reply.status = 204;
  EXPECT_EQ(SerializeHead(reply, 0, false), "HTTP/1.1 204 No Content\r\n");
}

}  // namespace
}  // namespace mlnode::net
