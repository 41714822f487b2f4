#include "rest/front_door.h"

#include "rest/error_body.h"
#include "rest/telemetry.h"

namespace mlnode::rest {

net::HttpReply FrontDoor::Starting(const net::HttpRequest& request) {
  if (request.target == "/_health") {
    net::HttpReply alive;
    alive.body = R"({"status":"alive"})";
    RequestsAnswered(metrics_, "/_health", alive.status).Add();
    return alive;
  }
  Error error = MakeError(Code::kUnavailable, "the node is starting");
  error.retry_after = std::chrono::seconds(1);
  net::HttpReply reply = ErrorReply(error, false);
  RequestsAnswered(metrics_, kNoRoute, reply.status).Add();
  return reply;
}

std::optional<net::HttpReply> FrontDoor::CheckHead(const net::HttpRequest& head) {
  net::HttpHandler* handler = handler_.load(std::memory_order_acquire);
  return handler == nullptr ? std::optional(Starting(head)) : handler->CheckHead(head);
}

void FrontDoor::Handle(std::shared_ptr<net::HttpExchange> exchange) {
  net::HttpHandler* handler = handler_.load(std::memory_order_acquire);
  if (handler == nullptr) return exchange->Reply(Starting(exchange->request()));
  handler->Handle(std::move(exchange));
}

net::HttpReply FrontDoor::Refusal(int status, const std::string& message) {
  if (net::HttpHandler* handler = handler_.load(std::memory_order_acquire)) return handler->Refusal(status, message);
  RequestsAnswered(metrics_, kNoRoute, status).Add();
  return SimpleErrorReply(status, message);
}

}  // namespace mlnode::rest
