// serving/scheduling/patience.h: how long an accepted prediction may have to wait, and how long it would.
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "core/clock.h"

namespace mlnode::serving {

// The longest wait that is accepted. A burst may fill the queue to `longest`; while an overload lasts (refusals less
// than kCalm apart) the limit sinks by half a second a second to a tenth: a queue that stands gives nobody anything,
// and what stands when the overload ends is what everybody after it waits for. After kCalm without a refusal it is
// `longest` again. Cost: O(1).
class Patience {
 public:
  static constexpr Duration kCalm = std::chrono::seconds(5);

  explicit Patience(Duration longest) : longest_(longest) {}
  Duration Limit(SteadyTime now) const {
    if (!overloaded_since_ || now - last_refusal_ >= kCalm) return longest_;
    return std::max(longest_ / 10, longest_ - (now - *overloaded_since_) / 2);
  }
  // A prediction was refused because the wait is beyond the limit.
  void Refused(SteadyTime now) {
    if (!overloaded_since_ || now - last_refusal_ >= kCalm) overloaded_since_ = now;
    last_refusal_ = now;
  }

 private:
  const Duration longest_;
  std::optional<SteadyTime> overloaded_since_;
  SteadyTime last_refusal_;
};

// When `micros` of work are done by `lanes` lanes of which those of `busy` (microseconds each) come free later.
// With no work: when the first lane is free. Cost: a sort of `busy`.
double MicrosUntilDone(double micros, std::size_t lanes, std::vector<double> busy);

}  // namespace mlnode::serving
