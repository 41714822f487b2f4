// storage/nats/streams.h: makes the two streams, or finds that they are what they should be. Threads: any; no state.
#pragma once

#include "storage/nats/nats_link.h"
#include "storage/nats/stream_names.h"

namespace mlnode::storage::nats {

// The number in a stream's description that tells what its messages look like: docs/formats/nats.md.
inline constexpr int kStreamFormat = 1;
// What the server must take as one message: a document or piece of 512 KiB and its headers.
inline constexpr std::int64_t kNeededPayload = 524'288 + 4'096;

// Tries until `limit`, since servers that just start have no leader yet. Any number of nodes may do so at once.
// kFailedPrecondition: max_payload, no JetStream, a stream of another layout or of a newer format (it is named);
// kUnavailable.
// kNotFound: they are not there and are not to be made (NatsOptions::make_streams).
Status EnsureStreams(NatsLink& link, const StreamNames& names, Millis limit);

}  // namespace mlnode::storage::nats
