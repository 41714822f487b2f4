#include "rest/client_watch.h"

#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

class ClientWatchTest : public ::testing::Test {
 protected:
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor timers_{clock_};
  int told_ = 0;
  ClientWatch watch_{timers_, [this] { ++told_; }};
};

TEST_F(ClientWatchTest, SetsTheFlagOnceTheClientHasGone) {
  const auto exchange = testing::MakeExchange("POST", "/x");
  const serving::CancelFlag flag = watch_.Watch(exchange);
  timers_.RunFor(std::chrono::seconds(1));
  EXPECT_FALSE(flag->load());
  EXPECT_EQ(told_, 0);
  exchange->gone = true;
  timers_.RunFor(std::chrono::milliseconds(200));
  EXPECT_TRUE(flag->load());
  EXPECT_EQ(told_, 1);
}

TEST_F(ClientWatchTest, StopsLookingWhenNothingIsLeft) {
  auto exchange = testing::MakeExchange("POST", "/x");
  serving::CancelFlag flag = watch_.Watch(exchange);
  const std::weak_ptr<net::HttpExchange> gone = exchange;
  flag.reset();
  exchange.reset();
  EXPECT_TRUE(gone.expired()) << "the watch must not keep an exchange alive";
  timers_.RunFor(std::chrono::seconds(1));
  EXPECT_EQ(timers_.ReadyCount(), 0U);
  const auto later = testing::MakeExchange("POST", "/y");
  const serving::CancelFlag again = watch_.Watch(later);
  later->gone = true;
  timers_.RunFor(std::chrono::milliseconds(200));
  EXPECT_TRUE(again->load());
}

}  // namespace
}  // namespace mlnode::rest
