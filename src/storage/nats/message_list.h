// storage/nats/message_list.h: which messages a stream holds under a filter, and their removal. Threads: any; no state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/nats/nats_session.h"

namespace mlnode::storage::nats {

struct ListedMessage {
  std::string subject;
  std::uint64_t sequence = 0;
  std::int64_t time_ns = 0;  // when it was stored, by the server's clock
};

// By sequence, from one of the servers that hold the stream, which may be behind. Codes as NatsSession; each wait is
// kCallLimit at most, the first twice that. Cost: O(messages), without their bodies.
Result<std::vector<ListedMessage>> ListMessages(NatsSession& session, const std::string& stream,
                                                const std::string& filter);

// Removes all messages under a filter, one by one, oldest first, until the stream's leader has none. Never with a purge
// by subject: a server of 2.9 that is killed and replays one from its log forgets the filter and drops all messages of
// the stream that are older, and then so do the others.
Status RemoveMessages(NatsSession& session, const std::string& stream, const std::string& filter);
// The message of this sequence; absent is fine.
Status RemoveMessage(NatsSession& session, const std::string& stream, std::uint64_t sequence);

}  // namespace mlnode::storage::nats
