#include "storage/nats/feed/own_writes.h"

#include <utility>

namespace mlnode::storage::nats {

std::unique_ptr<OwnWrites::Turn> OwnWrites::Begin(const Key& key, std::uint64_t nonce, const CallLimit& limit) {
  std::unique_lock lock(mutex_);
  if (!ended_.wait_for(lock, Millis(limit.Left()), [&] { return !entries_.contains(key); })) return nullptr;
  entries_.emplace(key, Entry{.nonce = nonce});
  return std::make_unique<Turn>(*this, key);
}

void OwnWrites::End(const Key& key) {
  {
    const std::lock_guard lock(mutex_);
    entries_.erase(key);
  }
  ended_.notify_all();
}

void OwnWrites::Note(const Key& key, std::uint64_t nonce, std::uint64_t sequence, bool valid) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end() && found->second.nonce == nonce) found->second.verdicts.push_back({sequence, valid});
}

std::optional<bool> OwnWrites::VerdictOf(const Key& key, std::uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  for (const Verdict& verdict : found->second.verdicts) {
    if (verdict.sequence == sequence) return verdict.valid;
  }
  return std::nullopt;
}

}  // namespace mlnode::storage::nats
