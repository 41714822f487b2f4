#include "rest/resources/comma_list.h"

#include <gmock/gmock.h>

namespace mlnode::rest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SplitCommas, LeavesEmptyPartsOut) {
  EXPECT_THAT(SplitCommas("a,bc,,d,"), ElementsAre("a", "bc", "d"));
  EXPECT_THAT(SplitCommas(",a"), ElementsAre("a"));
  EXPECT_THAT(SplitCommas(","), IsEmpty());
  EXPECT_THAT(SplitCommas(""), IsEmpty());
}

}  // namespace
}  // namespace mlnode::rest
