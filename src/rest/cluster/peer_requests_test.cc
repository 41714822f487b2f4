// Requests that carry X-Mlnode-Peer, as the API server takes them in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "rest/api_server.h"
#include "rest/cluster/peers.h"
#include "rest/json_reply.h"
#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using testing::FakeExchange;
using ::testing::HasSubstr;

class PeerRequestsTest : public ::testing::Test {
 protected:
  static std::unique_ptr<RouteTable> Routes() {
    auto table = std::make_unique<RouteTable>();
    table->Add({.method = "POST",
                .pattern = "/who",
                .async =
                    [](const std::shared_ptr<RequestContext>& context, Answer answer) {
                      context->reply_headers.Add("X-Of-The-Handler", "yes");
                      if (!context->peer) return answer(MakeError(Code::kUnavailable, "a client"));
                      answer(JsonReply(*context, json::object{{"peer", context->peer->str()}}));
                    },
                .body = BodyUse::kJson});
    return table;
  }
  ApiServer::Environment Environment(net::PeerVerifier* verifier) {
    return {.background = background_,
            .cpu = cpu_,
            .clock = clock_,
            .random = random_,
            .metrics = metrics_,
            .slow_log_millis = std::make_shared<std::atomic<std::int64_t>>(0),
            .verifier = verifier};
  }
  static net::Headers Head(const std::vector<std::pair<std::string, std::string>>& more = {}) {
    net::Headers headers;
    headers.Add("Content-Type", "application/json");
    for (const auto& [name, value] : more) headers.Add(name, value);
    return headers;
  }
  std::shared_ptr<FakeExchange> Request(const std::string& body, const std::vector<std::string>& signatures,
                                        net::Headers head = Head()) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/who?pretty=false";
    request.headers = std::move(head);
    for (const std::string& signature : signatures) request.headers.Add("X-Mlnode-Peer", signature);
    request.body = body;
    return std::make_shared<FakeExchange>(std::move(request));
  }
  std::string Sign(const std::string& body, const net::Headers& head = Head()) { return SignFor(self_, body, head); }
  std::string SignFor(const net::PeerProcess& receiver, const std::string& body, const net::Headers& head = Head()) {
    return key_.Sign({.method = "POST", .target = "/who?pretty=false", .body = body, .headers = &head},
                     {.from = NodeId("n2"), .to = receiver}, clock_.WallMillis(), random_);
  }
  net::HttpReply Ask(const std::string& body, const std::vector<std::string>& signatures, net::Headers head = Head()) {
    const auto exchange = Request(body, signatures, std::move(head));
    server_.Handle(exchange);
    EXPECT_EQ(exchange->replies, 1);
    return exchange->answer.value_or(net::HttpReply());
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor background_{clock_}, cpu_{clock_};
  mlnode::testing::SeededRandom random_{1};
  Metrics metrics_;
  net::PeerKey key_{"a secret of 16 bytes"};
  const net::PeerProcess self_{.node = NodeId("n1"), .incarnation = 7};
  net::PeerVerifier verifier_{key_, self_, clock_};
  ApiServer server_{Routes(), Environment(&verifier_)};
};

TEST_F(PeerRequestsTest, APeerIsKnownToTheHandler) {
  const net::HttpReply reply = Ask("{}", {Sign("{}")});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"peer":"n2"})");
}

TEST_F(PeerRequestsTest, AClientIsNone) {
  const net::HttpReply reply = Ask("{}", {});
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("a client"));
  EXPECT_EQ(reply.headers.Find("X-Of-The-Handler"), "yes") << "also where the answer is an error";
}

TEST_F(PeerRequestsTest, WhoeverOnlySaysSoIsRefused) {
  const std::string used = Sign("{}");
  EXPECT_EQ(Ask("{}", {used}).status, 200);
  for (const std::vector<std::string>& signatures :
       {std::vector<std::string>{"forged"}, {""}, {used}, {Sign("{ }")}, {Sign("{}"), Sign("{}")}}) {
    const net::HttpReply reply = Ask("{}", signatures);
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(reply.headers.Find(kRefusedHeader), "1");
    EXPECT_EQ(reply.headers.Find("X-Of-The-Handler"), std::nullopt) << "no handler may run";
    EXPECT_THAT(reply.body, HasSubstr("X-Mlnode-Peer is not valid here"));
  }
}

TEST_F(PeerRequestsTest, WhatWasMeantForAnotherProcessIsRefused) {
  for (const net::PeerProcess& other : {net::PeerProcess{.node = NodeId("n3"), .incarnation = 7},
                                        net::PeerProcess{.node = NodeId("n1"), .incarnation = 6}}) {
    const net::HttpReply reply = Ask("{}", {SignFor(other, "{}")});
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(reply.headers.Find(kRefusedHeader), "1");
  }
}

// The deadline, what was charged, how soon, in which format, under which name: all is as the sender said.
TEST_F(PeerRequestsTest, AChangedHeadIsRefused) {
  for (const std::string_view signed_name : net::kSignedHeaders) {
    if (signed_name == "Content-Type") continue;  // below: it is there in any case
    const std::string name(signed_name);
    const net::Headers one = Head({{name, "1"}}), other = Head({{name, "2"}});
    EXPECT_EQ(Ask("{}", {Sign("{}", one)}, one).status, 200) << name;
    for (const auto& [before, after] : {std::pair(Head(), one), std::pair(one, Head()), std::pair(one, other)}) {
      const net::HttpReply reply = Ask("{}", {Sign("{}", before)}, after);
      EXPECT_EQ(reply.status, 403) << name;
      EXPECT_EQ(reply.headers.Find(kRefusedHeader), "1") << name;
    }
  }
  net::Headers yaml;
  yaml.Add("Content-Type", "application/yaml");
  EXPECT_EQ(Ask("{}", {Sign("{}")}, yaml).status, 403);
}

TEST_F(PeerRequestsTest, ANodeThatIsAloneHasNoPeers) {
  ApiServer alone(Routes(), Environment(nullptr));
  const auto exchange = Request("{}", {Sign("{}")});
  alone.Handle(exchange);
  ASSERT_EQ(exchange->replies, 1);
  EXPECT_EQ(exchange->answer->status, 403);
}

TEST_F(PeerRequestsTest, ALongBodyIsHashedOnCpu) {
  const std::string body = "\"" + std::string(100'000, 'x') + "\"";
  const auto good = Request(body, {Sign(body)}), forged = Request(body, {Sign("{}")});
  server_.Handle(good);
  server_.Handle(forged);
  EXPECT_EQ(good->replies + forged->replies, 0);
  cpu_.RunUntilIdle();
  ASSERT_EQ(good->replies + forged->replies, 2);
  EXPECT_EQ(good->answer->status, 200);
  EXPECT_EQ(forged->answer->status, 403);
}

}  // namespace
}  // namespace mlnode::rest
