#include "net/http_exchange.h"

#include <utility>

#include "core/log.h"
#include "net/http_wire.h"

namespace mlnode::net {
namespace {

class ConnectionStream final : public ReplyStream {
 public:
  ConnectionStream(std::shared_ptr<Connection> connection, std::shared_ptr<Slot> slot)
      : connection_(std::move(connection)), slot_(std::move(slot)) {}
  ConnectionStream(const ConnectionStream&) = delete;
  ConnectionStream& operator=(const ConnectionStream&) = delete;
  ~ConnectionStream() override {
    if (!ended_) connection_->CutStream();
  }

  bool Write(std::string_view piece) override {
    if (ended_ || connection_->gone()) return false;
    if (piece.empty()) return true;  // an empty chunk would end the body
    return Send(slot_->chunked ? ChunkOf(piece) : std::string(piece));
  }

  void End() override {
    if (std::exchange(ended_, true)) return;
    std::string end(slot_->chunked ? kLastChunk : std::string_view());
    slot_->waiting.fetch_add(end.size(), std::memory_order_relaxed);
    connection_->DeliverPiece(slot_, std::move(end), true);
  }

 private:
  bool Send(std::string coded) {
    if (slot_->waiting.load(std::memory_order_relaxed) + coded.size() > connection_->max_unsent_bytes()) return false;
    slot_->waiting.fetch_add(coded.size(), std::memory_order_relaxed);
    connection_->DeliverPiece(slot_, std::move(coded), false);
    return true;
  }

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<Slot> slot_;
  bool ended_ = false;
};

}  // namespace

ConnectionExchange::~ConnectionExchange() {
  if (!answered_.load()) connection_->Drop(slot_);
}

void ConnectionExchange::Reply(HttpReply reply) {
  if (answered_.exchange(true)) {
    LOG_ERROR("net", "{} {} was answered twice: the second answer is dropped", slot_->request.method,
              slot_->request.target);
    return;
  }
  if (!reply.stream) return connection_->Deliver(slot_, std::move(reply));
  connection_->DeliverStream(slot_, reply);
  reply.stream(std::make_unique<ConnectionStream>(connection_, slot_));
}

}  // namespace mlnode::net
