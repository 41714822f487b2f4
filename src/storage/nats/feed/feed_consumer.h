// storage/nats/feed/feed_consumer.h: one ordered reading of the documents stream: every message once and in order, or
// word that it is over.
//
// An ephemeral push consumer without acknowledgments, with flow control and an idle heartbeat each kHeartbeat. The
// server counts what it delivers and so does this: a count that does not fit, in a message or a heartbeat, means that
// something was lost, and the reading is over. So it is when the places in the stream do not grow with the count: the
// server of the consumer died, and another consumer goes on under its name, from wherever that server knows of.
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/nats/nats_session.h"

namespace mlnode::storage::nats {

// What the server says of a delivered message in its reply subject.
struct DeliveryInfo {
  std::uint64_t stream_sequence = 0, consumer_sequence = 0, pending = 0;
  std::int64_t time_ns = 0;  // when it was stored, by the server's clock
};
// nullopt: not such a subject.
std::optional<DeliveryInfo> ParseDelivery(std::string_view reply);

// Whether what comes is what has to come next.
class DeliveryOrder {
 public:
  // from: the stream's sequence at which the reading begins.
  explicit DeliveryOrder(std::uint64_t from) : last_(from == 0 ? 0 : from - 1) {}

  enum class Place : std::uint8_t {
    kNext,
    kAgain,  // what came last
    kWrong,  // something was lost, or it is another consumer's
  };
  Place Note(const DeliveryInfo& delivery);
  // A heartbeat: the server delivered that many, and there is nothing else up to that sequence of the stream.
  bool Fits(std::uint64_t delivered, std::uint64_t stream_sequence) const {
    return delivered == delivered_ && stream_sequence >= last_;
  }
  std::string Describe() const;  // how far it is, for the log

 private:
  std::uint64_t delivered_ = 0;  // messages
  std::uint64_t last_ = 0;       // the newest one's place in the stream
};

class FeedConsumer {
 public:
  static constexpr Millis kHeartbeat{1'000};

  struct Event {
    enum class Kind : std::uint8_t {
      kNothing,  // nothing came
      kAlive,    // the server is there
      kIdle,     // and there is nothing up to info.stream_sequence that was not delivered
      kMessage,
      kOver,
    } kind = Kind::kNothing;
    DeliveryInfo info = {};
    Message message = {};
    std::string why = {};  // kOver
  };

  // Reads from that sequence of the stream on. Asks again and again until the limit: nats-server 2.9 puts a consumer on
  // any of the stream's servers, also on one that is dead, and then nobody answers. Codes as NatsSession.
  static Result<std::unique_ptr<FeedConsumer>> Make(const std::shared_ptr<NatsSession>& session,
                                                    const std::string& stream, std::uint64_t from,
                                                    const CallLimit& limit);
  ~FeedConsumer();  // tells the server, not waiting for it
  FeedConsumer(const FeedConsumer&) = delete;
  FeedConsumer& operator=(const FeedConsumer&) = delete;

  // Was there anything to deliver when it was made.
  bool has_backlog() const { return has_backlog_; }
  // Waits at most that long. Ended early by NatsSession::Close (kOver).
  Event Next(Millis wait);

 private:
  FeedConsumer(std::shared_ptr<NatsSession> session, std::string stream, std::uint64_t from)
      : session_(std::move(session)), stream_(std::move(stream)), order_(from) {}
  natsStatus Begin(std::uint64_t from, jsOptions& options, jsErrCode& code);  // one question
  Event ReadControl(natsMsg& message);
  Event Over(std::string why) const { return {.kind = Event::Kind::kOver, .why = std::move(why)}; }

  std::shared_ptr<NatsSession> session_;
  std::string stream_, name_;
  SubscriptionHandle subscription_;
  DeliveryOrder order_;
  bool has_backlog_ = false;
};

}  // namespace mlnode::storage::nats
