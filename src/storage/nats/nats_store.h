// storage/nats/nats_store.h: the Store of a cluster, on NATS JetStream (nats-server 2.9.10 and newer; no per-key TTL).
//
// Documents: one stream laid out as the key-value bucket <prefix>_documents, the newest 16 messages of a key, subject
// $KV.<bucket>.<collection>.<id as in stream_names.h>; body = JSON text; headers Mlnode-Nonce, Mlnode-Version and
// Mlnode-Base, the message that this one replaces; removals are tombstones (KV-Operation: DEL) with the same headers.
// Revision = sequence in the stream, so it grows over all keys. Which messages count every reader judges alike from
// their order (feed/swap_judge.h). Parts: stream <prefix>_chunks. Pieces of at most 512 KiB under an attempt of their
// own, one in flight a call, then one manifest message for the part (length, SHA-256, attempt, pieces): what makes it
// visible. Formats: docs/formats/nats.md.
//
// Replica: an ordered consumer on the documents stream. A gap, a missed heartbeat or a new connection makes the
// consumer anew from where it was; after a gap longer than kTombstoneGrace / 2, or when the last message that was read
// is not there any more (overwritten, lost in a power cut, another stream), everything is read again, swapped in as a
// whole and told as kResync. A write is done when the replica has it, so whoever wrote reads it and a snapshot is a
// state that the stream had. Tombstones older than kTombstoneGrace are purged by whichever node gets to it. The streams
// are made by Open alone: where one vanishes later, the replica keeps what it has and does not follow until a node that
// starts makes it again.
//
// No quorum, no server, no connection: reads go on from the replica, Following() is false, what needs the authority is
// kUnavailable with retry_after (certainly not written) or Unknown (it was sent). Nothing waits longer than kCallLimit
// for an answer (a listing of messages, twice that); a part takes as many answers as it has pieces. Following() turns
// false at once when the connection ends, after kCallLimit when a write goes unanswered, after 3 s of silence. Only the
// servers named are used, not those that they name. Threads: as Store. Owns: connection, consumer, two threads
// (feed/replica_feed.h, socket_loop.h).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "storage/store.h"

namespace mlnode::storage {

struct NatsOptions {
  std::string servers;       // comma-separated URLs; user:password or token may stand in them; never logged
  std::string prefix;        // of stream and bucket names: [A-Za-z0-9_-]+
  int replicas = 0;          // 0: three where the servers are a cluster, else one
  bool make_streams = true;  // false: they are there, or Open says kNotFound
  std::string credentials_file = {};
  std::string ca_file = {}, certificate_file = {}, private_key_file = {};
  std::string client_name = {};  // shown in the servers' monitoring
  // How long Open goes on trying to reach the servers and to read the documents.
  std::chrono::milliseconds open_limit{30'000};
};

class NatsStore : public Store {
 public:
  static constexpr std::chrono::milliseconds kCallLimit{2'000};
  static constexpr std::chrono::minutes kTombstoneGrace{60};

  // Connects, makes what streams are missing, reads all documents. kInvalidArgument (URL, files), kFailedPrecondition
  // (no JetStream; max_payload below what a document needs; streams of another layout or a newer format), kUnavailable.
  static Result<std::unique_ptr<NatsStore>> Open(NatsOptions options, const Clock& clock);
};

// Do these URLs lead to this machine only.
bool IsLoopbackOnly(const std::string& servers);

}  // namespace mlnode::storage
