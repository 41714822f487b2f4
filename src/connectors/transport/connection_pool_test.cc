#include "connectors/transport/connection_pool.h"

#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

TEST(ConnectionPoolsTest, GivesConnectionsUpToTheLimitInOrder) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 1'000, .in_use = 100});
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U, 4U}) EXPECT_TRUE(pools.Enter("a", 2, ticket, 0));
  EXPECT_EQ(pools.Next(), 1U);
  EXPECT_EQ(pools.Next(), 2U);
  EXPECT_EQ(pools.Next(), std::nullopt);
  EXPECT_EQ(pools.waiting(), 2U);
  pools.Release("a");
  EXPECT_EQ(pools.Next(), 3U);
  EXPECT_EQ(pools.Next(), std::nullopt);
}

TEST(ConnectionPoolsTest, PoolsDoNotShareTheirConnections) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 1'000, .in_use = 100});
  EXPECT_TRUE(pools.Enter("a", 1, 1, 0));
  EXPECT_EQ(pools.Next(), 1U);
  EXPECT_TRUE(pools.Enter("b", 1, 2, 0));
  EXPECT_EQ(pools.Next(), 2U);
}

TEST(ConnectionPoolsTest, ACallThatAsksAgainKeepsItsPlace) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 1'000, .in_use = 100});
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U}) EXPECT_TRUE(pools.Enter("a", 1, ticket, 0));
  EXPECT_EQ(pools.Next(), 1U);
  pools.Release("a");
  EXPECT_EQ(pools.Next(), 2U);
  EXPECT_TRUE(pools.Enter("a", 1, 1, 0));
  pools.Release("a");
  EXPECT_EQ(pools.Next(), 1U);
}

TEST(ConnectionPoolsTest, BoundsThoseWhoWaitOverAllPools) {
  ConnectionPools pools({.waiting = 2, .waiting_bytes = 1'000, .in_use = 100});
  for (ConnectionPools::Ticket ticket : {1U, 2U}) {
    EXPECT_TRUE(pools.Enter("a", 1, ticket, 0));
    pools.Next();
  }
  EXPECT_TRUE(pools.Enter("a", 1, 3, 0));
  EXPECT_FALSE(pools.Enter("a", 1, 4, 0));
  EXPECT_TRUE(pools.Enter("b", 1, 5, 0));  // does not wait
  EXPECT_EQ(pools.Next(), 5U);
  EXPECT_FALSE(pools.Enter("b", 1, 6, 0));
  EXPECT_EQ(pools.waiting(), 2U);
}

TEST(ConnectionPoolsTest, WhoWithdrawsIsPassedOver) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 1'000, .in_use = 100});
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U}) EXPECT_TRUE(pools.Enter("a", 1, ticket, 0));
  EXPECT_EQ(pools.Next(), 1U);
  pools.Withdraw("a", 2);
  pools.Withdraw("a", 2);
  pools.Withdraw("nowhere", 2);
  pools.Release("a");
  EXPECT_EQ(pools.Next(), 3U);
  EXPECT_EQ(pools.waiting(), 0U);
}

TEST(ConnectionPoolsTest, FollowsTheLimit) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 1'000, .in_use = 100});
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U}) EXPECT_TRUE(pools.Enter("a", 1, ticket, 0));
  EXPECT_EQ(pools.Next(), 1U);
  EXPECT_TRUE(pools.Enter("a", 3, 4, 0));
  EXPECT_EQ(pools.Next(), 2U);
  EXPECT_EQ(pools.Next(), 3U);
  EXPECT_EQ(pools.Next(), std::nullopt);
  EXPECT_TRUE(pools.Enter("a", 0, 5, 0));  // counts as 1
  pools.Release("a");
  pools.Release("a");
  EXPECT_EQ(pools.Next(), std::nullopt);
  pools.Release("a");
  EXPECT_EQ(pools.Next(), 4U);
}

TEST(ConnectionPoolsTest, ForgetsPoolsThatNobodyUses) {
  ConnectionPools pools({.waiting = 0, .waiting_bytes = 1'000, .in_use = 100});
  EXPECT_TRUE(pools.Enter("a", 1, 1, 0));
  EXPECT_EQ(pools.Next(), 1U);
  pools.Release("a");
  EXPECT_TRUE(pools.Enter("b", 1, 2, 0));
  pools.Withdraw("b", 2);
  EXPECT_EQ(pools.pools(), 0U);
  pools.Release("a");
  EXPECT_EQ(pools.Next(), std::nullopt);
}

TEST(ConnectionPoolsTest, AllPoolsTogetherHaveALimitAndTurnsGoByAge) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 1'000, .in_use = 2});
  EXPECT_TRUE(pools.Enter("a", 10, 1, 0));
  EXPECT_TRUE(pools.Enter("a", 10, 2, 0));
  EXPECT_EQ(pools.Next(), 1U);
  EXPECT_EQ(pools.Next(), 2U);
  EXPECT_TRUE(pools.Enter("b", 10, 3, 0));
  EXPECT_TRUE(pools.Enter("a", 10, 4, 0));
  EXPECT_EQ(pools.Next(), std::nullopt);
  EXPECT_EQ(pools.waiting(), 2U);
  pools.Release("a");
  EXPECT_EQ(pools.Next(), 3U) << "what one pool gives back is of use to another";
  EXPECT_EQ(pools.Next(), std::nullopt);
  pools.Release("b");
  EXPECT_EQ(pools.Next(), 4U);
}

TEST(ConnectionPoolsTest, APoolAtItsLimitDoesNotHoldUpAnother) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 1'000, .in_use = 100});
  EXPECT_TRUE(pools.Enter("a", 1, 1, 0));
  EXPECT_TRUE(pools.Enter("a", 1, 2, 0));
  EXPECT_TRUE(pools.Enter("b", 1, 3, 0));
  EXPECT_EQ(pools.Next(), 1U);
  EXPECT_EQ(pools.Next(), 3U);
  EXPECT_EQ(pools.Next(), std::nullopt);
}

TEST(ConnectionPoolsTest, BoundsTheBytesOfThoseWhoWait) {
  ConnectionPools pools({.waiting = 100, .waiting_bytes = 100, .in_use = 100});
  EXPECT_TRUE(pools.Enter("a", 1, 1, 5'000)) << "does not wait";
  EXPECT_EQ(pools.Next(), 1U);
  EXPECT_TRUE(pools.Enter("a", 1, 2, 60));
  EXPECT_FALSE(pools.Enter("a", 1, 3, 41));
  EXPECT_TRUE(pools.Enter("a", 1, 4, 40));
  pools.Withdraw("a", 2);
  EXPECT_TRUE(pools.Enter("a", 1, 5, 60));
  pools.Release("a");
  EXPECT_EQ(pools.Next(), 4U);
  EXPECT_TRUE(pools.Enter("a", 1, 6, 40));
}

TEST(ConnectionPoolsTest, AProcessKeepsDescriptorsForOthers) {
  EXPECT_GE(ConnectionPools::OfThisProcess(), 1U);
  EXPECT_LE(ConnectionPools::OfThisProcess(), ConnectionPools::kMostInFlight);
}

}  // namespace
}  // namespace mlnode::connectors
