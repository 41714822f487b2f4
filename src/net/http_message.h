// net/http_message.h: HTTP requests and replies as plain values, independent of the library that carries them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace mlnode::net {

// Header fields in order. Names compare case-insensitively (RFC 9110 §5.1).
class Headers {
 public:
  void Add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  // First value of that name.
  std::optional<std::string_view> Find(std::string_view name) const;
  std::size_t Count(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
  std::string method;  // as sent, upper case by convention
  std::string target;  // path and query as sent
  Headers headers;
  std::string body;               // whole, chunked coding and Content-Encoding: gzip already undone
  std::string peer;               // "127.0.0.1:51234"
  SteadyTime received;            // when the header was complete
  SteadyTime body_received = {};  // when the body was complete
};

// An answer that is sent as it comes: in chunked coding, to a client of HTTP/1.0 until the connection closes. Let go
// without End, the connection is cut, so that the client sees that the answer is not whole. Threads: any, one at a
// time.
class ReplyStream {
 public:
  virtual ~ReplyStream() = default;
  // Queues a piece. False, and nothing of it is sent, once the client has gone, or when more than
  // HttpServerOptions::max_unsent_bytes would wait for it: whoever produces stops, for the client does not keep up.
  virtual bool Write(std::string_view piece) = 0;
  virtual void End() = 0;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json; charset=UTF-8";  // empty = no Content-Type header
  Headers headers;   // besides Content-Type, Content-Length, Content-Encoding
  std::string body;  // HEAD: only its length is sent; 204, 304: nothing of it
  // Set: the body comes in pieces and `body` counts for nothing. Called once, inside HttpExchange::Reply.
  std::function<void(std::unique_ptr<ReplyStream>)> stream = {};
};

}  // namespace mlnode::net
