// storage/nats/feed/own_writes.h: the writes of this node that are on their way, one a key, and what became of their
// messages in the stream.
//
// One a key, so that a node adds at most one void message to whatever a key's newest valid one is (swap_judge.h says
// why that matters), and its own writers do not collide in the stream. Threads: any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "storage/nats/nats_session.h"
#include "storage/store.h"

namespace mlnode::storage::nats {

class OwnWrites {
 public:
  // The right to write a key, until it is destroyed. The OwnWrites outlives it.
  class Turn {
   public:
    Turn(OwnWrites& writes, Key key) : writes_(writes), key_(std::move(key)) {}  // Begin's
    ~Turn() { writes_.End(key_); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    // What was judged of this turn's message at that sequence; nullopt: nothing certain (yet).
    std::optional<bool> IsValid(std::uint64_t sequence) const { return writes_.VerdictOf(key_, sequence); }

   private:
    OwnWrites& writes_;
    const Key key_;
  };

  // Waits for the writes of this key before it. nullptr: not within the limit. nonce: of its messages.
  std::unique_ptr<Turn> Begin(const Key& key, std::uint64_t nonce, const CallLimit& limit);
  // A message of the stream was judged, and it is certain. For those whose turn it is not, nothing happens.
  void Note(const Key& key, std::uint64_t nonce, std::uint64_t sequence, bool valid);

 private:
  struct Verdict {
    std::uint64_t sequence = 0;
    bool valid = false;
  };
  struct Entry {
    std::uint64_t nonce = 0;
    std::vector<Verdict> verdicts = {};  // at most one an attempt
  };
  void End(const Key& key);
  std::optional<bool> VerdictOf(const Key& key, std::uint64_t sequence) const;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::map<Key, Entry> entries_;
};

}  // namespace mlnode::storage::nats
