#include "storage/nats/feed/feed_consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace mlnode::storage::nats {
namespace {

// Messages and bytes that may wait for the feed's thread. The server's flow control stops at 32 MiB.
constexpr int kMostMessages = 65'536;
constexpr int kMostBytes = 96 << 20;
constexpr std::int64_t kInactiveNanos = 10'000'000'000;

template <class T>
bool ReadNumber(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

}  // namespace

// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, or with a domain and an
// account behind $JS.ACK and possibly more at the end.
std::optional<DeliveryInfo> ParseDelivery(std::string_view reply) {
  std::array<std::string_view, 12> tokens;
  std::size_t count = 0;
  for (std::string_view rest = reply; count < tokens.size();) {
    const std::size_t dot = rest.find('.');
    tokens[count++] = rest.substr(0, dot);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (count < 9 || count == 10 || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const std::size_t at = count == 9 ? 5 : 7;
  DeliveryInfo info;
  if (!ReadNumber(tokens[at], info.stream_sequence) || !ReadNumber(tokens[at + 1], info.consumer_sequence) ||
      !ReadNumber(tokens[at + 2], info.time_ns) || !ReadNumber(tokens[at + 3], info.pending)) {
    return std::nullopt;
  }
  return info;
}

DeliveryOrder::Place DeliveryOrder::Note(const DeliveryInfo& delivery) {
  if (delivery.consumer_sequence == delivered_ && delivery.stream_sequence == last_) return Place::kAgain;
  if (delivery.consumer_sequence != delivered_ + 1 || delivery.stream_sequence <= last_) return Place::kWrong;
  ++delivered_;
  last_ = delivery.stream_sequence;
  return Place::kNext;
}

std::string DeliveryOrder::Describe() const { return fmt::format("message {} ({} of the stream)", delivered_, last_); }

Result<std::unique_ptr<FeedConsumer>> FeedConsumer::Make(const std::shared_ptr<NatsSession>& session,
                                                         const std::string& stream, std::uint64_t from,
                                                         const CallLimit& limit) {
  std::unique_ptr<FeedConsumer> made;
  RETURN_IF_ERROR(CallUntilAnswered(limit, Again::kIfSilent, "the documents cannot be followed",
                                    [&](jsOptions& options, jsErrCode& code) {
                                      made.reset(new FeedConsumer(session, stream, from));
                                      return made->Begin(from, options, code);
                                    }));
  return made;
}

natsStatus FeedConsumer::Begin(std::uint64_t from, jsOptions& options, jsErrCode& code) {
  // One for each: what an earlier question made, whose answer did not come in time, delivers elsewhere.
  Inbox inbox;
  natsStatus s = natsInbox_Create(Out(inbox));
  if (s == NATS_OK) s = natsConnection_SubscribeSync(Out(subscription_), session_->connection(), inbox.get());
  if (s == NATS_OK) s = natsSubscription_SetPendingLimits(subscription_.get(), kMostMessages, kMostBytes);
  if (s != NATS_OK) return s;
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.DeliverSubject = inbox.get();
  config.DeliverPolicy = from <= 1 ? js_DeliverAll : js_DeliverByStartSequence;
  config.OptStartSeq = from <= 1 ? 0 : from;
  config.AckPolicy = js_AckNone;
  config.ReplayPolicy = js_ReplayInstant;
  config.FlowControl = true;
  config.Heartbeat = std::chrono::nanoseconds(kHeartbeat).count();
  config.InactiveThreshold = kInactiveNanos;
  config.Replicas = 1;
  config.MemoryStorage = true;
  ConsumerInfo info;
  s = js_AddConsumer(Out(info), session_->js(), stream_.c_str(), &config, &options, &code);
  if (s != NATS_OK) return s;
  name_ = info->Name;
  has_backlog_ = info->NumPending > 0;
  return NATS_OK;
}

FeedConsumer::~FeedConsumer() {
  if (subscription_) session_->Forget(std::move(subscription_));
  if (name_.empty()) return;
  const std::string subject = fmt::format("$JS.API.CONSUMER.DELETE.{}.{}", stream_, name_);
  (void)natsConnection_Publish(session_->connection(), subject.c_str(), nullptr, 0);
}

FeedConsumer::Event FeedConsumer::Next(Millis wait) {
  Message message;
  const natsStatus s =
      natsSubscription_NextMsg(Out(message), subscription_.get(), std::max<std::int64_t>(wait.count(), 1));
  if (s == NATS_TIMEOUT) return {};
  if (s != NATS_OK) return Over(natsStatus_GetText(s));
  if (natsMsg_GetDataLength(message.get()) == 0 && !HeaderOf(*message, "Status").empty()) return ReadControl(*message);
  const char* reply = natsMsg_GetReply(message.get());
  const auto info = ParseDelivery(reply == nullptr ? "" : reply);
  if (!info) return Over("a message that is none of the consumer's came");
  switch (order_.Note(*info)) {
    case DeliveryOrder::Place::kNext:
      return {.kind = Event::Kind::kMessage, .info = *info, .message = std::move(message)};
    case DeliveryOrder::Place::kAgain:
      return {.kind = Event::Kind::kAlive};
    case DeliveryOrder::Place::kWrong:
      break;
  }
  return Over(fmt::format("its message {} ({} of the stream) came after {}", info->consumer_sequence,
                          info->stream_sequence, order_.Describe()));
}

FeedConsumer::Event FeedConsumer::ReadControl(natsMsg& message) {
  if (HeaderOf(message, "Status") != "100") {
    return Over(fmt::format("the server ended it: {}", HeaderOf(message, "Description")));
  }
  const char* reply = natsMsg_GetReply(&message);
  std::string stalled(HeaderOf(message, "Nats-Consumer-Stalled"));
  if (reply != nullptr && *reply != '\0') stalled = reply;
  if (!stalled.empty()) {
    (void)natsConnection_Publish(session_->connection(), stalled.c_str(), nullptr, 0);
    return {.kind = Event::Kind::kAlive};
  }
  std::uint64_t last_delivered = 0;
  Event event{.kind = Event::Kind::kIdle};
  if (!ReadNumber(HeaderOf(message, "Nats-Last-Consumer"), last_delivered) ||
      !ReadNumber(HeaderOf(message, "Nats-Last-Stream"), event.info.stream_sequence)) {
    return {.kind = Event::Kind::kAlive};
  }
  if (!order_.Fits(last_delivered, event.info.stream_sequence)) {
    return Over(fmt::format("the server delivered message {} (up to {} of the stream), {} came", last_delivered,
                            event.info.stream_sequence, order_.Describe()));
  }
  return event;
}

}  // namespace mlnode::storage::nats
