#include "serving/scheduling/fair_share.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace mlnode::serving {
namespace {

TEST(FairShareTest, NobodyWaitsNobodyIsNext) {
  FairShare share(10);
  EXPECT_EQ(share.Next(), std::nullopt);
  share.Activate(1);
  EXPECT_EQ(share.Next(), 1U);
  share.Deactivate(1);
  share.Deactivate(1);
  EXPECT_EQ(share.Next(), std::nullopt);
  EXPECT_EQ(share.waiting(), 0U);
}

TEST(FairShareTest, TimeIsEqualWhateverABatchCosts) {
  FairShare share(10);
  const std::map<FairShare::Id, double> cost = {{1, 1}, {2, 7}, {3, 64}};
  std::map<FairShare::Id, double> used;
  for (const auto& [id, micros] : cost) share.Activate(id);
  for (int i = 0; i < 3'000; ++i) {
    const FairShare::Id id = share.Next().value();
    share.Charge(id, cost.at(id));
    used[id] += cost.at(id);
  }
  EXPECT_NEAR(used[1] / used[3], 1, 0.1);
  EXPECT_NEAR(used[2] / used[3], 1, 0.1);
}

TEST(FairShareTest, StaysWithAModelForAQuantum) {
  FairShare share(10);
  share.Activate(1);
  share.Activate(2);
  std::vector<FairShare::Id> order;
  for (int i = 0; i < 8; ++i) {
    order.push_back(share.Next().value());
    share.Charge(order.back(), 5);
  }
  EXPECT_EQ(order, (std::vector<FairShare::Id>{1, 1, 2, 2, 1, 1, 2, 2}));
}

TEST(FairShareTest, CreditIsNotSavedUpWhileNothingWaits) {
  FairShare share(10);
  share.Activate(1);
  share.Activate(2);
  share.Deactivate(2);
  for (int i = 0; i < 100; ++i) share.Charge(share.Next().value(), 10);
  share.Activate(2);
  double used = 0;
  for (int i = 0; i < 4; ++i) {
    const auto id = share.Next().value();
    share.Charge(id, 10);
    if (id == 2) used += 10;
  }
  EXPECT_EQ(used, 20);
}

// One costly batch at a time, asked for again as soon as it is done.
TEST(FairShareTest, DebtIsKeptWhileNothingWaits) {
  FairShare share(10);
  double cheap = 0;
  double costly = 0;
  share.Activate(1);
  for (int i = 0; i < 2'000; ++i) {
    share.Activate(2);
    const auto id = share.Next().value();
    share.Charge(id, id == 1 ? 5 : 100);
    (id == 1 ? cheap : costly) += id == 1 ? 5 : 100;
    share.Deactivate(2);
  }
  EXPECT_NEAR(cheap / costly, 1, 0.1);
}

TEST(FairShareTest, NobodyIsShutOutForLongAfterABatchThatTookForEver) {
  FairShare share(8'000);
  share.Activate(1);
  share.Activate(2);
  share.Charge(1, 1e15);
  double others = 0;
  while (share.Next().value() == 2) {
    share.Charge(2, 8'000);
    others += 8'000;
    ASSERT_LT(others, 2e7);
  }
  EXPECT_GE(others, 0.9e7);
}

TEST(FairShareTest, EstimateTooHighIsGivenBack) {
  FairShare share(10);
  share.Activate(1);
  share.Activate(2);
  ASSERT_EQ(share.Next(), 1U);
  share.Charge(1, 1'000);
  share.Charge(1, -995);
  int turns = 0;
  for (int i = 0; i < 20; ++i) {
    const auto id = share.Next().value();
    share.Charge(id, 5);
    if (id == 1) ++turns;
  }
  EXPECT_GE(turns, 9);
}

TEST(FairShareTest, ForgottenIsUnknown) {
  FairShare share(10);
  share.Activate(1);
  share.Activate(2);
  share.Forget(1);
  share.Charge(1, 5);
  EXPECT_EQ(share.waiting(), 1U);
  EXPECT_EQ(share.Next(), 2U);
}

}  // namespace
}  // namespace mlnode::serving
