#include "connectors/transport/endpoint_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

using Outcome = Endpoint::Outcome;

SteadyTime At(int seconds) { return SteadyTime(std::chrono::seconds(seconds)); }

TEST(EndpointTableTest, KeepsWhatIsKnownOfAnEndpoint) {
  Metrics metrics;
  EndpointTable table(metrics, 10);
  const auto endpoint = table.Find("https://a:443", At(1));
  EXPECT_EQ(table.Find("https://a:443", At(2)), endpoint);
  endpoint->BeginRequest(false);
  endpoint->BeginRequest(true);
  EXPECT_EQ(endpoint->in_flight, 2U);
  endpoint->EndRequest(Outcome::kAnswered, false, At(2), At(3));
  endpoint->EndRequest(Outcome::kUnreachable, false, At(2), At(3));
  EXPECT_EQ(endpoint->calls, 2U);
  EXPECT_EQ(endpoint->failures, 1U);
  EXPECT_EQ(endpoint->retries, 1U);
  const std::string text = metrics.ToText();
  EXPECT_THAT(text, testing::HasSubstr("mlnode_remote_requests_total{endpoint=\"https://a:443\"} 2"));
  EXPECT_THAT(text, testing::HasSubstr("mlnode_remote_in_flight{endpoint=\"https://a:443\"} 0"));
}

TEST(EndpointTableTest, ForgetsTheOneThatWasUnusedLongest) {
  Metrics metrics;
  EndpointTable table(metrics, 2);
  table.Find("busy", At(1))->BeginRequest(false);
  table.Find("old", At(2));
  table.Find("new", At(3));
  EXPECT_TRUE(table.all().contains("busy"));
  EXPECT_FALSE(table.all().contains("old"));
  EXPECT_EQ(table.all().size(), 2U);
}

TEST(EndpointTableTest, BoundsTheLabelsOfItsMetrics) {
  Metrics metrics;
  EndpointTable table(metrics, 1'000);
  for (int i = 0; i < 200; ++i) table.Find("e" + std::to_string(i), At(i))->BeginRequest(false);
  const std::string text = metrics.ToText();
  EXPECT_THAT(text, testing::HasSubstr("mlnode_remote_requests_total{endpoint=\"e63\"} 1"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("\"e64\"")));
  EXPECT_THAT(text, testing::HasSubstr("mlnode_remote_requests_total{endpoint=\"other\"} 136"));
}

TEST(EndpointTableTest, CountsOpenCircuits) {
  Metrics metrics;
  EndpointTable table(metrics, 1);
  const auto dead = table.Find("dead", At(0));
  for (int i = 0; i < 10; ++i) {
    dead->BeginRequest(false);
    dead->EndRequest(Outcome::kUnreachable, false, At(0), At(1));
  }
  EXPECT_EQ(dead->metrics.open_circuits.Value(), 1);
  table.Find("next", At(2));  // the dead one is forgotten
  EXPECT_EQ(dead->metrics.open_circuits.Value(), 0);
}

}  // namespace
}  // namespace mlnode::connectors
