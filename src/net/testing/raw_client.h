// net/testing/raw_client.h: a TCP client that sends exactly the bytes it is told, for tests of a server.
// Threads: one at a time. Every wait ends after kPatience with what there is, so that a failing test fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace mlnode::net {

struct RawReply {
  int status = 0;  // 0: the connection ended, or nothing came in time
  Headers headers;
  std::string body;
  std::string Header(std::string_view name) const { return std::string(headers.Find(name).value_or("")); }
};

class RawClient {
 public:
  static constexpr std::chrono::seconds kPatience{10};

  explicit RawClient(std::uint16_t port);
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient();

  bool connected() const { return fd_ >= 0; }
  // False when the peer has closed meanwhile; all bytes are sent otherwise.
  bool Send(std::string_view bytes);
  // The next reply. `to_head`: the request was HEAD, so no body follows.
  RawReply Read(bool to_head = false);
  // The next bytes of a body without a length; fewer when the peer closes.
  std::string Take(std::size_t bytes);
  // True when the peer closes without a further byte.
  bool ReadsEnd();
  // Reads at most so many bytes and forgets them; how many, 0 when the peer has closed.
  std::size_t Skip(std::size_t bytes);
  void EndSending();  // half close
  void Reset();       // RST: the client vanished

 private:
  bool Fill();

  int fd_ = -1;
  std::string in_;
};

// "GET /path HTTP/1.1" with a Host field and `more` fields, each ending with CRLF.
std::string Get(std::string_view target, std::string_view more = {});
// POST with Content-Length.
std::string Post(std::string_view target, std::string_view body, std::string_view more = {});

}  // namespace mlnode::net
