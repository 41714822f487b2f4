#include "storage/memory/memory_authority.h"

#include <algorithm>
#include <array>

namespace mlnode::storage {

void MemoryAuthority::SetDown(bool down) {
  down_ = down;
  for (const auto& follower : Followers()) follower->DownChanged();
}

void MemoryAuthority::Join(std::weak_ptr<Follower> follower) {
  const auto followers = followers_.Lock();
  std::erase_if(*followers, [](const auto& known) { return known.expired(); });
  followers->push_back(std::move(follower));
}

std::optional<std::vector<Record>> MemoryAuthority::LogAfter(std::uint64_t after, std::uint64_t last) const {
  const auto log = log_.Lock();
  if (after + 1 < log->first) return std::nullopt;
  const std::size_t from = static_cast<std::size_t>(after + 1 - log->first);
  const std::size_t to = std::min(log->records.size(), static_cast<std::size_t>(last + 1 - log->first));
  std::vector<Record> records;
  if (from < to) {
    records.assign(log->records.begin() + static_cast<std::ptrdiff_t>(from),
                   log->records.begin() + static_cast<std::ptrdiff_t>(to));
  }
  return records;
}

Snapshot MemoryAuthority::Everything() const {
  std::array<Collection, kCollectionCount> all{};
  for (int i = 0; i < kCollectionCount; ++i) all.at(static_cast<std::size_t>(i)) = static_cast<Collection>(i);
  return Read(all);
}

void MemoryAuthority::Logged(const Record& record) {
  newest_ = record.document->revision;
  log_.Lock()->records.push_back(record);
}

void MemoryAuthority::Wrote() {
  Trim();
  if (down_) return;
  for (const auto& follower : Followers()) follower->LogGrew();
}

std::vector<std::shared_ptr<MemoryAuthority::Follower>> MemoryAuthority::Followers() const {
  std::vector<std::shared_ptr<Follower>> live;
  const auto followers = followers_.Lock();
  for (const auto& known : *followers) {
    if (auto follower = known.lock()) live.push_back(std::move(follower));
  }
  return live;
}

void MemoryAuthority::Trim() {
  if (log_.Lock()->records.size() < 2 * kLogKept) return;
  std::uint64_t taken = newest_;
  for (const auto& follower : Followers()) taken = std::min(taken, follower->Position());
  const auto log = log_.Lock();
  while (log->records.size() > kLogKept && log->first <= taken) {
    log->records.pop_front();
    ++log->first;
  }
}

}  // namespace mlnode::storage
