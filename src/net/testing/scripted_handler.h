// net/testing/scripted_handler.h: an HttpHandler whose answers a test decides, and a server around it on a free port.
// Threads: any.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/metrics.h"
#include "net/http_server.h"

namespace mlnode::net {

// Targets that begin with /hold wait in Next(); /drop is dropped; every other is echoed: "METHOD target body".
class ScriptedHandler : public HttpHandler {
 public:
  // Before the server starts.
  std::function<std::optional<HttpReply>(const HttpRequest&)> check_head;
  std::function<void(std::shared_ptr<HttpExchange>)> handle;  // instead of the above

  std::optional<HttpReply> CheckHead(const HttpRequest& head) override;
  void Handle(std::shared_ptr<HttpExchange> exchange) override;
  HttpReply Refusal(int status, const std::string& message) override;

  // The next held exchange, in the order of arrival; null after 10 s.
  std::shared_ptr<HttpExchange> Next();
  std::size_t Waiting();

  static HttpReply Echo(const HttpRequest& request);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<HttpExchange>> held_;
};

HttpReply TextReply(int status, std::string body);

// Polls `condition` until it holds, at most 10 s. For what only another thread can bring about.
bool Eventually(const std::function<bool()>& condition);

class TestServer {
 public:
  TestServer() { options.port = 0; }
  ~TestServer() { server.reset(); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  void Start();
  std::uint16_t port() const { return server->port(); }
  std::string Url(const std::string& target) const;
  double Refused(const std::string& reason);
  double Connections();
  double UnsentBytes();

  HttpServerOptions options;
  ScriptedHandler handler;
  Metrics metrics;
  std::unique_ptr<HttpServer> server;
};

}  // namespace mlnode::net
