#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace mlnode::cli {
namespace {

TEST(TerminalTest, TablePadsColumnsAndTrimsLineEnds) {
  EXPECT_EQ(FormatTable({{"ID", "NAME"}, {"abc", "x"}, {"d", "yy"}}), "ID   NAME\nabc  x\nd    yy\n");
}

TEST(TerminalTest, BytesAreDecimalWithOneDigit) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(83'413'604), "83.4 MB");
  EXPECT_EQ(FormatBytes(4.2e12), "4.2 TB");
}

TEST(TerminalTest, FieldsShowNestedObjectsIndented) {
  const json::object object = {{"state", "DEPLOYED"}, {"memory", {{"limit", 5}}}};
  EXPECT_EQ(FormatFields(object), "state   DEPLOYED\nmemory\n  limit  5\n");
}

}  // namespace
}  // namespace mlnode::cli
