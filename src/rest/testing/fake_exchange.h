// rest/testing/fake_exchange.h: a request without a socket, whose answer can be looked at.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "rest/request_context.h"

namespace mlnode::rest::testing {

class FakeExchange final : public net::HttpExchange {
 public:
  explicit FakeExchange(net::HttpRequest request) : request_(std::move(request)) {}
  const net::HttpRequest& request() const override { return request_; }
  void Reply(net::HttpReply reply) override {
    ++replies;
    answer = std::move(reply);
  }
  bool ClientGone() const override { return gone; }

  std::optional<net::HttpReply> answer;
  int replies = 0;
  bool gone = false;

 private:
  net::HttpRequest request_;
};

// A body comes with Content-Type: application/json unless `content_type` says otherwise (empty: none).
std::shared_ptr<FakeExchange> MakeExchange(std::string method, std::string target, std::string body = {},
                                           std::string content_type = "application/json");
// A context whose path and query are parsed, without a route.
RequestContext MakeContext(std::string target, std::string body = {});

}  // namespace mlnode::rest::testing
