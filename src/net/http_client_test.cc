#include "net/http_client.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "net/testing/scripted_handler.h"

namespace mlnode::net {
namespace {

using std::chrono::milliseconds;

class HttpClientTest : public testing::Test {
 protected:
  // /redirect/N leads to N-1 and at last to /end; /to?URL leads there; /bytes/N has that many; the rest as usual.
  HttpClientTest() {
    server_.handler.check_head = [](const HttpRequest& head) { return Special(head.target); };
    server_.Start();
  }

  static std::optional<HttpReply> Special(const std::string& target) {
    auto reply = TextReply(302, "");
    if (target.starts_with("/redirect/")) {
      const int left = std::stoi(target.substr(10));
      reply.headers.Add("Location", left > 1 ? "/redirect/" + std::to_string(left - 1) : "/end");
      return reply;
    }
    if (target.starts_with("/to?")) {
      reply.headers.Add("Location", target.substr(4));
      return reply;
    }
    if (target.starts_with("/bytes/")) return TextReply(200, std::string(std::stoul(target.substr(7)), 'b'));
    if (target == "/bad") return TextReply(500, std::string(200'000, 'e'));
    return std::nullopt;
  }

  ClientRequest Request(const std::string& target) {
    ClientRequest request;
    request.url = server_.Url(target);
    request.addresses = AddressPolicy::kLoopbackAndPublic;
    return request;
  }
  Code CodeOf(ClientRequest request) {
    const auto reply = client_->Call(std::move(request));
    return reply ? Code::kInternal : reply.error().code;
  }

  TestServer server_;
  std::unique_ptr<HttpClient> client_ = HttpClient::Create();
};

TEST_F(HttpClientTest, GetsStatusHeadersAndBody) {
  const auto reply = client_->Call(Request("/x"));
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->headers.Find("content-type"), "text/plain");
  EXPECT_EQ(reply->body, "GET /x ");
}

TEST_F(HttpClientTest, SendsMethodHeadersAndBody) {
  for (const char* method : {"POST", "PUT", "DELETE", "GET"}) {
    auto request = Request("/hold");
    request.method = method;
    request.headers.Add("X-One", "1");
    request.headers.Add("X-Empty", "");
    request.headers.Add("Content-Type", "application/json");
    request.body = std::string("{\"a\":\0 1}", 9);
    std::promise<Result<ClientReply>> done;
    client_->Send(request, [&](Result<ClientReply> reply) { done.set_value(std::move(reply)); });
    const auto exchange = server_.handler.Next();
    ASSERT_NE(exchange, nullptr);
    const auto& seen = exchange->request();
    EXPECT_EQ(seen.method, method);
    EXPECT_EQ(seen.body, request.body);
    EXPECT_EQ(seen.headers.Find("X-One"), "1");
    EXPECT_EQ(seen.headers.Find("X-Empty"), "");
    EXPECT_EQ(seen.headers.Find("Content-Type"), "application/json");
    EXPECT_EQ(seen.headers.Count("Expect"), 0U);
    exchange->Reply(TextReply(200, "ok"));
    EXPECT_TRUE(done.get_future().get().has_value());
  }
}

TEST_F(HttpClientTest, AsksForAHeadOnly) {
  auto request = Request("/bytes/1000");
  request.method = "HEAD";
  request.max_response_bytes = 10;
  const auto reply = client_->Call(request);
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->headers.Find("Content-Length"), "1000");
  EXPECT_EQ(reply->body, "");
}

TEST_F(HttpClientTest, SendsAndGetsMegabytes) {
  auto request = Request("/echo");
  request.method = "POST";
  request.body = std::string(3'000'000, 'm');
  const auto reply = client_->Call(request);
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_TRUE(reply->body == "POST /echo " + request.body);
}

TEST_F(HttpClientTest, RunsManyRequestsAtOnce) {
  std::vector<std::promise<std::string>> bodies(50);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    client_->Send(Request("/" + std::to_string(i)),
                  [&, i](Result<ClientReply> reply) { bodies[i].set_value(reply ? reply->body : "failed"); });
  }
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_EQ(bodies[i].get_future().get(), "GET /" + std::to_string(i) + " ");
  }
}

TEST_F(HttpClientTest, AnErrorStatusIsAReply) { EXPECT_EQ(client_->Call(Request("/bad"))->status, 500); }

TEST_F(HttpClientTest, PassesABodyToTheSinkPieceByPiece) {
  std::size_t bytes = 0;
  auto request = Request("/bytes/1000000");
  request.body_sink = [&](std::string_view piece) {
    bytes += piece.size();
    return Status();
  };
  const auto reply = client_->Call(request);
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(bytes, 1'000'000U);
  EXPECT_EQ(reply->body, "");
}

TEST_F(HttpClientTest, KeepsABadReplyFromTheSink) {
  auto request = Request("/bad");
  request.body_sink = [](std::string_view) { return MakeError(Code::kInternal, "not for the sink"); };
  const auto reply = client_->Call(request);
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->body, std::string(64 * 1024, 'e'));
}

TEST_F(HttpClientTest, StopsWithTheSinksError) {
  auto request = Request("/bytes/1000000");
  request.body_sink = [](std::string_view) { return MakeError(Code::kCancelled, "enough"); };
  const auto reply = client_->Call(request);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().message, "enough");
}

TEST_F(HttpClientTest, LimitsTheReply) {
  auto request = Request("/bytes/1000");
  request.max_response_bytes = 1000;
  EXPECT_TRUE(client_->Call(request).has_value());
  request.max_response_bytes = 999;
  EXPECT_EQ(CodeOf(request), Code::kTooLarge);
}

TEST_F(HttpClientTest, FollowsRedirectsUpToTheLimit) {
  auto request = Request("/redirect/3");
  request.max_redirects = 3;
  EXPECT_EQ(client_->Call(request)->body, "GET /end ");
  request.max_redirects = 2;
  EXPECT_EQ(CodeOf(request), Code::kUpstream);
  request.max_redirects = 0;
  EXPECT_EQ(client_->Call(request)->status, 302);
}

TEST_F(HttpClientTest, RefusesARedirectToAnotherScheme) {
  auto request = Request("/to?file:///etc/passwd");
  request.max_redirects = 3;
  EXPECT_EQ(CodeOf(request), Code::kInvalidArgument);
}

TEST_F(HttpClientTest, RefusesAnAddressByPolicy) {
  auto request = Request("/x");
  request.addresses = AddressPolicy::kPublicOnly;
  EXPECT_EQ(CodeOf(request), Code::kPermissionDenied);
}

TEST_F(HttpClientTest, RefusesARedirectToARefusedAddress) {
  auto request = Request("/to?http://169.254.169.254/latest/meta-data");
  request.max_redirects = 3;
  const auto reply = client_->Call(request);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, Code::kPermissionDenied);
  EXPECT_NE(reply.error().message.find("169.254.169.254"), std::string::npos);
}

TEST_F(HttpClientTest, RefusesAKeptConnectionThatAnotherRequestWasAllowedToOpen) {
  EXPECT_TRUE(client_->Call(Request("/x")).has_value());
  auto request = Request("/x");
  request.addresses = AddressPolicy::kPublicOnly;
  EXPECT_EQ(CodeOf(request), Code::kPermissionDenied);
}

TEST_F(HttpClientTest, SaysThatNobodyListens) {
  auto request = Request("/x");
  server_.server.reset();
  EXPECT_EQ(CodeOf(request), Code::kUnavailable);
}

TEST_F(HttpClientTest, RefusesWhatCannotBeSent) {
  for (const char* url : {"ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://a b/", "", "gopher://x/"}) {
    auto request = Request("/");
    request.url = url;
    EXPECT_EQ(CodeOf(request), Code::kInvalidArgument) << url;
  }
  auto header = Request("/");
  header.headers.Add("X", "a\r\nInjected: 1");
  EXPECT_EQ(CodeOf(header), Code::kInvalidArgument);
  auto method = Request("/");
  method.method = "GET / HTTP/1.1\r\nX:";
  EXPECT_EQ(CodeOf(method), Code::kInvalidArgument);
}

TEST_F(HttpClientTest, GivesUpAfterTheTotalTime) {
  auto request = Request("/hold");
  request.total_timeout = milliseconds(50);
  EXPECT_EQ(CodeOf(request), Code::kDeadlineExceeded);
}

TEST_F(HttpClientTest, GivesUpWhenNoByteComes) {
  auto request = Request("/hold");
  request.idle_timeout = milliseconds(50);
  const auto reply = client_->Call(request);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, Code::kDeadlineExceeded);
  EXPECT_NE(reply.error().message.find("50 ms"), std::string::npos);
}

TEST_F(HttpClientTest, CancelsOneAndLeavesTheOthers) {
  std::promise<Result<ClientReply>> first;
  std::promise<Result<ClientReply>> second;
  const auto token =
      client_->Send(Request("/hold/1"), [&](Result<ClientReply> reply) { first.set_value(std::move(reply)); });
  const auto exchange = server_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  client_->Send(Request("/hold/2"), [&](Result<ClientReply> reply) { second.set_value(std::move(reply)); });
  client_->Cancel(token);
  client_->Cancel(token);
  client_->Cancel(999'999);
  EXPECT_EQ(first.get_future().get().error().code, Code::kCancelled);
  EXPECT_TRUE(Eventually([&] { return exchange->ClientGone(); }));
  const auto other = server_.handler.Next();
  ASSERT_NE(other, nullptr);
  other->Reply(TextReply(200, "alive"));
  EXPECT_EQ(second.get_future().get()->body, "alive");
}

TEST_F(HttpClientTest, EndsWhatIsUnderWayWhenDestroyed) {
  std::promise<Code> ended;
  client_->Send(Request("/hold"), [&](const Result<ClientReply>& reply) { ended.set_value(reply.error().code); });
  const auto exchange = server_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  client_.reset();
  EXPECT_EQ(ended.get_future().get(), Code::kCancelled);
}

TEST_F(HttpClientTest, ACallbackMaySendAgain) {
  std::promise<std::string> last;
  client_->Send(Request("/1"), [&](const Result<ClientReply>&) {
    client_->Send(Request("/2"), [&](Result<ClientReply> reply) { last.set_value(reply ? reply->body : "failed"); });
  });
  EXPECT_EQ(last.get_future().get(), "GET /2 ");
}

}  // namespace
}  // namespace mlnode::net
