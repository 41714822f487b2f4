// net/testing/dropping_server.h: an HTTP server that answers the first request of each connection and closes the
// connection at the second without a word, as one does whose patience with a kept connection is at its end. Takes
// requests without a body. Listens on a free port of 127.0.0.1, serves one connection after the other. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace mlnode::net {

class DroppingServer {
 public:
  DroppingServer();
  DroppingServer(const DroppingServer&) = delete;
  DroppingServer& operator=(const DroppingServer&) = delete;
  ~DroppingServer();  // after the clients

  std::string Url(const std::string& target) const;
  // Requests that came so far, whether or not they were answered.
  int received() const { return received_.load(); }

 private:
  void Serve();
  void ServeOne(int socket);

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> received_{0};
  std::thread thread_;
};

}  // namespace mlnode::net
