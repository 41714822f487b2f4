// serving/scheduling/urgency_policy.h: whether the next batch is interactive or bulk. Interactive goes first. Bulk that
// has to wait for it earns kBulkShare of the lanes' time and spends it in short batches; of several lanes it leaves one
// to the interactive. Threads: one at a time. Cost: O(1).
#pragma once

#include <optional>

#include "core/clock.h"
#include "serving/predict.h"

namespace mlnode::serving {

class UrgencyPolicy {
 public:
  // Of the lanes' time, while interactive work waits as well: enough that an ingest goes on, little enough that those
  // who wait hardly see it.
  static constexpr double kBulkShare = 0.15;
  // Who was seen within it is likely to come again: work that could delay them is done in short batches.
  static constexpr Duration kMemory = std::chrono::seconds(1);

  // `bulk_micros`: of one short bulk batch.
  UrgencyPolicy(int lanes, double bulk_micros) : lanes_(lanes), bulk_micros_(bulk_micros) {}

  void SawInteractive(SteadyTime now) { seen_ = now; }
  bool InteractiveSeen(SteadyTime now) const { return seen_ && now - *seen_ < kMemory; }
  // Which kind the next batch is; empty when neither waits. `running_bulk`: batches on the lanes now.
  std::optional<Urgency> Next(bool interactive_waits, bool bulk_waits, int running_bulk) const;
  // A batch of `urgency` begins; `other_waits`: work of the other kind goes on waiting.
  void Begin(Urgency urgency, double micros, bool other_waits);

 private:
  const int lanes_;
  const double bulk_micros_;
  double earned_ = 0;  // microseconds that bulk may use although interactive work waits
  std::optional<SteadyTime> seen_;
};

}  // namespace mlnode::serving
