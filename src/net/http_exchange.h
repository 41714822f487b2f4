// net/http_exchange.h: HttpExchange of a Connection. Threads: any, as HttpExchange.
#pragma once

#include <atomic>
#include <memory>

#include "net/http_connection.h"

namespace mlnode::net {

class ConnectionExchange final : public HttpExchange {
 public:
  ConnectionExchange(std::shared_ptr<Connection> connection, std::shared_ptr<Slot> slot)
      : connection_(std::move(connection)), slot_(std::move(slot)) {}
  ConnectionExchange(const ConnectionExchange&) = delete;
  ConnectionExchange& operator=(const ConnectionExchange&) = delete;
  ~ConnectionExchange() override;
  const HttpRequest& request() const override { return slot_->request; }
  void Reply(HttpReply reply) override;
  bool ClientGone() const override { return connection_->gone(); }

 private:
  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<Slot> slot_;
  std::atomic<bool> answered_{false};
};

}  // namespace mlnode::net
