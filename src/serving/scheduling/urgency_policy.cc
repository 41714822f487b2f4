#include "serving/scheduling/urgency_policy.h"

namespace mlnode::serving {

std::optional<Urgency> UrgencyPolicy::Next(bool interactive_waits, bool bulk_waits, int running_bulk) const {
  if (!bulk_waits) return interactive_waits ? std::optional(Urgency::kInteractive) : std::nullopt;
  if (!interactive_waits) return Urgency::kBulk;
  const bool leaves_a_lane = lanes_ == 1 || running_bulk + 1 < lanes_;
  return leaves_a_lane && earned_ >= bulk_micros_ ? Urgency::kBulk : Urgency::kInteractive;
}

void UrgencyPolicy::Begin(Urgency urgency, double micros, bool other_waits) {
  if (!other_waits) {
    earned_ = 0;
  } else if (urgency == Urgency::kInteractive) {
    earned_ += micros * kBulkShare / (1 - kBulkShare);
  } else {
    earned_ -= micros;
  }
}

}  // namespace mlnode::serving
