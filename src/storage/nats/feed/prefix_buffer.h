// storage/nats/feed/prefix_buffer.h: holds records of a stream back until they make a state that the stream had.
//
// The stream keeps the last messages of each subject, so one that was overwritten before it was delivered is missing,
// and those that took its place come later. What lies between must not be seen without them: at a hole, all that was
// pending then is waited for. Bounded: after kMostRecords or kLongest it is given out as it is. Before
// SetLimited (everything is read, or what was missed in a gap) there is no bound but the stream's own.
//
// A hole in what was stored before the reading began is an overwritten message. One in what came since is doubtful:
// nothing is overwritten that fast as a rule, and nats-server 2.9 leaves a message out now and then that is stored just
// when the consumer has reached the end (seen with 2.9.10). Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "storage/nats/feed/swap_judge.h"

namespace mlnode::storage {

class PrefixBuffer {
 public:
  static constexpr std::size_t kMostRecords = 1'024;
  static constexpr std::chrono::milliseconds kLongest{200};

  // after: the stream's sequence that is known so far. end: the stream's when the reading began.
  PrefixBuffer(std::uint64_t after, std::uint64_t end) : last_(after), end_(end) {}

  // The next message of the stream and how many were pending behind it. swap: nullopt for one that is no document.
  void Add(std::uint64_t sequence, std::uint64_t pending, std::optional<Swap> swap, SteadyTime now);
  // Nothing is pending, and there is nothing up to `sequence` that was not added.
  void Idle(std::uint64_t sequence);
  // From now on the bounds hold for what is held and for what comes.
  void SetLimited(SteadyTime now);

  bool Ready(SteadyTime now) const;
  bool Empty() const { return taken_ == last_; }
  // When Ready becomes true by itself; SteadyTime::max(): it does not.
  SteadyTime ReadyAt() const;
  std::uint64_t last() const { return last_; }

  struct Hole {
    std::uint64_t first = 0, last = 0;
  };
  struct Batch {
    std::vector<Swap> records;
    std::uint64_t sequence = 0;       // the stream up to here
    bool complete = true;             // no message is missing in it
    std::vector<Hole> doubtful = {};  // in order
  };
  Batch Take();

 private:
  void Miss(std::uint64_t up_to);

  std::vector<Swap> records_;
  std::uint64_t last_ = 0;
  std::uint64_t taken_ = last_;
  std::uint64_t end_ = 0;  // what is missing beyond is doubtful
  std::vector<Hole> doubtful_;
  std::uint64_t count_ = 0;               // messages added
  std::uint64_t complete_ = 0;            // the count at which no hole is open
  SteadyTime since_ = SteadyTime::max();  // of the oldest held
  std::size_t most_ = 0;                  // records held before it is given out as it is
  bool limited_ = false;
  bool hole_ = false;  // in what is held, or one before it that is still open
};

}  // namespace mlnode::storage
