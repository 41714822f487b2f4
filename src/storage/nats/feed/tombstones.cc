#include "storage/nats/feed/tombstones.h"

#include <algorithm>
#include <utility>

namespace mlnode::storage {

void Tombstones::Hear(std::int64_t time_ns) { now_ns_ = std::max(now_ns_, time_ns); }

std::optional<Tombstones::Removal> Tombstones::Note(Removal removal, std::int64_t time_ns, SteadyTime heard) {
  Hear(time_ns);
  removals_.insert_or_assign(removal.sequence, Dated{std::move(removal.key), time_ns, heard});
  if (removals_.size() <= kMost) return std::nullopt;
  const auto oldest = removals_.begin();
  Removal forgotten{oldest->first, std::move(oldest->second.key)};
  removals_.erase(oldest);
  return forgotten;
}

std::vector<Tombstones::Removal> Tombstones::Due(Duration grace, std::size_t most, SteadyTime now) const {
  std::vector<Removal> due;
  for (const auto& [sequence, removal] : removals_) {
    if (due.size() == most || now_ns_ - removal.time_ns < grace.count() || now - removal.heard < grace) break;
    due.push_back({sequence, removal.key});
  }
  return due;
}

}  // namespace mlnode::storage
