#include "serving/scheduling/urgency_policy.h"

#include <gtest/gtest.h>

#include "serving/scheduler.h"

namespace mlnode::serving {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST(UrgencyPolicyTest, WhoeverWaitsAloneIsNext) {
  const UrgencyPolicy policy(1, 8);
  EXPECT_EQ(policy.Next(false, false, 0), std::nullopt);
  EXPECT_EQ(policy.Next(true, false, 0), Urgency::kInteractive);
  EXPECT_EQ(policy.Next(false, true, 0), Urgency::kBulk);
}

TEST(UrgencyPolicyTest, InteractiveGoesFirstAndBulkGetsItsShare) {
  UrgencyPolicy policy(1, 8);
  double interactive = 0;
  double bulk = 0;
  EXPECT_EQ(policy.Next(true, true, 0), Urgency::kInteractive);
  for (int i = 0; i < 1'000; ++i) {
    const Urgency next = policy.Next(true, true, 0).value();
    const double micros = next == Urgency::kBulk ? 8 : 5;
    (next == Urgency::kBulk ? bulk : interactive) += micros;
    policy.Begin(next, micros, true);
  }
  EXPECT_NEAR(bulk / (bulk + interactive), UrgencyPolicy::kBulkShare, 0.02);
}

TEST(UrgencyPolicyTest, BulkLeavesOneOfSeveralLanes) {
  UrgencyPolicy policy(3, 8);
  policy.Begin(Urgency::kInteractive, 1'000, true);
  EXPECT_EQ(policy.Next(true, true, 1), Urgency::kBulk);
  EXPECT_EQ(policy.Next(true, true, 2), Urgency::kInteractive);
  EXPECT_EQ(policy.Next(false, true, 2), Urgency::kBulk);
}

TEST(UrgencyPolicyTest, WhatWasEarnedIsLostOnceBulkNeedNotWait) {
  UrgencyPolicy policy(1, 8);
  policy.Begin(Urgency::kInteractive, 1'000, true);
  policy.Begin(Urgency::kBulk, 8, false);
  EXPECT_EQ(policy.Next(true, true, 0), Urgency::kInteractive);
}

TEST(UrgencyPolicyTest, InteractiveIsRememberedForASecond) {
  UrgencyPolicy policy(1, 8);
  EXPECT_FALSE(policy.InteractiveSeen(kStart));
  policy.SawInteractive(kStart);
  EXPECT_TRUE(policy.InteractiveSeen(kStart + std::chrono::milliseconds(999)));
  EXPECT_FALSE(policy.InteractiveSeen(kStart + std::chrono::seconds(1)));
}

TEST(UrgencyOfTest, WhatWasAskedForElseTheNumberOfDocuments) {
  EXPECT_EQ(UrgencyOf(std::nullopt, kInteractiveDocuments), Urgency::kInteractive);
  EXPECT_EQ(UrgencyOf(std::nullopt, kInteractiveDocuments + 1), Urgency::kBulk);
  EXPECT_EQ(UrgencyOf(Urgency::kBulk, 1), Urgency::kBulk);
  EXPECT_EQ(UrgencyOf(Urgency::kInteractive, 1'000), Urgency::kInteractive);
}

}  // namespace
}  // namespace mlnode::serving
