// rest/front_door.h: what the HTTP server calls while the node behind it is not there yet: the port is bound first, so
// that a busy one is known at once and a probe is answered from the first moment. Threads: any. Open once; the handler
// then outlives the server.
#pragma once

#include <atomic>

#include "core/metrics.h"
#include "net/http_server.h"

namespace mlnode::rest {

class FrontDoor final : public net::HttpHandler {
 public:
  explicit FrontDoor(Metrics& metrics) : metrics_(metrics) {}  // borrowed: what it answers itself is counted
  // From now on `handler` answers.
  void Open(net::HttpHandler& handler) { handler_.store(&handler, std::memory_order_release); }

  // Before Open every request is answered 503 with Retry-After, but for GET /_health.
  std::optional<net::HttpReply> CheckHead(const net::HttpRequest& head) override;
  void Handle(std::shared_ptr<net::HttpExchange> exchange) override;
  net::HttpReply Refusal(int status, const std::string& message) override;

 private:
  net::HttpReply Starting(const net::HttpRequest& request);

  Metrics& metrics_;
  std::atomic<net::HttpHandler*> handler_ = nullptr;
};

}  // namespace mlnode::rest
