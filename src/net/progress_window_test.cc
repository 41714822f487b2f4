#include "net/progress_window.h"

#include <gtest/gtest.h>

namespace mlnode::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ProgressWindowTest : public testing::Test {
 protected:
  ProgressWindow::Time start_{std::chrono::hours(1)};
  ProgressWindow window_{100, seconds(10)};
};

TEST_F(ProgressWindowTest, ADripDoesNotMoveTheDeadline) {
  const auto deadline = window_.Begin(start_);
  EXPECT_EQ(deadline, start_ + seconds(10));
  for (int i = 1; i < 100; ++i) EXPECT_EQ(window_.Moved(1, start_ + milliseconds(i * 100)), deadline);
}

TEST_F(ProgressWindowTest, EnoughBytesBeginTheNextWindow) {
  window_.Begin(start_);
  window_.Moved(60, start_ + seconds(1));
  EXPECT_EQ(window_.Moved(40, start_ + seconds(9)), start_ + seconds(19));
  EXPECT_EQ(window_.Moved(99, start_ + seconds(18)), start_ + seconds(19)) << "each window counts for itself";
}

TEST_F(ProgressWindowTest, TheNextMessageStartsAnew) {
  window_.Begin(start_);
  window_.Moved(99, start_);
  EXPECT_EQ(window_.Begin(start_ + seconds(5)), start_ + seconds(15));
  EXPECT_EQ(window_.Moved(1, start_ + seconds(6)), start_ + seconds(15));
}

}  // namespace
}  // namespace mlnode::net
