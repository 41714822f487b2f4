#include "storage/document_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Document WithFormat(json::value format) {
  return {.key = {Collection::kTasks, "t1"}, .body = json::object{{"_format", std::move(format)}}};
}

TEST(DocumentFormatTest, AbsentIsTheFirst) {
  EXPECT_TRUE(CheckFormat({.key = {Collection::kTasks, "t1"}, .body = {}}));
  EXPECT_TRUE(CheckFormat(WithFormat(1)));
}

TEST(DocumentFormatTest, ANewerOneIsRefusedWithWhatToDo) {
  const Status status = CheckFormat(WithFormat(2));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kDataLoss);
  EXPECT_THAT(status.error().message, AllOf(HasSubstr("tasks/t1 has format 2"), HasSubstr("formats up to 1"),
                                            HasSubstr("start the newer mlnode")));
}

TEST(DocumentFormatTest, WhatIsNoFormatIsDamage) {
  for (const json::value& format : {json::value(0), json::value(-1), json::value("1"), json::value(nullptr)}) {
    const Status status = CheckFormat(WithFormat(format));
    ASSERT_FALSE(status) << ToJson(format);
    EXPECT_EQ(status.error().code, Code::kDataLoss);
    EXPECT_THAT(status.error().message, HasSubstr("[_format]"));
  }
}

}  // namespace
}  // namespace mlnode::storage
