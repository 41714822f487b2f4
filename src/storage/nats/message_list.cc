#include "storage/nats/message_list.h"

#include <fmt/format.h>

#include <utility>

#include "storage/nats/feed/feed_consumer.h"

namespace mlnode::storage::nats {
namespace {

constexpr std::int64_t kInactiveNanos = 5'000'000'000;
constexpr std::string_view kWhat = "messages cannot be listed";
// Four questions: of three servers one may be dead, and nats-server 2.9 puts every third consumer there.
constexpr Millis kListLimit = 2 * NatsStore::kCallLimit;
constexpr int kMostLeft = 256;  // removed after those that were listed

// An ephemeral consumer that goes with this object.
class Lister {
 public:
  Lister(NatsSession& session, std::string stream) : session_(session), stream_(std::move(stream)) {}
  ~Lister() {
    session_.Forget(std::move(subscription_));
    if (name_.empty()) return;
    const std::string subject = fmt::format("$JS.API.CONSUMER.DELETE.{}.{}", stream_, name_);
    (void)natsConnection_Publish(session_.connection(), subject.c_str(), nullptr, 0);
  }
  Lister(const Lister&) = delete;
  Lister& operator=(const Lister&) = delete;

  // How many messages there are.
  Result<std::uint64_t> Begin(const std::string& filter) {
    const CallLimit limit(kListLimit);
    std::uint64_t count = 0;
    RETURN_IF_ERROR(CallUntilAnswered(limit, Again::kIfEither, kWhat, [&](jsOptions& options, jsErrCode& code) {
      return Ask(filter, options, code, count);
    }));
    return count;
  }

  Result<ListedMessage> Next(std::uint64_t& pending) {
    Message message;
    const natsStatus s = natsSubscription_NextMsg(Out(message), subscription_.get(), NatsStore::kCallLimit.count());
    if (s != NATS_OK) return ErrorOf(s, 0, kWhat);
    const char* reply = natsMsg_GetReply(message.get());
    const auto info = ParseDelivery(reply == nullptr ? "" : reply);
    if (!info) return MakeError(Code::kUnavailable, "messages cannot be listed: something else came");
    pending = info->pending;
    return ListedMessage{natsMsg_GetSubject(message.get()), info->stream_sequence, info->time_ns};
  }

 private:
  // One question, with an inbox of its own: what an earlier one made, whose answer did not come, delivers elsewhere.
  natsStatus Ask(const std::string& filter, jsOptions& options, jsErrCode& code, std::uint64_t& count) {
    if (subscription_) session_.Forget(std::move(subscription_));
    Inbox inbox;
    natsStatus s = natsInbox_Create(Out(inbox));
    if (s == NATS_OK) s = natsConnection_SubscribeSync(Out(subscription_), session_.connection(), inbox.get());
    if (s == NATS_OK)
      s = natsSubscription_SetPendingLimits(subscription_.get(), -1, -1);  // no bodies: some 200 bytes each
    if (s != NATS_OK) return s;
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.DeliverSubject = inbox.get();
    config.DeliverPolicy = js_DeliverAll;
    config.AckPolicy = js_AckNone;
    config.FilterSubject = filter.c_str();
    config.HeadersOnly = true;
    config.InactiveThreshold = kInactiveNanos;
    config.Replicas = 1;
    config.MemoryStorage = true;
    ConsumerInfo info;
    s = js_AddConsumer(Out(info), session_.js(), stream_.c_str(), &config, &options, &code);
    if (s != NATS_OK) return s;
    name_ = info->Name;
    count = info->NumPending;
    return NATS_OK;
  }

  NatsSession& session_;
  const std::string stream_;
  std::string name_;
  SubscriptionHandle subscription_;
};

}  // namespace

Result<std::vector<ListedMessage>> ListMessages(NatsSession& session, const std::string& stream,
                                                const std::string& filter) {
  Lister lister(session, stream);
  ASSIGN_OR_RETURN(const std::uint64_t count, lister.Begin(filter));
  std::vector<ListedMessage> messages;
  for (std::uint64_t pending = count; messages.size() < count && pending > 0;) {
    ASSIGN_OR_RETURN(ListedMessage message, lister.Next(pending));
    messages.push_back(std::move(message));
  }
  return messages;
}

// Who lists may be behind, or have less than the leader, which has the last word.
Status RemoveMessages(NatsSession& session, const std::string& stream, const std::string& filter) {
  ASSIGN_OR_RETURN(const std::vector<ListedMessage> messages, ListMessages(session, stream, filter));
  for (const ListedMessage& message : messages) RETURN_IF_ERROR(RemoveMessage(session, stream, message.sequence));
  for (int i = 0; i < kMostLeft; ++i) {
    const Result<Message> left = session.Last(stream, filter, CallLimit(NatsStore::kCallLimit));
    if (!left && left.error().code == Code::kNotFound) return {};
    if (!left) return left.error();
    RETURN_IF_ERROR(RemoveMessage(session, stream, natsMsg_GetSequence(left->get())));
  }
  return MakeError(Code::kUnavailable, "messages come while they are removed");
}

Status RemoveMessage(NatsSession& session, const std::string& stream, std::uint64_t sequence) {
  Status removed = session.Remove(stream, sequence, CallLimit(NatsStore::kCallLimit));
  if (!removed && removed.error().code == Code::kNotFound) return {};
  return removed;
}

}  // namespace mlnode::storage::nats
