#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <string>
#include <vector>

#include "net/testing/certificates.h"
#include "net/testing/scripted_handler.h"
#include "net/testing/tls_server.h"

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

TEST_F(HttpClientTest, APathGoesOutAsItIsWhenAsked) {
  auto request = Request("/a/../b/%2e%2e/./c");
  request.path_as_is = true;
  EXPECT_EQ(client_->Call(request).value().body, "GET /a/../b/%2e%2e/./c ");
  request.path_as_is = false;
  EXPECT_EQ(client_->Call(request).value().body.find("/../"), std::string::npos);
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

// The address is asked about when the socket opens, and again for each request: also on a kept connection.
TEST_F(HttpClientTest, AsksAboutTheAddressThatIsConnectedTo) {
  std::atomic<int> asked{0};
  std::atomic<bool> allowed{true};
  const auto check = [&](const sockaddr* address) -> Status {
    ++asked;
    EXPECT_EQ(address->sa_family, AF_INET);
    if (allowed) return {};
    return MakeError(Code::kInvalidArgument, "not this host");
  };
  const auto ask = [&] {
    auto request = Request("/x");
    request.check_address = check;
    const auto reply = client_->Call(std::move(request));
    return reply ? reply->body : reply.error().message;
  };
  EXPECT_EQ(ask(), "GET /x ");
  EXPECT_EQ(asked.load(), 2);
  EXPECT_EQ(ask(), "GET /x ");
  EXPECT_EQ(asked.load(), 3);
  allowed = false;
  EXPECT_EQ(ask(), "not this host");
  client_ = HttpClient::Create();
  EXPECT_EQ(ask(), "not this host");
}

TEST_F(HttpClientTest, IgnoresTheProxiesOfTheEnvironment) {
  const std::vector<std::string> names = {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"};
  for (const auto& name : names) ::setenv(name.c_str(), "http://127.0.0.1:1", 1);
  EXPECT_TRUE(client_->Call(Request("/x")).has_value());
  for (const auto& name : names) ::unsetenv(name.c_str());
}

// They would tell the server where the next request begins, which is the client's to say.
TEST_F(HttpClientTest, FramesTheMessageItself) {
  auto request = Request("/echo");
  request.method = "POST";
  request.body = "0123456789";
  for (const char* name : {"Content-Length", "transfer-encoding", "Connection", "Expect", "Upgrade", "TE"}) {
    request.headers.Add(name, "3");
  }
  const auto reply = client_->Call(request);
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->body, "POST /echo 0123456789");
}

TEST_F(HttpClientTest, KeepsTheConnectionsOfABurst) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::promise<void>> answered(20);
    std::vector<std::shared_ptr<HttpExchange>> held;
    for (auto& one : answered) client_->Send(Request("/hold"), [&one](const Result<ClientReply>&) { one.set_value(); });
    for (std::size_t i = 0; i < answered.size(); ++i) held.push_back(server_.handler.Next());
    for (const auto& exchange : held) exchange->Reply(TextReply(200, "ok"));
    for (auto& one : answered) one.get_future().wait();
  }
  EXPECT_EQ(server_.Connections(), 20);
}

TEST_F(HttpClientTest, SaysThatNobodyListens) {
  auto request = Request("/x");
  server_.server.reset();
  EXPECT_EQ(CodeOf(request), Code::kUnavailable);
}

TEST_F(HttpClientTest, WhatIsSentOnceMayBeRedirected) {
  auto request = Request("/redirect/3");
  request.max_redirects = 3;
  request.may_resend = false;
  EXPECT_EQ(client_->Call(request).value().body, "GET /end ");
}

// The first copy went out; that there is no second connection does not undo it.
TEST_F(HttpClientTest, WhatWentOutOnceIsNotUnavailable) {
  auto request = Request("/to?http://127.0.0.1:1/");
  request.max_redirects = 1;
  EXPECT_EQ(CodeOf(request), Code::kUpstream);
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

// TLS: own authorities, client certificates, and which requests may share a connection.

class HttpClientTlsTest : public testing::Test {
 protected:
  // "alice", "nobody", or the error's code.
  std::string Ask(ClientCertificate identity, bool verify = true) {
    ClientRequest request;
    request.url = server_->Url("/");
    request.addresses = AddressPolicy::kAny;
    request.verify_tls = verify;
    request.identity = std::make_shared<const ClientCertificate>(std::move(identity));
    const auto reply = client_->Call(std::move(request));
    return reply ? reply->body : std::string(CodeName(reply.error().code));
  }
  ClientCertificate Trusting() const { return {.authorities = ours_.certificate}; }
  ClientCertificate As(const KeyAndCertificate& who) const {
    return {.certificate = who.certificate, .key = who.key, .authorities = ours_.certificate};
  }
  ClientCertificate FromFile(const KeyAndCertificate& who, const std::string& password) const {
    auto identity = Trusting();
    identity.pkcs12 = ToPkcs12(who, "secret");
    identity.password = password;
    return identity;
  }
  void RequireClients() { server_ = TlsServer::Start(Issue(ours_, "server"), ours_.certificate); }

  const KeyAndCertificate ours_ = MakeAuthority("ours");
  const KeyAndCertificate alice_ = Issue(ours_, "alice");
  const KeyAndCertificate bob_ = Issue(ours_, "bob");
  std::unique_ptr<TlsServer> server_ = TlsServer::Start(Issue(ours_, "server"));
  std::unique_ptr<HttpClient> client_ = HttpClient::Create();
};

TEST_F(HttpClientTlsTest, TrustsTheAuthoritiesThatAreNamed) {
  EXPECT_EQ(Ask(Trusting()), "nobody");
  EXPECT_EQ(Ask({}), "unavailable");
  EXPECT_EQ(Ask({.authorities = MakeAuthority("other").certificate}), "unavailable");
}

TEST_F(HttpClientTlsTest, AConnectionThatWasNotVerifiedIsNotSharedWithWhoVerifies) {
  EXPECT_EQ(Ask({}, false), "nobody");
  EXPECT_EQ(Ask({}), "unavailable");
  EXPECT_EQ(Ask({}, false), "nobody");
  EXPECT_EQ(server_->connections(), 1);  // kept for its like
}

TEST_F(HttpClientTlsTest, OffersHttp2) {
  EXPECT_EQ(Ask(Trusting()), "nobody");
  EXPECT_TRUE(server_->http2_was_offered());
}

TEST_F(HttpClientTlsTest, ShowsAClientCertificate) {
  RequireClients();
  EXPECT_EQ(Ask(As(alice_)), "alice");
  EXPECT_EQ(Ask(FromFile(bob_, "secret")), "bob");
  EXPECT_THAT(Ask(Trusting()), testing::AnyOf("upstream", "unavailable"));
}

TEST_F(HttpClientTlsTest, AConnectionIsSharedByOneIdentityOnly) {
  RequireClients();
  EXPECT_EQ(Ask(As(alice_)), "alice");
  EXPECT_EQ(Ask(As(bob_)), "bob");
  EXPECT_EQ(Ask(As(alice_)), "alice");
  EXPECT_EQ(server_->connections(), 2);
  EXPECT_THAT(Ask(Trusting()), testing::AnyOf("upstream", "unavailable"));
}

// A certificate is public: who has it, but not the key, must not speak over the owner's connection, nor resume it.
TEST_F(HttpClientTlsTest, ACertificateWithoutItsKeyGainsNothing) {
  RequireClients();
  EXPECT_EQ(Ask(As(alice_)), "alice");
  auto thief = As(alice_);
  thief.key = bob_.key;
  EXPECT_THAT(Ask(thief), testing::AnyOf("invalid_argument", "unavailable"));
  EXPECT_EQ(Ask(FromFile(alice_, "secret")), "alice");
  EXPECT_EQ(Ask(FromFile(alice_, "wrong")), "invalid_argument");
}

TEST_F(HttpClientTlsTest, RefusesHalfAnIdentity) {
  auto identity = As(alice_);
  identity.key.clear();
  EXPECT_EQ(Ask(identity), "invalid_argument");
  identity = As(alice_);
  identity.certificate = "no certificate";
  EXPECT_EQ(Ask(identity), "invalid_argument");
}

TEST_F(HttpClientTest, StoppingEndsWhatIsUnderWayAndJoins) {
  std::atomic<int> ended{0};
  const auto count = [&ended](const Result<ClientReply>& reply) {
    if (!reply && reply.error().code == Code::kCancelled) ++ended;
  };
  client_->Send(Request("/hold"), count);
  const auto exchange = server_.handler.Next();  // let go, it would be answered
  ASSERT_NE(exchange, nullptr);
  client_->Stop();
  EXPECT_EQ(ended.load(), 1) << "nothing is called back later";
  client_->Send(Request("/x"), count);
  EXPECT_EQ(ended.load(), 2);
  client_->Cancel(1);
  client_->Stop();
}

TEST_F(HttpClientTest, SendsABodyThatSomebodyElseOwns) {
  auto owner = std::make_shared<const std::string>(300'000, 'o');
  auto request = Request("/echo");
  request.method = "POST";
  request.body = "not this one";
  request.borrowed_body = *owner;
  request.borrowed_owner = owner;
  const auto reply = client_->Call(std::move(request));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->body == "POST /echo " + *owner);
  auto empty = Request("/echo");
  empty.method = "POST";
  empty.borrowed_owner = owner;
  EXPECT_EQ(client_->Call(std::move(empty)).value().body, "POST /echo ");
}

TEST_F(HttpClientTest, SaysWhenAnAnswerBegins) {
  std::atomic<int> begun{0};
  auto request = Request("/redirect/2");
  request.max_redirects = 5;
  request.on_answer = [&begun] { ++begun; };
  ASSERT_TRUE(client_->Call(request).has_value());
  EXPECT_EQ(begun.load(), 1) << "once, however many replies";
  request.url = "http://127.0.0.1:1/";
  EXPECT_FALSE(client_->Call(request).has_value());
  EXPECT_EQ(begun.load(), 1);
}

}  // namespace
}  // namespace mlnode::net
