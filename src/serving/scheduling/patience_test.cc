#include "serving/scheduling/patience.h"

#include <gtest/gtest.h>

namespace mlnode::serving {
namespace {

using std::chrono::seconds;

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST(PatienceTest, IsTheLongestWhileNobodyIsRefused) {
  const Patience patience(seconds(10));
  EXPECT_EQ(patience.Limit(kStart), seconds(10));
}

TEST(PatienceTest, SinksWhileAnOverloadLastsToATenth) {
  Patience patience(seconds(10));
  for (int second = 0; second < 60; ++second) patience.Refused(kStart + seconds(second));
  EXPECT_EQ(patience.Limit(kStart + seconds(4)), seconds(8));
  EXPECT_EQ(patience.Limit(kStart + seconds(60)), seconds(1));
}

TEST(PatienceTest, IsTheLongestAgainOnceNobodyWasRefusedForAWhile) {
  Patience patience(seconds(10));
  patience.Refused(kStart);
  patience.Refused(kStart + seconds(4));
  EXPECT_LT(patience.Limit(kStart + seconds(8)), seconds(10));
  EXPECT_EQ(patience.Limit(kStart + seconds(9)), seconds(10));
  patience.Refused(kStart + seconds(30));  // another overload begins anew
  EXPECT_EQ(patience.Limit(kStart + seconds(31)), std::chrono::milliseconds(9'500));
}

TEST(MicrosUntilDoneTest, IdleLanesShareTheWork) {
  EXPECT_EQ(MicrosUntilDone(0, 4, {}), 0);
  EXPECT_EQ(MicrosUntilDone(100, 4, {}), 25);
}

TEST(MicrosUntilDoneTest, NothingAheadWaitsForTheFirstLaneAlone) {
  EXPECT_EQ(MicrosUntilDone(0, 2, {500}), 0);
  EXPECT_EQ(MicrosUntilDone(0, 2, {500, 70}), 70);
}

TEST(MicrosUntilDoneTest, LanesJoinAsTheyComeFree) {
  EXPECT_EQ(MicrosUntilDone(30, 2, {100, 0}), 30);
  EXPECT_EQ(MicrosUntilDone(200, 2, {100, 0}), 150);
  EXPECT_EQ(MicrosUntilDone(60, 3, {10, 20, 1'000}), 45);
}

}  // namespace
}  // namespace mlnode::serving
