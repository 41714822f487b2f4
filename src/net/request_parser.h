// net/request_parser.h: HTTP/1.1 request framing without sockets: bytes in, head and chunk data out. Strict where a
// lenient reading would let two parsers in a row disagree about where a request ends (request smuggling, RFC 9112
// §11.2). Threads: one at a time. Boost.Beast's parser does the grammar and appears in request_parser.cc only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_message.h"

namespace mlnode::net {

// How a request is framed; filled when its head is complete.
struct RequestFrame {
  bool keep_alive = true;    // from version and Connection
  bool old_version = false;  // HTTP/1.0
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  bool HasBody() const { return chunked || content_length.value_or(0) > 0; }
};

class RequestParser {
 public:
  struct Step {
    std::size_t consumed = 0;  // bytes of the input that are dealt with, to be dropped
    bool done = false;         // the head, or the body, is complete; else: call again with more bytes
    int refuse = 0;            // HTTP status to refuse the request with, and why; no further call until Reset
    std::string message;
  };
  using Sink = std::function<Status(std::string_view piece)>;

  explicit RequestParser(std::size_t max_header_bytes);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Ready for the next request.
  void Reset();
  // Reads start line and fields into `head`. Refuses with 400 and 431.
  Step ReadHead(std::string_view input, HttpRequest& head);
  // After ReadHead is done.
  const RequestFrame& frame() const;
  // Reads the chunked body, after ReadHead. Refuses with 400; an error of `sink` gives refuse = kSinkFailed, the error
  // itself is the caller's to keep.
  Step ReadChunked(std::string_view input, const Sink& sink);
  static constexpr int kSinkFailed = -1;

 private:
  class Grammar;
  std::size_t max_header_bytes_;
  std::unique_ptr<Grammar> grammar_;
};

}  // namespace mlnode::net
