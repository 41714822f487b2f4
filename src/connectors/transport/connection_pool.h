// connectors/transport/connection_pool.h: who may use a connection now and who waits for one: each pool (a connector,
// or the model of an inline one) has its limit, and its calls get their turn in the order in which they were begun; a
// call that asks again after a backoff keeps its place. Bookkeeping only: no socket, no time. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace mlnode::connectors {

class ConnectionPools {
 public:
  using Ticket = std::uint64_t;  // of a call; a smaller one was begun earlier

  explicit ConnectionPools(std::size_t max_waiting) : max_waiting_(max_waiting) {}

  // Lines `ticket` up. `limit`: connections of this pool from now on; at least 1 counts. False: no connection is free,
  // and over all pools `max_waiting` calls wait already.
  bool Enter(const std::string& pool, std::int64_t limit, Ticket ticket);
  // The next in line, which holds a connection from now on; nullopt: none is free, or nobody waits. Ask after each
  // Enter and Release until there is none: a limit may have grown.
  std::optional<Ticket> Next(const std::string& pool);
  // `ticket` waits no longer. Does nothing when it does not wait.
  void Withdraw(const std::string& pool, Ticket ticket);
  // One that Next named is done with its connection.
  void Release(const std::string& pool);

  std::size_t waiting() const { return waiting_; }
  std::size_t pools() const { return pools_.size(); }  // those in use; others are forgotten

 private:
  struct Pool {
    std::int64_t limit = 1;
    std::int64_t in_use = 0;
    std::set<Ticket> line;
  };
  void ForgetIfUnused(std::map<std::string, Pool>::iterator pool);

  const std::size_t max_waiting_;
  std::size_t waiting_ = 0;
  std::map<std::string, Pool> pools_;
};

}  // namespace mlnode::connectors
