// connectors/transport/connection_pool.h: who may use a connection now and who waits for one: each pool (a connector,
// or the model of an inline one) has its limit, and all together have one, so that connectors cannot use up the
// process's descriptors. Calls get their turn in the order in which they were begun, over all pools that have a
// connection left; a call that asks again after a backoff keeps its place. Bookkeeping only: no socket, no time. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace mlnode::connectors {

class ConnectionPools {
 public:
  using Ticket = std::uint64_t;  // of a call; a smaller one was begun earlier

  struct Limits {
    std::size_t waiting = 0;        // calls
    std::size_t waiting_bytes = 0;  // of their bodies
    std::size_t in_use = 0;         // connections of all pools; at least 1 counts
  };
  explicit ConnectionPools(Limits limits) : limits_(limits) {}

  // A quarter of the descriptors that the process may open (RLIMIT_NOFILE), for a connection may need two while names
  // are looked up and the store, models and clients need theirs; at most kMostInFlight, which is what one thread of
  // libcurl serves without falling behind.
  static constexpr std::size_t kMostInFlight = 4'096;
  static std::size_t OfThisProcess();

  // Lines `ticket` up, whose body is of `bytes`. `limit`: connections of this pool from now on; at least 1 counts.
  // False: no connection is free, and over all pools as many calls or bytes wait as may.
  bool Enter(const std::string& pool, std::int64_t limit, Ticket ticket, std::size_t bytes);
  // The next in line, which holds a connection of its pool from now on; nullopt: none is free, or nobody waits. Ask
  // after each Enter and Release until there is none: a limit may have grown.
  std::optional<Ticket> Next();
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
    std::map<Ticket, std::size_t> line;  // with its bytes
    std::optional<Ticket> ready = {};    // under which the pool stands in ready_
  };
  using Entry = std::map<std::string, Pool>::iterator;
  // Brings ready_ up to date after a change, and forgets a pool that nobody uses.
  void Changed(Entry pool);
  void Leave(Entry pool, std::map<Ticket, std::size_t>::iterator ticket);

  const Limits limits_;
  std::size_t waiting_ = 0, waiting_bytes_ = 0, in_use_ = 0;
  std::map<std::string, Pool> pools_;
  std::map<Ticket, Entry> ready_;  // by their first in line: pools with a connection left
};

}  // namespace mlnode::connectors
