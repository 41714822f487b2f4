// storage/nats/feed/replica_feed.h: keeps a node's replica what the documents stream is, on a thread of its own.
//
// Each turn: a connection, the stream's state, one FeedConsumer from behind what was applied, until that is over. Which
// messages count is judged here, in the stream's order (SwapJudge); the replica never sees the others. What it shows is
// a state that the stream had (PrefixBuffer). The whole is read anew, swapped in at once and told as kResync: at the
// start; when the stream is another one of the same name; when nothing was heard for half of the tombstones' grace,
// since removals may have been missed; and when the last message that was applied is not in the stream any more: it was
// overwritten meanwhile, or the servers lost the end of the stream in a power cut and give its sequences out again.
// Threads: any, but Start and Stop: one. Lock order: the feed's lock, then the replica's. Borrows: link, names,
// replica, own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "core/executor.h"
#include "core/id.h"
#include "storage/nats/feed/feed_consumer.h"
#include "storage/nats/feed/own_writes.h"
#include "storage/nats/feed/prefix_buffer.h"
#include "storage/nats/feed/swap_judge.h"
#include "storage/nats/feed/tombstones.h"
#include "storage/nats/nats_link.h"
#include "storage/nats/stream_names.h"
#include "storage/replica.h"

namespace mlnode::storage::nats {

// What tests change.
struct FeedTimes {
  Millis silence{3'000};  // without a word, or without a leader of the stream, the reading is over
  Duration grace = NatsStore::kTombstoneGrace;
  Duration purge_period = std::chrono::minutes(10);    // up to half of it is added at random
  std::uint64_t first_server = SystemRandom().Next();  // modulo their number
};

class ReplicaFeed {
 public:
  ReplicaFeed(NatsLink& link, const StreamNames& names, Replica& replica, OwnWrites& own, const Clock& clock,
              FeedTimes times);
  ~ReplicaFeed() { Stop(); }

  // Begins, and waits until everything is read. kUnavailable.
  Status Start(Millis limit);
  // Ends the thread: at once, or after the connecting to one server.
  void Stop();

  // Is everything known that the servers say, do they speak, and is no write of this node left without an answer.
  bool Following() const;
  // Does the replica hold the stream up to there. Waits at most `limit`. False while it is being read.
  bool WaitFor(std::uint64_t sequence, Millis limit) const;
  // Is what was there when the reading began applied. Waits at most `limit`.
  bool WaitUntilCaughtUp(Millis limit) const;
  // The newest write of the key that counts, of a removal without a body; nullopt: none is known (any more).
  std::optional<Record> NewestOf(const Key& key) const;
  // Whether the servers answered a write. Without an answer they may have no quorum while the connection is fine; it
  // counts until a message comes or a write is answered.
  void NoteWrite(bool answered) { unanswered_ = !answered; }

 private:
  void Run();
  // Follows until it is over; says why. was_following: it had read everything.
  Error Follow(const std::shared_ptr<NatsSession>& session, bool& was_following);
  // The stream's state by the word of a majority of the servers. kUnavailable: there is none.
  Result<StreamState> CertainState(NatsSession& session, const CallLimit& limit) const;
  // Where to read from: 1 = everything.
  Result<std::uint64_t> PlaceToBegin(NatsSession& session, const StreamState& state, const CallLimit& limit);
  // Is the stream the one that was read, and does it still hold the last message that was applied. Otherwise kMissing,
  // or kAnother: nothing that is known of sequences holds any more.
  enum class Anchor : std::uint8_t { kHolds, kMissing, kAnother };
  Result<Anchor> FindAnchor(NatsSession& session, const StreamState& state, const CallLimit& limit) const;
  Status Receive(FeedConsumer& consumer, const StreamState& state, bool whole);
  void Take(FeedConsumer::Event& event, PrefixBuffer& buffer);
  // Asks the stream's leader whether what is doubtful is there. kUnavailable: it is, or there is no answer.
  Status CheckHoles(const std::vector<PrefixBuffer::Hole>& holes) const;
  void Apply(PrefixBuffer::Batch batch, bool whole);
  // Those that count, in order; notes removals, and what became of own writes.
  std::vector<Record> Judge(SwapJudge& judge, PrefixBuffer::Batch& batch, bool complete);
  void NoteCaughtUp();
  // What needs doing now and then: asks whether the servers store again, purges tombstones. kUnavailable: they have not
  // for too long.
  Status DoChores();
  void PurgeTombstones(NatsSession& session);
  Status PurgeTombstone(NatsSession& session, const Tombstones::Removal& removal, const CallLimit& limit);
  Millis TimeToNextLook(const PrefixBuffer& buffer) const;
  void SchedulePurge();
  void Pause(Millis wait) const;
  bool Silent() const { return clock_.Now() - HeardAt() > times_.silence; }
  SteadyTime HeardAt() const { return SteadyTime(Duration(heard_.load())); }
  void Hear() { heard_ = clock_.Now().time_since_epoch().count(); }

  NatsLink& link_;
  const StreamNames& names_;
  Replica& replica_;
  OwnWrites& own_;
  const Clock& clock_;
  const FeedTimes times_;

  // The thread's own.
  SystemRandom random_;
  std::int64_t created_ns_ = 0;  // of the stream that was read; 0: none yet
  struct Mark {
    std::uint64_t sequence = 0;  // 0: none
    std::int64_t time_ns = 0;
  };
  Mark received_, anchor_;  // the newest message that came, and the newest that was applied
  Tombstones tombstones_;
  SteadyTime next_purge_, next_question_;
  SteadyTime unanswered_since_ = SteadyTime::max();

  std::atomic<bool> caught_up_ = false;
  std::atomic<bool> unanswered_ = false;
  std::atomic<std::int64_t> heard_ = 0;  // SteadyTime

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  std::string last_failure_;
  std::uint64_t applied_ = 0;  // the replica holds the stream up to here; 0: or it is not certain that it does
  SwapJudge judge_;            // changed by the thread alone
  std::unique_ptr<ThreadPool> thread_;
};

}  // namespace mlnode::storage::nats
