// net/testing/dropping_server.h: an HTTP server that answers the first request of each connection and closes the
// connection at the second without a word, as one does whose patience with a kept connection is at its end. Takes
// requests without a body. Ends after its clients. Threads: any.
#pragma once

#include <atomic>
#include <string>

#include "net/testing/blocking_server.h"

namespace mlnode::net {

class DroppingServer {
 public:
  std::string Url(const std::string& target) const { return server_.Url(target); }
  // Requests that came so far, whether or not they were answered.
  int received() const { return received_.load(); }

 private:
  void Serve(int socket);

  std::atomic<int> received_{0};
  BlockingServer server_{[this](int socket) {
    Serve(socket);
    return BlockingServer::Then::kClose;
  }};
};

}  // namespace mlnode::net
