#include "net/testing/scripted_handler.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace mlnode::net {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

std::optional<HttpReply> ScriptedHandler::CheckHead(const HttpRequest& head) {
  return check_head ? check_head(head) : std::nullopt;
}

void ScriptedHandler::Handle(std::shared_ptr<HttpExchange> exchange) {
  if (handle) return handle(std::move(exchange));
  const std::string& target = exchange->request().target;
  if (target.starts_with("/drop")) return;
  if (!target.starts_with("/hold")) return exchange->Reply(Echo(exchange->request()));
  const std::lock_guard lock(mutex_);
  held_.push_back(std::move(exchange));
  arrived_.notify_all();
}

HttpReply ScriptedHandler::Refusal(int status, const std::string& message) {
  return TextReply(status, fmt::format("refused {}: {}", status, message));
}

std::shared_ptr<HttpExchange> ScriptedHandler::Next() {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, kPatience, [this] { return !held_.empty(); })) return nullptr;
  auto exchange = std::move(held_.front());
  held_.pop_front();
  return exchange;
}

std::size_t ScriptedHandler::Waiting() {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

HttpReply ScriptedHandler::Echo(const HttpRequest& request) {
  return TextReply(200, fmt::format("{} {} {}", request.method, request.target, request.body));
}

HttpReply TextReply(int status, std::string body) {
  HttpReply reply;
  reply.status = status;
  reply.content_type = "text/plain";
  reply.body = std::move(body);
  return reply;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

void TestServer::Start() {
  auto started = HttpServer::Start(options, handler, metrics);
  if (!started) {
    fmt::print(stderr, "test server: {}\n", started.error().message);
    std::abort();
  }
  server = std::move(started).value();
}

std::string TestServer::Url(const std::string& target) const {
  return fmt::format("http://127.0.0.1:{}{}", port(), target);
}

double TestServer::Refused(const std::string& reason) {
  return metrics.GetCounter("mlnode_http_refused_total", "", {{"reason", reason}}).Value();
}

double TestServer::UnsentBytes() { return metrics.GetGauge("mlnode_http_unsent_bytes", "").Value(); }

double TestServer::Connections() { return metrics.GetGauge("mlnode_http_connections", "").Value(); }

}  // namespace mlnode::net
