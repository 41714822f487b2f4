// net/http_server.h: HTTP/1.1 on TCP: keep-alive, pipelining (answers in order), chunked bodies, Expect: 100-continue,
// gzip both ways, limits, graceful stop. Boost.Beast appears in request_parser.cc only. Threads: all socket work on the
// `threads` io threads the server owns; Handler is called on them and must not block.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/executor.h"
#include "core/metrics.h"
#include "core/result.h"
#include "net/http_message.h"

namespace mlnode::net {

// One request on its way. Held by whoever will answer it.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;  // without a Reply before: the client gets 500
  virtual const HttpRequest& request() const = 0;
  // Answers; once, any thread. A second call is ignored and logged. Packs a long body with gzip in the calling thread
  // (about 100 MB/s), so large answers had better not come from an io thread.
  virtual void Reply(HttpReply reply) = 0;
  // True once the connection is known to be lost, or the client has ended its direction: work for it may stop. An
  // answer given all the same is sent if it still can be.
  virtual bool ClientGone() const = 0;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Called when the header is complete and before the body is read (request.body empty). An answer here is sent at
  // once, without 100-continue; when a body was to follow, it is refused and the connection closes. On an io thread.
  virtual std::optional<HttpReply> CheckHead(const HttpRequest& head) = 0;
  // A whole request. On an io thread: hand it on, do not block.
  virtual void Handle(std::shared_ptr<HttpExchange> exchange) = 0;
  // The answer to what HTTP itself refuses: 400 malformed request or gzip, 408 slow, 413 body, 415 Content-Encoding,
  // 417 Expect, 431 header, 503 full; and 500 for an exchange without an answer. On an io thread.
  virtual HttpReply Refusal(int status, const std::string& message) = 0;
};

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 9200;  // 0 = any free one, see port()
  int threads = 1;
  std::size_t max_header_bytes = 16UL * 1024;
  std::size_t max_body_bytes = 100UL * 1024 * 1024;      // of one request, after gunzip
  std::size_t max_gzip_ratio = 200;                      // gunzipped / sent bytes beyond the first MiB
  std::size_t body_budget_bytes = 1024UL * 1024 * 1024;  // of all requests being received or answered; beyond: 503
  std::size_t max_connections = 1000;                    // beyond: 503 and close
  std::size_t max_pipelined = 16;                        // requests of one connection read ahead of their answers
  // Bytes of a connection's answers that its client has not taken; beyond, no further request of it is begun. Those
  // begun before, max_pipelined at most, may still add theirs.
  std::size_t max_unsent_bytes = 16UL * 1024 * 1024;
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds header_timeout{10'000};  // first byte of a request to end of header, in all
  // Of a body (read) and of answers (write): the time in which min_progress_bytes must move, or what is left of it.
  // See progress_window.h. An answer counts as moved once the system's send buffer has taken it.
  std::chrono::milliseconds read_timeout{60'000};
  std::chrono::milliseconds write_timeout{60'000};
  std::size_t min_progress_bytes = 32UL * 1024;  // 546 B/s: half of what the slowest mobile links carry
  std::size_t gzip_min_bytes = 1024;             // answers below are not compressed
};

class HttpServer {
 public:
  // Binds and listens at once. kFailedPrecondition when the port is taken (message says by whom to look),
  // kInvalidArgument for an address that does not parse. `handler` and `metrics` must outlive the server.
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options, HttpHandler& handler, Metrics& metrics);
  virtual ~HttpServer() = default;  // Stop(zero)
  virtual std::uint16_t port() const = 0;
  // Stops accepting and closes idle connections, waits up to `drain` for requests in progress, then closes all. A
  // connection on which nothing was asked yet is idle only half a second later. Blocks.
  virtual void Stop(std::chrono::milliseconds drain) = 0;
};

}  // namespace mlnode::net
