// net/testing/stalling_server.h: an HTTP server that answers every request with half of a body and then says nothing
// more, for tests of who waits for it. Its end closes its connections. Threads: any.
#pragma once

#include <atomic>
#include <string>

#include "net/testing/blocking_server.h"

namespace mlnode::net {

class StallingServer {
 public:
  static constexpr int kBodyBytes = 100;  // announced; half of them come

  std::string Url(const std::string& target) const { return server_.Url(target); }
  // Requests that have got their half so far.
  int stalled() const { return stalled_.load(); }

 private:
  void Serve(int socket);

  std::atomic<int> stalled_{0};
  BlockingServer server_{[this](int socket) {
    Serve(socket);
    return BlockingServer::Then::kKeepOpen;
  }};
};

}  // namespace mlnode::net
