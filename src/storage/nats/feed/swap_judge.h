// storage/nats/feed/swap_judge.h: which messages of the documents stream count, told from their order alone.
//
// Each message names the message of its key that it replaces (its base; 0: none). Of those with one base the first in
// the stream counts; the others are void and change nothing. So every reader of the stream comes to the same, whatever
// the servers check. Bases of messages that count only grow, therefore a message counts if its base lies behind the
// base of the one that the key has: that is the usual case (it replaces that one) and also that of a reader who missed
// what lies between (overwritten), or who began with void ones whose valid one is gone. A base of 0 counts where
// nothing is known of the key, or where it was removed: the removal's message may be purged for whoever wrote it. A
// base that does not lie before its message is of another stream (made anew, or one that lost its end): void.
//
// Precondition: the stream keeps the newest kHistory messages of a key, and no more than that many writers swap one
// base at once (each node has one write of a key on its way at a time): what counts is then always among those kept.
// Threads: one, or behind a lock. No input, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "storage/replica.h"

namespace mlnode::storage {

// A message of the documents stream; record.document->revision is its sequence.
struct Swap {
  Record record;
  std::uint64_t base = 0;
  std::int64_t time_ns = 0;  // when it was stored, by the server's clock; 0: not asked for
};

class SwapJudge {
 public:
  static constexpr std::size_t kHistory = 16;

  enum class Verdict : std::uint8_t {
    kValid,
    kAssumed,  // valid as far as can be told, since messages before it are missing; what comes may show otherwise
    kVoid,     // certainly
  };
  // The stream's next message. complete: none is missing since the one before.
  Verdict Judge(const Swap& swap, bool complete);

  // What a key has: its newest valid message.
  struct Standing {
    std::uint64_t sequence = 0, base = 0, version = 0, nonce = 0;
    bool removed = false;
    std::vector<std::uint64_t> messages = {};  // valid and void, the newest kHistory: all that the stream may hold
  };
  // nullptr: nothing is known of the key. Valid until the next call.
  const Standing* Find(const Key& key) const;
  // The removal at `sequence` is purged. Nothing happens if the key has something newer.
  void Forget(const Key& key, std::uint64_t sequence);

 private:
  std::map<Key, Standing> standings_;
};

}  // namespace mlnode::storage
