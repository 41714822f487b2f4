#include "rest/front_door.h"

#include <gtest/gtest.h>

#include "rest/telemetry.h"
#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

class Teapot final : public net::HttpHandler {
 public:
  std::optional<net::HttpReply> CheckHead(const net::HttpRequest&) override { return std::nullopt; }
  void Handle(std::shared_ptr<net::HttpExchange> exchange) override {
    net::HttpReply reply;
    reply.status = 418;
    exchange->Reply(std::move(reply));
  }
  net::HttpReply Refusal(int, const std::string&) override {
    net::HttpReply reply;
    reply.status = 418;
    return reply;
  }
};

TEST(FrontDoorTest, AsksToComeBackUntilItOpens) {
  Metrics metrics;
  FrontDoor door(metrics);
  const auto early = testing::MakeExchange("GET", "/_ready");
  door.Handle(early);
  EXPECT_EQ(early->answer->status, 503);
  EXPECT_EQ(early->answer->headers.Find("Retry-After"), "1");
  EXPECT_EQ(door.CheckHead(early->request())->status, 503);

  Teapot teapot;
  door.Open(teapot);
  const auto late = testing::MakeExchange("GET", "/_ready");
  door.Handle(late);
  EXPECT_EQ(late->answer->status, 418);
  EXPECT_FALSE(door.CheckHead(late->request()));
}

TEST(FrontDoorTest, CountsWhatItAnswersItself) {
  Metrics metrics;
  FrontDoor door(metrics);
  const auto early = testing::MakeExchange("GET", "/_ready");
  EXPECT_TRUE(door.CheckHead(early->request()));
  EXPECT_EQ(RequestsAnswered(metrics, kNoRoute, 503).Value(), 1);
  EXPECT_EQ(door.Refusal(408, "slow").status, 408);
  EXPECT_EQ(RequestsAnswered(metrics, kNoRoute, 408).Value(), 1);

  Teapot teapot;
  door.Open(teapot);
  EXPECT_EQ(door.Refusal(408, "slow").status, 418) << "the handler behind it counts and answers";
  EXPECT_EQ(RequestsAnswered(metrics, kNoRoute, 408).Value(), 1);
}

TEST(FrontDoorTest, IsAliveFromTheFirstMoment) {
  Metrics metrics;
  FrontDoor door(metrics);
  const auto probe = testing::MakeExchange("GET", "/_health");
  door.Handle(probe);
  EXPECT_EQ(probe->answer->status, 200);
}

}  // namespace
}  // namespace mlnode::rest
