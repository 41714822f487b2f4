#include "storage/nats/feed/prefix_buffer.h"

#include <algorithm>
#include <utility>

namespace mlnode::storage {

void PrefixBuffer::Add(std::uint64_t sequence, std::uint64_t pending, std::optional<Swap> swap, SteadyTime now) {
  const bool hole = sequence != last_ + 1;
  if (hole) Miss(sequence - 1);
  last_ = sequence;
  ++count_;
  if (hole) complete_ = std::max(complete_, count_ + pending);
  if (pending == 0) {
    complete_ = count_;
    end_ = std::min(end_, sequence);
  }
  since_ = std::min(since_, now);
  if (swap) records_.push_back(*std::move(swap));
}

void PrefixBuffer::Idle(std::uint64_t sequence) {
  if (sequence > last_) Miss(sequence);
  last_ = std::max(last_, sequence);
  end_ = std::min(end_, last_);
  complete_ = count_;
}

void PrefixBuffer::Miss(std::uint64_t up_to) {
  hole_ = true;
  const std::uint64_t first = std::max(last_, end_) + 1;
  if (first <= up_to) doubtful_.push_back({first, up_to});
}

void PrefixBuffer::SetLimited(SteadyTime now) {
  if (std::exchange(limited_, true)) return;
  most_ = records_.size() + kMostRecords;
  if (!Empty()) since_ = now;
}

bool PrefixBuffer::Ready(SteadyTime now) const {
  if (Empty()) return false;
  if (count_ >= complete_) return true;
  return limited_ && (records_.size() >= most_ || now >= ReadyAt());
}

SteadyTime PrefixBuffer::ReadyAt() const {
  return !limited_ || since_ == SteadyTime::max() ? SteadyTime::max() : since_ + kLongest;
}

PrefixBuffer::Batch PrefixBuffer::Take() {
  since_ = SteadyTime::max();
  most_ = kMostRecords;
  taken_ = last_;
  const bool complete = !std::exchange(hole_, count_ < complete_);  // taken early: what fills the hole comes later
  return {std::exchange(records_, {}), last_, complete, std::exchange(doubtful_, {})};
}

}  // namespace mlnode::storage
