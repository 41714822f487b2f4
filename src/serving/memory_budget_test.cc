#include "serving/memory_budget.h"

#include <gmock/gmock.h>

namespace mlnode::serving {
namespace {

using ::testing::HasSubstr;

TEST(MemoryBudgetTest, BaseCountsAgainstTheLimit) {
  MemoryBudget budget(100, 40);
  EXPECT_EQ(budget.Reserved(), 40U);
  EXPECT_FALSE(budget.Reserve(61, "a").has_value());
  EXPECT_EQ(budget.Refused(), 1U);
  auto fits = budget.Reserve(60, "a");
  ASSERT_TRUE(fits.has_value());
  EXPECT_EQ(budget.Reserved(), 100U);
}

TEST(MemoryBudgetTest, RefusalNamesPurposeNeedReservedAndLimit) {
  MemoryBudget budget(1000, 100);
  auto held = budget.Reserve(500, "model a");
  ASSERT_TRUE(held.has_value());
  auto refused = budget.Reserve(401, "model b");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_EQ(refused.error().reason, "circuit_breaking_exception");
  EXPECT_THAT(refused.error().message,
              HasSubstr("model b: it needs 401 bytes, 600 bytes are reserved and the limit is 1000"));
}

TEST(MemoryBudgetTest, RefusalDoesNotOverflow) {
  MemoryBudget budget(1000, 100);
  EXPECT_FALSE(budget.Reserve(~0ULL, "everything").has_value());
  MemoryBudget overdrawn(10, 100);
  EXPECT_FALSE(overdrawn.Reserve(0, "nothing").has_value());
}

TEST(MemoryBudgetTest, ReservationGivesBackOnceThroughMoves) {
  MemoryBudget budget(100, 0);
  {
    MemoryBudget::Reservation outer;
    {
      auto inner = budget.Reserve(70, "a");
      ASSERT_TRUE(inner.has_value());
      outer = std::move(*inner);
    }
    EXPECT_EQ(budget.Reserved(), 70U);
    auto other = budget.Reserve(20, "b");
    ASSERT_TRUE(other.has_value());
    outer = std::move(*other);  // the first goes
    EXPECT_EQ(budget.Reserved(), 20U);
    const MemoryBudget::Reservation last(std::move(outer));
    EXPECT_EQ(last.bytes(), 20U);
  }
  EXPECT_EQ(budget.Reserved(), 0U);
}

TEST(MemoryBudgetTest, ShrinksButNeverGrows) {
  MemoryBudget budget(100, 0);
  auto held = budget.Reserve(80, "a");
  ASSERT_TRUE(held.has_value());
  held->ShrinkTo(90);
  EXPECT_EQ(held->bytes(), 80U);
  held->ShrinkTo(30);
  EXPECT_EQ(held->bytes(), 30U);
  EXPECT_EQ(budget.Reserved(), 30U);
}

}  // namespace
}  // namespace mlnode::serving
