#include "core/clock.h"

namespace mlnode {

SteadyTime SystemClock::Now() const { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); }

EpochMillis SystemClock::WallMillis() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Duration Deadline::Remaining(const Clock& clock) const {
  if (at_ == SteadyTime::max()) return Duration::max();
  const SteadyTime now = clock.Now();
  return now >= at_ ? Duration::zero() : at_ - now;
}

}  // namespace mlnode
