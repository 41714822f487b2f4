#include "connectors/transport/connection_pool.h"

#include <algorithm>

namespace mlnode::connectors {

bool ConnectionPools::Enter(const std::string& pool, std::int64_t limit, Ticket ticket) {
  const auto entry = pools_.try_emplace(pool).first;
  entry->second.limit = std::max<std::int64_t>(limit, 1);
  const bool free = entry->second.in_use < entry->second.limit && entry->second.line.empty();
  if (!free && waiting_ >= max_waiting_) {
    ForgetIfUnused(entry);
    return false;
  }
  if (entry->second.line.insert(ticket).second) ++waiting_;
  return true;
}

std::optional<ConnectionPools::Ticket> ConnectionPools::Next(const std::string& pool) {
  const auto entry = pools_.find(pool);
  if (entry == pools_.end() || entry->second.line.empty() || entry->second.in_use >= entry->second.limit) {
    return std::nullopt;
  }
  const auto first = entry->second.line.begin();
  const Ticket ticket = *first;
  entry->second.line.erase(first);
  --waiting_;
  ++entry->second.in_use;
  return ticket;
}

void ConnectionPools::Withdraw(const std::string& pool, Ticket ticket) {
  const auto entry = pools_.find(pool);
  if (entry == pools_.end()) return;
  waiting_ -= entry->second.line.erase(ticket);
  ForgetIfUnused(entry);
}

void ConnectionPools::Release(const std::string& pool) {
  const auto entry = pools_.find(pool);
  if (entry == pools_.end() || entry->second.in_use == 0) return;
  --entry->second.in_use;
  ForgetIfUnused(entry);
}

void ConnectionPools::ForgetIfUnused(std::map<std::string, Pool>::iterator pool) {
  if (pool->second.in_use == 0 && pool->second.line.empty()) pools_.erase(pool);
}

}  // namespace mlnode::connectors
