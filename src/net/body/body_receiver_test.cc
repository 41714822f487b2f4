#include "net/body/body_receiver.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace mlnode::net {
namespace {

constexpr BodyReceiver::Limits kLimits{.max_bytes = 10'000, .max_ratio = 200};

class BodyReceiverTest : public testing::Test {
 protected:
  BodyBudget budget_{100'000};
  BudgetHold hold_{budget_};
  std::string body_;
};

TEST_F(BodyReceiverTest, CollectsPieces) {
  BodyReceiver receiver(body_, hold_, kLimits, false, std::nullopt);
  EXPECT_TRUE(receiver.Append("one ").has_value());
  EXPECT_TRUE(receiver.Append("two").has_value());
  EXPECT_TRUE(receiver.Finish().has_value());
  EXPECT_EQ(body_, "one two");
}

TEST_F(BodyReceiverTest, TakesNoMoreOfTheBudgetThanAnnounced) {
  BodyReceiver receiver(body_, hold_, kLimits, false, 100);
  EXPECT_TRUE(receiver.Append("x").has_value());
  EXPECT_EQ(budget_.used(), 100U);
}

TEST_F(BodyReceiverTest, ReadsInPlace) {
  BodyReceiver receiver(body_, hold_, kLimits, false, 5);
  EXPECT_TRUE(receiver.Append("ab").has_value());
  auto room = receiver.Prepare(3);
  ASSERT_TRUE(room.has_value());
  ASSERT_EQ(room->size(), 3U);
  std::memcpy(room->data(), "cde", 3);
  receiver.Commit(3);
  EXPECT_TRUE(receiver.Finish().has_value());
  EXPECT_EQ(body_, "abcde");
}

TEST_F(BodyReceiverTest, RefusesMoreThanTheLimit) {
  BodyReceiver receiver(body_, hold_, kLimits, false, std::nullopt);
  EXPECT_TRUE(receiver.Append(std::string(10'000, 'x')).has_value());
  EXPECT_EQ(receiver.Append("x").error().code, Code::kTooLarge);
}

TEST_F(BodyReceiverTest, RefusesWhatTheBudgetDoesNotHold) {
  BodyBudget small(1000);
  BudgetHold hold(small);
  BodyReceiver receiver(body_, hold, kLimits, false, std::nullopt);
  const auto status = receiver.Append(std::string(1001, 'x'));
  EXPECT_EQ(status.error().code, Code::kResourceExhausted);
  EXPECT_EQ(small.used(), 0U);
}

TEST_F(BodyReceiverTest, UnpacksGzip) {
  BodyReceiver receiver(body_, hold_, kLimits, true, 3);
  EXPECT_TRUE(receiver.Append(Gzip("plain text")).has_value());
  EXPECT_TRUE(receiver.Finish().has_value());
  EXPECT_EQ(body_, "plain text");
}

TEST(BudgetHoldTest, GivesBackWhatItTook) {
  BodyBudget budget(100);
  {
    BudgetHold hold(budget);
    EXPECT_TRUE(hold.Take(60));
    EXPECT_FALSE(hold.Take(41));
    EXPECT_FALSE(budget.HasRoomFor(41));
    EXPECT_TRUE(budget.HasRoomFor(40));
  }
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace mlnode::net
