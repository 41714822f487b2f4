// serving/scheduling/cost_model.h: what a batch costs a lane, learned while a model serves:
//   microseconds = a * calls + b * tokens + c * sum of squared lengths, all three >= 0.
// Fitted to the relative error of the newest measurements (about 33 count), pulled gently towards a prior of the right
// proportions, so that a model that only ever saw one shape still has a plausible answer for others. One wild
// measurement (a lane that lost its core) counts as kWildest times the estimate at most. Threads: one at a time.
// Cost: an estimate is three products, learning about a hundred.
#pragma once

#include <array>

#include "core/clock.h"
#include "serving/scheduling/batch_load.h"

namespace mlnode::serving {

class CostModel {
 public:
  // Of `load` in so many engine calls; at least 1 microsecond. Before anything was measured: the prior.
  double Micros(const BatchLoad& load, std::size_t calls = 1) const;
  // One call took so long. Ignored when it took no time at all (virtual clocks) or held nothing.
  void Learn(const BatchLoad& load, Duration took);
  bool measured() const { return measured_; }

 private:
  using Vector = std::array<double, 3>;

  // all-MiniLM-L6-v2 in bf16 on one core (research on engines, 2026-11-23): 3.4 ms for 35 tokens alone, 290 to 396
  // documents of 42.6 tokens a second; its attention costs 9,216 of 21.23 million operations a squared token.
  Vector unit_ = {500, 80, 0.035};
  Vector factor_ = {1, 1, 1};  // learned; the estimate is sum of unit * factor * what the load has
  std::array<Vector, 3> seen_{};
  Vector answer_{};
  bool measured_ = false;
};

}  // namespace mlnode::serving
