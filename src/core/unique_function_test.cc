#include "core/unique_function.h"

#include <gtest/gtest.h>

#include <memory>

namespace mlnode {
namespace {

TEST(UniqueFunctionTest, OwnsMoveOnlyCaptures) {
  UniqueFunction<int(int)> f = [n = std::make_unique<int>(40)](int m) { return *n + m; };
  UniqueFunction<int(int)> moved = std::move(f);
  EXPECT_EQ(moved(2), 42);
}

TEST(UniqueFunctionTest, IsFalseWhenEmpty) {
  UniqueFunction<void()> f;
  EXPECT_FALSE(f);
  f = [] {};
  EXPECT_TRUE(f);
  f = UniqueFunction<void()>();
  EXPECT_FALSE(f);
}

TEST(UniqueFunctionTest, PassesReferencesAndMoveOnlyArguments) {
  UniqueFunction<void(int&, std::unique_ptr<int>)> f = [](int& out, std::unique_ptr<int> in) { out = *in; };
  int out = 0;
  f(out, std::make_unique<int>(7));
  EXPECT_EQ(out, 7);
}

TEST(UniqueFunctionTest, KeepsStateBetweenCallsAndFreesIt) {
  auto owned = std::make_shared<int>();
  {
    UniqueFunction<int()> f = [owned, n = 0]() mutable { return ++n; };
    EXPECT_EQ(f(), 1);
    EXPECT_EQ(f(), 2);
    EXPECT_EQ(owned.use_count(), 2);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(UniqueFunctionTest, CopiesAnLvalueCallable) {
  const auto callable = [] { return 3; };
  UniqueFunction<int()> f = callable;
  EXPECT_EQ(f(), callable());
}

}  // namespace
}  // namespace mlnode
