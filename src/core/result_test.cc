#include "core/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace mlnode {
namespace {

Result<int> Half(int n) {
  if (n % 2) return MakeError(Code::kInvalidArgument, "odd");
  return n / 2;
}
Result<int> Quarter(int n) {
  ASSIGN_OR_RETURN(const int half, Half(n));
  return Half(half);
}
Status Check(int n) {
  RETURN_IF_ERROR(Half(n));
  return {};
}

TEST(ResultTest, MacrosPassValuesAndErrorsOn) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd");
  EXPECT_TRUE(Check(2));
  EXPECT_EQ(Check(1).error().code, Code::kInvalidArgument);
}

TEST(ResultTest, MovesValuesOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 5);
}

TEST(ResultTest, ValueOrIsTheOtherOnlyOnError) {
  EXPECT_EQ(Half(4).value_or(9), 2);
  EXPECT_EQ(Half(3).value_or(9), 9);
}

TEST(ResultTest, AnnotateKeepsCodeReasonAndRetryTime) {
  Error error = MakeError(Code::kUnavailable, "down");
  error.reason = "why";
  error.retry_after = std::chrono::seconds(1);
  const Error annotated = Annotate(error, "store");
  EXPECT_EQ(annotated.message, "store: down");
  EXPECT_EQ(annotated.code, Code::kUnavailable);
  EXPECT_EQ(annotated.reason, "why");
  EXPECT_EQ(annotated.retry_after, std::chrono::seconds(1));
}

TEST(ResultTest, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 0; i < kCodeCount; ++i) names.insert(CodeName(static_cast<Code>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kCodeCount));
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(CodeName(Code::kInternal), "internal");
}

TEST(ResultDeathTest, ValueOfAnErrorEndsTheProcessWithItsText) {
  EXPECT_DEATH((void)Half(1).value(), "bug: value\\(\\) of an error: invalid_argument: odd");
}

}  // namespace
}  // namespace mlnode
