// storage/nats/nats_documents.h: reading and swapping documents.
//
// The stream's order decides (feed/swap_judge.h); a server's refusal of a swap only spares it the way into the stream.
// So a write is done when this node has heard its message and found that it counts. Whoever must know all that was
// written (CatchUp, Settle) stores an empty message, which takes a majority of the servers, and waits until it was
// heard. A fresh read asks only the stream's leader for the key's newest message and waits for that: a leader that is
// cut off from the other servers notices after up to 10 s and may until then answer with what was newest before; a swap
// based on it is void. Threads: any. Borrows: link, names, feed, own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "storage/nats/feed/own_writes.h"
#include "storage/nats/feed/replica_feed.h"
#include "storage/nats/nats_link.h"
#include "storage/nats/stream_names.h"

namespace mlnode::storage {
struct StoredBody;
}

namespace mlnode::storage::nats {

class NatsDocuments {
 public:
  NatsDocuments(NatsLink& link, const StreamNames& names, ReplicaFeed& feed, OwnWrites& own)
      : link_(link), names_(names), feed_(feed), own_(own) {}

  // As Store's functions of these names.
  WriteOutcome TryWrite(const Write& write);
  Result<DocumentPtr> GetFresh(const Key& key) const;
  Result<std::optional<Written>> Settle(const Key& key, std::uint64_t nonce) const;
  Status CatchUp(Duration limit) const;

 private:
  // What a key has, as this node knows it, and the sequence of its last message in the stream, whether that counts or
  // not; 0: none.
  struct Newest {
    std::optional<Record> record;
    std::uint64_t last = 0;
    bool last_removes = false;
  };
  // What a write is based on: the message that it replaces (0: none), the key's last message (0: none, or not known),
  // and the version that it makes.
  struct Base {
    std::uint64_t sequence = 0, last = 0, version = 1;
  };
  struct Attempt {
    const OwnWrites::Turn& turn;
    const CallLimit& limit;
  };
  // From what is known here; nullopt: only the authority can tell.
  std::optional<Base> KnownBase(const Write& write) const;
  static Result<Base> BaseOn(const Write& write, const Newest& newest);
  // Asks the leader for the key's last message and waits until it was heard. kUnavailable: not within the limit.
  // kDataLoss: that message is none of ours.
  Result<Newest> Look(NatsSession& session, const Key& key, const CallLimit& limit) const;
  WriteOutcome WriteInTurn(NatsSession& session, const Write& write, const std::optional<StoredBody>& body,
                           const Attempt& attempt);
  // What a refusal by the servers, or a message that they stored, means for the write; nullopt: it was not done; look
  // again at what it is based on.
  static std::optional<WriteOutcome> Refused(const Error& error);
  std::optional<WriteOutcome> Judged(const Write& write, const Base& base, std::uint64_t sequence,
                                     const Attempt& attempt) const;

  NatsLink& link_;
  const StreamNames& names_;
  ReplicaFeed& feed_;
  OwnWrites& own_;
};

// kUnavailable: there is no connection.
Error NotConnected();

}  // namespace mlnode::storage::nats
