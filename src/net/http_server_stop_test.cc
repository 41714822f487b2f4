// The end of a server: what is in progress, what is on its way, what outlives it.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "net/testing/raw_client.h"
#include "net/testing/scripted_handler.h"

namespace mlnode::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HttpServerStopTest : public testing::Test {
 protected:
  TestServer test_;
};

TEST_F(HttpServerStopTest, LetsARequestInProgressFinish) {
  test_.Start();
  RawClient busy(test_.port());
  RawClient idle(test_.port());
  idle.Send(Get("/"));
  EXPECT_EQ(idle.Read().status, 200);
  busy.Send(Get("/hold"));
  auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  std::thread stopping([&] { test_.server->Stop(seconds(10)); });
  EXPECT_TRUE(idle.ReadsEnd());
  EXPECT_FALSE(RawClient(test_.port()).connected());
  exchange->Reply(TextReply(200, "finished"));
  const auto reply = busy.Read();
  EXPECT_EQ(reply.body, "finished");
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_TRUE(busy.ReadsEnd());
  stopping.join();
  EXPECT_EQ(test_.Connections(), 0);
}

TEST_F(HttpServerStopTest, TakesARequestThatIsHalfRead) {
  test_.Start();
  RawClient client(test_.port());
  client.Send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  std::thread stopping([&] { test_.server->Stop(seconds(10)); });
  EXPECT_TRUE(Eventually([&] { return !RawClient(test_.port()).connected(); }));
  client.Send("body");
  const auto reply = client.Read();
  EXPECT_EQ(reply.body, "POST /x body");
  EXPECT_TRUE(client.ReadsEnd());
  stopping.join();
}

TEST_F(HttpServerStopTest, AnswersAFirstRequestThatIsOnItsWay) {
  test_.Start();
  RawClient client(test_.port());
  RawClient silent(test_.port());
  EXPECT_TRUE(Eventually([&] { return test_.Connections() == 2; }));
  std::thread stopping([&] { test_.server->Stop(seconds(30)); });
  EXPECT_TRUE(Eventually([&] { return !RawClient(test_.port()).connected(); }));
  client.Send(Get("/"));
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_TRUE(silent.ReadsEnd());
  stopping.join();
  EXPECT_EQ(test_.Connections(), 0);
}

TEST_F(HttpServerStopTest, ClosesWhatIsNotDoneInTime) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold"));
  const auto exchange = test_.handler.Next();
  ASSERT_NE(exchange, nullptr);
  test_.server->Stop(milliseconds(1));
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_TRUE(exchange->ClientGone());
}

TEST_F(HttpServerStopTest, AnExchangeMayOutliveTheServer) {
  test_.Start();
  RawClient client(test_.port());
  client.Send(Get("/hold/answered") + Get("/hold/dropped"));
  const auto answered = test_.handler.Next();
  auto dropped = test_.handler.Next();
  ASSERT_NE(dropped, nullptr);
  test_.server.reset();
  answered->Reply(TextReply(200, "too late"));
  dropped.reset();
  EXPECT_TRUE(answered->ClientGone());
  EXPECT_EQ(answered->request().target, "/hold/answered");
}

}  // namespace
}  // namespace mlnode::net
