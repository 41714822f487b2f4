// storage/nats/nats_link.h: keeps a connection to one of the servers. Threads: Current from any; the rest is the feed's
// thread (Open's before there is one), but for Shutdown.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "core/guarded.h"
#include "storage/nats/nats_session.h"

namespace mlnode::storage::nats {

class NatsLink {
 public:
  // first: the server that is tried first, modulo their number, so that nodes spread over the servers.
  NatsLink(NatsOptions options, std::vector<Server> servers, std::uint64_t first)
      : options_(std::move(options)), servers_(std::move(servers)), next_(first % servers_.size()) {}

  const NatsOptions& options() const { return options_; }
  // nullptr: not connected.
  std::shared_ptr<NatsSession> Current() const;
  // Tries each server once, beginning behind the one that was last tried, for NatsSession::kConnectLimit each (a name
  // that does not resolve takes as long as the system lets it). The error is the last server's; one that is to be
  // corrected (files, credentials) counts before one that may pass.
  Result<std::shared_ptr<NatsSession>> Connect();
  // Closes the current connection, if any.
  void Drop();
  // Wakes who waits for an answer, and ends Connect before its next server. For good.
  void Shutdown();

 private:
  const NatsOptions options_;
  const std::vector<Server> servers_;
  std::size_t next_;
  std::atomic<bool> shut_down_ = false;
  Guarded<std::shared_ptr<NatsSession>> session_;
};

}  // namespace mlnode::storage::nats
