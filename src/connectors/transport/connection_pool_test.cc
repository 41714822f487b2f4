#include "connectors/transport/connection_pool.h"

#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

TEST(ConnectionPoolsTest, GivesConnectionsUpToTheLimitInOrder) {
  ConnectionPools pools(100);
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U, 4U}) EXPECT_TRUE(pools.Enter("a", 2, ticket));
  EXPECT_EQ(pools.Next("a"), 1U);
  EXPECT_EQ(pools.Next("a"), 2U);
  EXPECT_EQ(pools.Next("a"), std::nullopt);
  EXPECT_EQ(pools.waiting(), 2U);
  pools.Release("a");
  EXPECT_EQ(pools.Next("a"), 3U);
  EXPECT_EQ(pools.Next("a"), std::nullopt);
}

TEST(ConnectionPoolsTest, PoolsDoNotShareTheirConnections) {
  ConnectionPools pools(100);
  EXPECT_TRUE(pools.Enter("a", 1, 1));
  EXPECT_EQ(pools.Next("a"), 1U);
  EXPECT_TRUE(pools.Enter("b", 1, 2));
  EXPECT_EQ(pools.Next("b"), 2U);
}

TEST(ConnectionPoolsTest, ACallThatAsksAgainKeepsItsPlace) {
  ConnectionPools pools(100);
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U}) EXPECT_TRUE(pools.Enter("a", 1, ticket));
  EXPECT_EQ(pools.Next("a"), 1U);
  pools.Release("a");
  EXPECT_EQ(pools.Next("a"), 2U);
  EXPECT_TRUE(pools.Enter("a", 1, 1));
  pools.Release("a");
  EXPECT_EQ(pools.Next("a"), 1U);
}

TEST(ConnectionPoolsTest, BoundsThoseWhoWaitOverAllPools) {
  ConnectionPools pools(2);
  for (ConnectionPools::Ticket ticket : {1U, 2U}) {
    EXPECT_TRUE(pools.Enter("a", 1, ticket));
    pools.Next("a");
  }
  EXPECT_TRUE(pools.Enter("a", 1, 3));
  EXPECT_FALSE(pools.Enter("a", 1, 4));
  EXPECT_TRUE(pools.Enter("b", 1, 5));  // does not wait
  EXPECT_EQ(pools.Next("b"), 5U);
  EXPECT_FALSE(pools.Enter("b", 1, 6));
  EXPECT_EQ(pools.waiting(), 2U);
}

TEST(ConnectionPoolsTest, WhoWithdrawsIsPassedOver) {
  ConnectionPools pools(100);
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U}) EXPECT_TRUE(pools.Enter("a", 1, ticket));
  EXPECT_EQ(pools.Next("a"), 1U);
  pools.Withdraw("a", 2);
  pools.Withdraw("a", 2);
  pools.Withdraw("nowhere", 2);
  pools.Release("a");
  EXPECT_EQ(pools.Next("a"), 3U);
  EXPECT_EQ(pools.waiting(), 0U);
}

TEST(ConnectionPoolsTest, FollowsTheLimit) {
  ConnectionPools pools(100);
  for (ConnectionPools::Ticket ticket : {1U, 2U, 3U}) EXPECT_TRUE(pools.Enter("a", 1, ticket));
  EXPECT_EQ(pools.Next("a"), 1U);
  EXPECT_TRUE(pools.Enter("a", 3, 4));
  EXPECT_EQ(pools.Next("a"), 2U);
  EXPECT_EQ(pools.Next("a"), 3U);
  EXPECT_EQ(pools.Next("a"), std::nullopt);
  EXPECT_TRUE(pools.Enter("a", 0, 5));  // counts as 1
  pools.Release("a");
  pools.Release("a");
  EXPECT_EQ(pools.Next("a"), std::nullopt);
  pools.Release("a");
  EXPECT_EQ(pools.Next("a"), 4U);
}

TEST(ConnectionPoolsTest, ForgetsPoolsThatNobodyUses) {
  ConnectionPools pools(0);
  EXPECT_TRUE(pools.Enter("a", 1, 1));
  EXPECT_EQ(pools.Next("a"), 1U);
  pools.Release("a");
  EXPECT_TRUE(pools.Enter("b", 1, 2));
  pools.Withdraw("b", 2);
  EXPECT_EQ(pools.pools(), 0U);
  pools.Release("a");
  EXPECT_EQ(pools.Next("a"), std::nullopt);
}

}  // namespace
}  // namespace mlnode::connectors
