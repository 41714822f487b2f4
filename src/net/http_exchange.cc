#include "net/http_exchange.h"

#include "core/log.h"

namespace mlnode::net {

ConnectionExchange::~ConnectionExchange() {
  if (!answered_.load()) connection_->Drop(slot_);
}

void ConnectionExchange::Reply(HttpReply reply) {
  if (answered_.exchange(true)) {
    LOG_ERROR("net", "{} {} was answered twice: the second answer is dropped", slot_->request.method,
              slot_->request.target);
    return;
  }
  connection_->Deliver(slot_, std::move(reply));
}

}  // namespace mlnode::net
