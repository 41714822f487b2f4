#include "storage/nats/feed/feed_consumer.h"

#include <gtest/gtest.h>

namespace mlnode::storage::nats {
namespace {

TEST(ParseDeliveryTest, ReadsBothShapes) {
  for (const char* reply : {"$JS.ACK.KV_c_documents.abc.1.77.5.1700000000000000001.3",
                            "$JS.ACK.domain.hash.KV_c_documents.abc.1.77.5.1700000000000000001.3",
                            "$JS.ACK.domain.hash.KV_c_documents.abc.1.77.5.1700000000000000001.3.token"}) {
    const auto info = ParseDelivery(reply);
    ASSERT_TRUE(info) << reply;
    EXPECT_EQ(info->stream_sequence, 77U);
    EXPECT_EQ(info->consumer_sequence, 5U);
    EXPECT_EQ(info->time_ns, 1'700'000'000'000'000'001);
    EXPECT_EQ(info->pending, 3U);
  }
}

TEST(ParseDeliveryTest, RefusesOthers) {
  for (const char* reply : {"", "x", "$JS.ACK", "$JS.ACK.s.c.1.77.5.1.x", "$JS.ACK.s.c.1.77.5.1",
                            "$JS.NAK.s.c.1.77.5.1.3", "$JS.ACK.s.c.1.77.5.1.3.4", "_INBOX.a.b"}) {
    EXPECT_FALSE(ParseDelivery(reply)) << reply;
  }
}

DeliveryInfo Delivery(std::uint64_t consumer, std::uint64_t stream) {
  return {.stream_sequence = stream, .consumer_sequence = consumer};
}

TEST(DeliveryOrderTest, CountsWithoutGapsWhileTheStreamMayHaveThem) {
  DeliveryOrder order(10);
  EXPECT_EQ(order.Note(Delivery(1, 10)), DeliveryOrder::Place::kNext);
  EXPECT_EQ(order.Note(Delivery(2, 17)), DeliveryOrder::Place::kNext);
  EXPECT_EQ(order.Note(Delivery(2, 17)), DeliveryOrder::Place::kAgain);
  EXPECT_EQ(order.Note(Delivery(4, 18)), DeliveryOrder::Place::kWrong);
  EXPECT_EQ(order.Note(Delivery(3, 17)), DeliveryOrder::Place::kWrong);
  EXPECT_EQ(order.Note(Delivery(3, 18)), DeliveryOrder::Place::kNext);
}

// A server that was killed makes the consumer anew, which counts from 1 and goes on from what that server has.
TEST(DeliveryOrderTest, AConsumerThatBeganAnewIsWrong) {
  DeliveryOrder order(10);
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(order.Note(Delivery(i, 9 + i)), DeliveryOrder::Place::kNext);
  EXPECT_EQ(order.Note(Delivery(1, 15)), DeliveryOrder::Place::kWrong);
  EXPECT_EQ(order.Note(Delivery(5, 15)), DeliveryOrder::Place::kWrong);
  EXPECT_EQ(order.Note(Delivery(1, 10)), DeliveryOrder::Place::kWrong);
}

TEST(DeliveryOrderTest, AServerThatIsBehindWhatIsKnownIsWrong) {
  DeliveryOrder order(10);
  EXPECT_TRUE(order.Fits(0, 9));
  EXPECT_FALSE(order.Fits(0, 8));
  EXPECT_EQ(order.Note(Delivery(1, 9)), DeliveryOrder::Place::kWrong);
}

TEST(DeliveryOrderTest, HeartbeatsFitWhatCame) {
  DeliveryOrder order(1);
  EXPECT_EQ(order.Note(Delivery(1, 3)), DeliveryOrder::Place::kNext);
  EXPECT_TRUE(order.Fits(1, 3));
  EXPECT_TRUE(order.Fits(1, 7)) << "what lies between was overwritten";
  EXPECT_FALSE(order.Fits(1, 2));
  EXPECT_FALSE(order.Fits(2, 7));
  EXPECT_FALSE(order.Fits(0, 3));
}

}  // namespace
}  // namespace mlnode::storage::nats
