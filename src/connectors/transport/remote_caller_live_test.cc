// RemoteCaller over real sockets against the provider double: wire formats, faults, streams, limits, attacks.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <future>
#include <string>

#include "connectors/testing/caller_harness.h"
#include "connectors/testing/provider_double.h"
#include "connectors/transport/event_stream.h"
#include "connectors/transport/usage.h"

namespace mlnode::connectors {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

class RemoteCallerLiveTest : public testing::Test {
 protected:
  void Start(ProviderDouble::Options options = {}) {
    auto started = ProviderDouble::Start(std::move(options));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    provider_ = std::move(started).value();
  }
  Result<net::ClientReply> Embed(const std::string& prefix = {}) {
    return harness_.Post(provider_->Url(prefix + "/v1/embeddings"), R"({"input":["a","b c"],"model":"m"})");
  }
  std::string Outcome(const std::string& prefix) {
    const auto reply = Embed(prefix);
    return reply ? std::to_string(reply->status)
                 : fmt::format("{}: {}", CodeName(reply.error().code), reply.error().message);
  }

  std::unique_ptr<ProviderDouble> provider_;
  CallerHarness harness_;
};

TEST_F(RemoteCallerLiveTest, CallsEveryWireFormat) {
  Start();
  struct Case {
    const char *target, *body, *part;
  };
  const Case cases[] = {
      {"/v1/embeddings", R"({"input":["a"]})", R"("embedding":[1.0,)"},
      {"/v1/chat/completions", R"({"messages":[{"role":"user","content":"hi"}]})", R"("content":"echo: hi")"},
      {"/v1/embed", R"({"texts":["a"]})", R"("embeddings":[[1.0,)"},
      {"/v2/embed", R"({"texts":["a"]})", R"("embeddings":{"float":[[1.0,)"},
      {"/v1/rerank", R"({"query":"red","documents":["blue","red"]})",
       R"("results":[{"index":1,"relevance_score":0.75})"},
      {"/model/amazon.titan-embed-text-v1/invoke", R"({"inputText":"a"})", R"("inputTextTokenCount":1)"},
      {"/model/cohere.embed-english-v3/invoke", R"({"texts":["a"]})", R"("embeddings":[[1.0,)"},
      {"/model/anthropic.claude-3-sonnet-20240229-v1%3A0/invoke", R"({"messages":[{"content":"hi"}]})", "echo: hi"},
      {"/model/anthropic.claude-v2/converse", R"({"messages":[{"content":[{"text":"hi"}]}]})", "echo: hi"},
      {"/rerank", R"({"queries":[{"textQuery":{"text":"q"}}],"sources":[{"a":1}]})", "relevanceScore"},
  };
  for (const auto& known : cases) {
    const auto reply = harness_.Post(provider_->Url(known.target), known.body);
    ASSERT_TRUE(reply.has_value()) << known.target << reply.error().message;
    EXPECT_EQ(reply->status, 200) << known.target;
    EXPECT_THAT(reply->body, HasSubstr(known.part)) << known.target;
  }
  EXPECT_EQ(provider_->connections(), 1U);  // kept
}

TEST_F(RemoteCallerLiveTest, SendsWhatItWasGiven) {
  Start();
  auto request = CallerHarness::PostRequest(provider_->Url("/v1/embeddings?x=1"), R"({"input":"a"})");
  request.headers.Add("Authorization", "Bearer sk-test");
  request.headers.Add("Content-Length", "3");  // would shift the next request on this connection
  request.headers.Add("Transfer-Encoding", "chunked");
  ASSERT_TRUE(harness_.Call(request).has_value());
  const auto received = provider_->received();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].target, "/v1/embeddings?x=1");
  EXPECT_EQ(received[0].body, R"({"input":"a"})");
  EXPECT_EQ(received[0].headers.Find("Authorization"), "Bearer sk-test");
  EXPECT_EQ(received[0].headers.Find("Content-Length"), "13");
  EXPECT_EQ(received[0].headers.Count("Content-Length"), 1U);
  EXPECT_EQ(received[0].headers.Count("Transfer-Encoding"), 0U);
}

TEST_F(RemoteCallerLiveTest, MeetsEveryFault) {
  Start({.slow = 10s, .huge_bytes = 8UL * 1024 * 1024});
  harness_.options.config.read_timeout = 50ms;
  harness_.options.max_response_bytes = 1024UL * 1024;
  const std::string broke = "internal: Error communicating with remote model: ";
  EXPECT_EQ(Outcome(""), "200");
  EXPECT_EQ(Outcome("/fault/429"), "429");
  EXPECT_EQ(Outcome("/fault/500"), "500");
  EXPECT_EQ(Outcome("/fault/throttled"), "400");
  EXPECT_EQ(Outcome("/fault/401"), "401");
  EXPECT_EQ(Outcome("/fault/bad-json"), "200");
  EXPECT_EQ(Outcome("/fault/empty"), "200");
  EXPECT_THAT(Outcome("/fault/cut"), HasSubstr(broke));
  EXPECT_THAT(Outcome("/fault/cut-body"), HasSubstr(broke));
  EXPECT_EQ(Outcome("/fault/slow"), broke + "no byte came from the remote server for 50 ms");
  EXPECT_EQ(Outcome("/fault/silent"), broke + "no byte came from the remote server for 50 ms");
  EXPECT_EQ(Outcome("/fault/huge"), "invalid_argument: JSON string size exceeds maximum allowed size (1048576 bytes)");
  EXPECT_EQ(Outcome(""), "200");
  provider_.reset();
}

TEST_F(RemoteCallerLiveTest, SaysThatNobodyListens) {
  Start();
  const std::string url = provider_->Url("/v1/embeddings");
  provider_.reset();
  const auto reply = harness_.Post(url);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, Code::kInternal);
  EXPECT_EQ(reply.error().message, "Error communicating with remote model: the remote server cannot be reached");
}

TEST_F(RemoteCallerLiveTest, RetriesUntilItWorks) {
  Start({.retry_after = "0"});
  provider_->FailNext(Fault::kTooMany, 2);
  harness_.options.config.max_retry_times = 3;
  harness_.options.config.retry_backoff = 10ms;
  EXPECT_EQ(Outcome(""), "200");
  EXPECT_EQ(provider_->requests(), 3U);
}

TEST_F(RemoteCallerLiveTest, HoldsTheConnectionLimit) {
  Start({.delay = 5ms});
  harness_.options.config.max_connection = 4;
  std::vector<std::promise<int>> answers(40);
  for (auto& answer : answers) {
    harness_.caller->Send(CallerHarness::PostRequest(provider_->Url("/v1/embeddings"), R"({"input":"a"})"),
                          harness_.options,
                          [&answer](Result<net::ClientReply> reply) { answer.set_value(reply ? reply->status : 0); });
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get_future().get(), 200);
  EXPECT_LE(provider_->most_at_once(), 4U);
  EXPECT_LE(provider_->connections(), 4U);
}

// Every piece is here before the double sends the next one: it waits in between.
TEST_F(RemoteCallerLiveTest, StreamsAChatPieceByPiece) {
  Start({.stream_gap = 5ms});
  for (const bool bedrock : {false, true}) {
    auto decoder = StreamDecoder::Make(bedrock ? "bedrock/converse/claude" : "openai/v1/chat/completions");
    ASSERT_TRUE(decoder.has_value());
    std::vector<std::string> chunks;
    int pieces = 0;
    const auto keep = [&](const StreamChunk& chunk) {
      chunks.push_back(chunk.last ? "<last>" : chunk.content);
      return Status();
    };
    harness_.options.body_sink = [&](std::string_view piece) {
      ++pieces;
      return (*decoder)->Feed(piece, keep);
    };
    const auto reply =
        harness_.Post(provider_->Url(bedrock ? "/model/anthropic.claude-v2/converse-stream" : "/v1/chat/completions"),
                      R"({"stream":true,"messages":[{"role":"user","content":"one two"}]})");
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->body, "");
    EXPECT_TRUE((*decoder)->End(keep).has_value());
    EXPECT_THAT(chunks, ElementsAre("echo: ", "one ", "two", "<last>"));
    EXPECT_GE(pieces, 5);
  }
}

TEST_F(RemoteCallerLiveTest, AStreamsReaderMayEndIt) {
  Start({.stream_gap = 5ms});
  harness_.options.body_sink = [](std::string_view) { return MakeError(Code::kCancelled, "the client left"); };
  const auto reply = harness_.Post(provider_->Url("/v1/chat/completions"),
                                   R"({"stream":true,"messages":[{"role":"user","content":"one two"}]})");
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().message, "the client left");
}

TEST_F(RemoteCallerLiveTest, CancelsWhatIsUnderWay) {
  Start();
  harness_.options.cancelled = std::make_shared<std::atomic<bool>>(false);
  auto answered = std::make_shared<std::promise<Code>>();
  harness_.caller->Send(CallerHarness::PostRequest(provider_->Url("/fault/silent/x")), harness_.options,
                        [answered](const Result<net::ClientReply>& reply) {
                          answered->set_value(reply ? Code::kInternal : reply.error().code);
                        });
  harness_.options.cancelled->store(true);
  auto answer = answered->get_future();
  ASSERT_EQ(answer.wait_for(CallerHarness::kPatience), std::future_status::ready);
  EXPECT_EQ(answer.get(), Code::kCancelled);
}

TEST_F(RemoteCallerLiveTest, FaultsLeaveNoDescriptor) {
  Start({.huge_bytes = 4UL * 1024 * 1024});
  harness_.options.config.read_timeout = 20ms;
  harness_.options.max_response_bytes = 64UL * 1024;
  const char* const faults[] = {
      "/fault/cut", "/fault/cut-body", "/fault/500", "/fault/huge", "/fault/429", "/fault/bad-json", ""};
  const auto round = [&] {
    for (const char* fault : faults) Outcome(fault);
  };
  for (int i = 0; i < 5; ++i) round();
  const std::size_t before = OpenDescriptors();
  for (int i = 0; i < 50; ++i) round();
  EXPECT_LE(OpenDescriptors(), before + 2);  // of both ends: one that is being closed
}

// Attacks.

// What a host name stands for is known only when it is connected to: the rules see that address and no other.
class AttackTest : public RemoteCallerLiveTest {
 protected:
  AttackTest() {
    harness_.options.rules = std::make_shared<OpenRules>([this](const sockaddr* address) {
      ++asked_;
      return net::CheckAddress(address, net::AddressPolicy::kPublicOnly).has_value()
                 ? Status()
                 : Status(MakeError(Code::kInvalidArgument, "Remote inference host name has private ip address: h"));
    });
  }
  std::atomic<int> asked_{0};
};

TEST_F(AttackTest, EveryWayToWriteThisMachineIsRefused) {
  Start();
  for (const char* host : {"127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "017700000001", "0x7f.0.0.1", "0x7f000001",
                           "0x7F.1", "localhost", "LOCALHOST.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
                           "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "127.0.0.1%2e", "0.0.0.0", "[::]", "0"}) {
    const auto reply = harness_.Post(fmt::format("http://{}:{}/v1/embeddings", host, provider_->port()));
    ASSERT_FALSE(reply.has_value()) << host;
    EXPECT_THAT(CodeName(reply.error().code), testing::AnyOf("invalid_argument", "internal")) << host;
  }
  EXPECT_EQ(provider_->connections(), 0U);
  EXPECT_GT(asked_.load(), 10);
}

TEST_F(AttackTest, PrivateNetworksAreRefused) {
  for (const char* host : {"10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]", "[fe80::1]",
                           "[::ffff:10.0.0.1]", "2852039166"}) {
    const auto reply = harness_.Post(fmt::format("http://{}/latest/meta-data", host));
    ASSERT_FALSE(reply.has_value()) << host;
    EXPECT_EQ(reply.error().message, "Remote inference host name has private ip address: h") << host;
    EXPECT_EQ(reply.error().code, Code::kInvalidArgument) << host;
  }
}

TEST_F(RemoteCallerLiveTest, ARedirectLeadsNowhere) {
  auto target = ProviderDouble::Start({});
  ASSERT_TRUE(target.has_value());
  Start({.redirect_to = (*target)->Url("/v1/embeddings")});
  const auto reply = Embed("/fault/redirect");
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->status, 302);
  EXPECT_EQ((*target)->connections(), 0U);
}

// The answer of the name server changed between two requests, or a rule did: the kept connection is asked about too.
TEST_F(RemoteCallerLiveTest, AnAddressThatIsRefusedNowIsNotReachedOverAKeptConnection) {
  Start();
  std::atomic<bool> trusted{true};
  std::atomic<int> asked{0};
  harness_.options.rules = std::make_shared<OpenRules>([&](const sockaddr* address) -> Status {
    ++asked;
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    EXPECT_EQ(v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    if (trusted) return {};
    return MakeError(Code::kInvalidArgument, "Remote inference host name has private ip address: h");
  });
  EXPECT_EQ(Outcome(""), "200");
  EXPECT_EQ(asked.load(), 2);  // the socket, and the request
  EXPECT_EQ(Outcome(""), "200");
  EXPECT_EQ(asked.load(), 3);
  trusted = false;
  EXPECT_THAT(Outcome(""), HasSubstr("invalid_argument"));
  EXPECT_EQ(provider_->requests(), 2U);
}

TEST_F(RemoteCallerLiveTest, HeadersCannotBeInjected) {
  Start();
  for (const char* value : {"a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX-Injected: 1"}) {
    auto request = CallerHarness::PostRequest(provider_->Url("/v1/embeddings"));
    request.headers.Add("X-Test", value);
    const auto reply = harness_.Call(request);
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().code, Code::kInvalidArgument);
  }
  const auto path = harness_.Post(provider_->Url("/v1/embeddings HTTP/1.1\r\nX-Injected: 1\r\n\r\n"));
  EXPECT_FALSE(path.has_value());
  EXPECT_EQ(provider_->requests(), 0U);
}

}  // namespace
}  // namespace mlnode::connectors
