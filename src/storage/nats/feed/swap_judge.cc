#include "storage/nats/feed/swap_judge.h"

namespace mlnode::storage {

SwapJudge::Verdict SwapJudge::Judge(const Swap& swap, bool complete) {
  const Document& document = *swap.record.document;
  if (swap.base >= document.revision) return Verdict::kVoid;
  const auto [found, unknown] = standings_.try_emplace(document.key);
  Standing& now = found->second;
  now.messages.push_back(document.revision);
  if (now.messages.size() > kHistory) now.messages.erase(now.messages.begin());
  const bool again = !unknown && now.removed && swap.base == 0;
  if (!unknown && !again && swap.base <= now.base) return Verdict::kVoid;
  const bool replaces = !unknown && swap.base == now.sequence;
  const bool creates = swap.base == 0 && complete;
  // What replaces the removal too late is void for those who know of it.
  now.base = again ? now.sequence : swap.base;
  now.sequence = document.revision;
  now.version = document.version;
  now.nonce = swap.record.nonce;
  now.removed = swap.record.removed;
  return replaces || creates ? Verdict::kValid : Verdict::kAssumed;
}

const SwapJudge::Standing* SwapJudge::Find(const Key& key) const {
  const auto found = standings_.find(key);
  return found == standings_.end() ? nullptr : &found->second;
}

void SwapJudge::Forget(const Key& key, std::uint64_t sequence) {
  const auto found = standings_.find(key);
  if (found != standings_.end() && found->second.removed && found->second.sequence == sequence) standings_.erase(found);
}

}  // namespace mlnode::storage
