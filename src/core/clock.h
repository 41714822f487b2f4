// core/clock.h: the one source of time. Everything that waits, expires or stamps takes a Clock, so that tests own time.
// Threads: any. Cost: one vDSO call.
#pragma once

#include <chrono>
#include <cstdint>

namespace mlnode {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using EpochMillis = std::int64_t;  // milliseconds since 1970-01-01 UTC: what documents and answers carry

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;          // monotonic: for deadlines and intervals
  virtual EpochMillis WallMillis() const = 0;  // for documents only; may jump
};

class SystemClock final : public Clock {
 public:
  SteadyTime Now() const override;
  EpochMillis WallMillis() const override;
};

// A point after which nobody waits any more.
class Deadline {
 public:
  static Deadline Never() { return Deadline(SteadyTime::max()); }
  static Deadline After(const Clock& clock, Duration timeout) { return Deadline(clock.Now() + timeout); }
  explicit Deadline(SteadyTime at) : at_(at) {}
  SteadyTime at() const { return at_; }
  bool Expired(const Clock& clock) const { return clock.Now() >= at_; }
  // Zero when expired; Duration::max() for Never().
  Duration Remaining(const Clock& clock) const;

 private:
  SteadyTime at_;
};

}  // namespace mlnode
