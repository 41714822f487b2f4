// storage/nats/nats_session.h: one connection to one NATS server, and what the store asks JetStream over it.
//
// A session never reconnects: once it is dead every call fails at once, and whoever keeps it (NatsLink) makes another.
// So nothing is kept back and sent later: what the socket does not take goes with the session. Each call waits at most
// `limit` for its answer, also for a stream that has no leader yet. Threads: any; calls of several threads share the
// connection.
//
// Codes of all calls: kNotFound; kConflict (the expected sequence is not the last); kResourceExhausted (the servers
// have no space); kUnavailable (nobody was there all the time: nothing was done); kFailedPrecondition (refused: no
// JetStream, no such stream, a limit of the server); kDeadlineExceeded (no answer: it may have been done). Server's
// words in detail.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "storage/nats/nats_call.h"
#include "storage/nats/nats_handles.h"
#include "storage/nats/nats_store.h"
#include "storage/nats/server_list.h"
#include "storage/nats/socket_loop.h"

namespace mlnode::storage::nats {

struct StreamState {
  std::int64_t created_ns = 0;  // tells one stream from the next of its name
  std::uint64_t first = 0, last = 0, messages = 0;
  std::int64_t last_time_ns = 0;
};

// A header's value; empty when there is none. Valid as long as the message.
std::string_view HeaderOf(natsMsg& message, const char* name);
std::string_view BodyOf(const natsMsg& message);

class NatsSession {
 public:
  static constexpr Millis kConnectLimit{1'000};

  // kInvalidArgument: a file that cannot be used; kFailedPrecondition: credentials refused; kUnavailable.
  static Result<std::shared_ptr<NatsSession>> Connect(const NatsOptions& options, const Server& server);
  ~NatsSession();
  NatsSession(const NatsSession&) = delete;
  NatsSession& operator=(const NatsSession&) = delete;

  bool Alive() const;
  // Whoever waits gets no answer. Any number of times.
  void Close();
  // Does the other side answer within `limit`.
  bool Answers(Millis limit) const;
  std::int64_t MaxPayload() const { return natsConnection_GetMaxPayload(connection_.get()); }

  natsConnection* connection() const { return connection_.get(); }
  jsCtx* js() const { return js_.get(); }
  // The one way to destroy a subscription of this connection (socket_loop.h).
  void Forget(SubscriptionHandle subscription);

  // Publishes; returns its sequence. expected: refused (kConflict) unless that is the sequence of the subject's last
  // message; 0: whatever there is. Not refused is not enough: of two at once nats-server 2.9 may store both.
  Result<std::uint64_t> Publish(natsMsg& message, std::uint64_t expected, const CallLimit& limit);
  // Stores an empty message and returns its sequence: whatever is acknowledged before this call lies before it. One
  // more of them is harmless.
  Result<std::uint64_t> PutBarrier(const std::string& subject, Again again, const CallLimit& limit);
  // The newest message of a subject (wildcards allowed), from the stream's leader.
  Result<Message> Last(const std::string& stream, const std::string& subject, const CallLimit& limit);
  // The message of this sequence, from the stream's leader.
  Result<Message> At(const std::string& stream, std::uint64_t sequence, const CallLimit& limit);
  // The sequence of the first message from `sequence` on whose subject matches, from the stream's leader. kNotFound.
  Result<std::uint64_t> NextFrom(const std::string& stream, const std::string& subject, std::uint64_t sequence,
                                 const CallLimit& limit);
  // As Last, from any server that holds the stream, which may be behind: kNotFound is to be asked of Last.
  Result<Message> LastFromAny(const std::string& stream, const std::string& subject, const CallLimit& limit);
  Result<StreamState> State(const std::string& stream, const CallLimit& limit);
  // Subjects that match and have messages. Cost: O(those), 100,000 a question; what comes or goes between two questions
  // may be there or not.
  Result<std::vector<std::string>> Subjects(const std::string& stream, const std::string& filter,
                                            const CallLimit& limit);
  // Removes the message of this sequence alone. kNotFound.
  Status Remove(const std::string& stream, std::uint64_t sequence, const CallLimit& limit);

 private:
  NatsSession() = default;
  Result<std::uint64_t> Store(natsMsg& message, Again again, const CallLimit& limit);
  // Asks JetStream's interface what libnats has no function for. Errors as ErrorOf.
  Result<json::object> Ask(const std::string& address, const json::object& question, const CallLimit& limit);

  SocketLoop loop_;
  Connection connection_;
  Context js_;
};

}  // namespace mlnode::storage::nats
