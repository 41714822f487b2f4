// What the client tells of requests that may not go out twice.
#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/testing/dropping_server.h"
#include "net/testing/stalling_server.h"

namespace mlnode::net {
namespace {

using std::chrono::milliseconds;

// A kept connection that ends before the answer's first byte: what was asked may have been done.
TEST(HttpClientOnceTest, SendsOnceWhatMustNotBeRepeated) {
  for (const bool may_resend : {true, false}) {
    DroppingServer server;
    const auto client = HttpClient::Create();  // goes before the server, which waits for its end
    ClientRequest request;
    request.method = "POST";
    request.url = server.Url("/");
    request.addresses = AddressPolicy::kLoopbackAndPublic;
    request.may_resend = may_resend;
    EXPECT_TRUE(client->Call(request));
    const auto second = client->Call(request);
    EXPECT_EQ(second.has_value(), may_resend);
    if (!second) EXPECT_EQ(second.error().code, Code::kUpstream) << second.error().message;
    EXPECT_EQ(server.received(), may_resend ? 3 : 2);
  }
}

// Nothing went out: whoever asks may ask somebody else.
TEST(HttpClientOnceTest, SaysWhenItWasNotConnectedInTime) {
  StallingServer silent;  // its TLS never begins
  const auto client = HttpClient::Create();
  for (const auto limit : {&ClientRequest::connect_timeout, &ClientRequest::total_timeout}) {
    ClientRequest request;
    request.addresses = AddressPolicy::kLoopbackAndPublic;
    request.url = "https" + silent.Url("/").substr(4);
    request.*limit = milliseconds(50);
    const auto reply = client->Call(request);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::kUnavailable);
    EXPECT_EQ(reply.error().message, kNotConnectedInTime);
  }
}

}  // namespace
}  // namespace mlnode::net
