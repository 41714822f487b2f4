#include "connectors/transport/connection_pool.h"

#include <sys/resource.h>

#include <algorithm>

namespace mlnode::connectors {

std::size_t ConnectionPools::OfThisProcess() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_cur == RLIM_INFINITY) return kMostInFlight;
  return std::clamp<std::size_t>(descriptors.rlim_cur / 4, 1, kMostInFlight);
}

bool ConnectionPools::Enter(const std::string& pool, std::int64_t limit, Ticket ticket, std::size_t bytes) {
  const auto entry = pools_.try_emplace(pool).first;
  entry->second.limit = std::max<std::int64_t>(limit, 1);
  const bool free = entry->second.in_use < entry->second.limit && entry->second.line.empty() &&
                    in_use_ < std::max<std::size_t>(limits_.in_use, 1);
  const bool room = waiting_ < limits_.waiting && waiting_bytes_ <= limits_.waiting_bytes &&
                    bytes <= limits_.waiting_bytes - waiting_bytes_;
  if ((free || room) && entry->second.line.emplace(ticket, bytes).second) {
    ++waiting_;
    waiting_bytes_ += bytes;
  }
  Changed(entry);
  return free || room;
}

std::optional<ConnectionPools::Ticket> ConnectionPools::Next() {
  if (ready_.empty() || in_use_ >= std::max<std::size_t>(limits_.in_use, 1)) return std::nullopt;
  const auto [ticket, entry] = *ready_.begin();
  ++entry->second.in_use;
  ++in_use_;
  Leave(entry, entry->second.line.begin());
  return ticket;
}

void ConnectionPools::Withdraw(const std::string& pool, Ticket ticket) {
  const auto entry = pools_.find(pool);
  if (entry == pools_.end()) return;
  const auto waits = entry->second.line.find(ticket);
  if (waits != entry->second.line.end()) Leave(entry, waits);
}

void ConnectionPools::Release(const std::string& pool) {
  const auto entry = pools_.find(pool);
  if (entry == pools_.end() || entry->second.in_use == 0) return;
  --entry->second.in_use;
  --in_use_;
  Changed(entry);
}

void ConnectionPools::Leave(Entry pool, std::map<Ticket, std::size_t>::iterator ticket) {
  --waiting_;
  waiting_bytes_ -= ticket->second;
  pool->second.line.erase(ticket);
  Changed(pool);
}

void ConnectionPools::Changed(Entry pool) {
  Pool& now = pool->second;
  if (now.ready) ready_.erase(*now.ready);
  now.ready.reset();
  if (!now.line.empty() && now.in_use < now.limit) {
    now.ready = now.line.begin()->first;
    ready_.emplace(*now.ready, pool);
  }
  if (now.in_use == 0 && now.line.empty()) pools_.erase(pool);
}

}  // namespace mlnode::connectors
