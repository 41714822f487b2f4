// net/testing/stalling_server.h: an HTTP server that answers every request with half of a body and then says nothing
// more, for tests of who waits for it. Listens on a free port of 127.0.0.1. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace mlnode::net {

class StallingServer {
 public:
  static constexpr int kBodyBytes = 100;  // announced; half of them come

  StallingServer();
  StallingServer(const StallingServer&) = delete;
  StallingServer& operator=(const StallingServer&) = delete;
  ~StallingServer();  // closes its connections

  std::string Url(const std::string& target) const;
  // Requests that have got their half so far.
  int stalled() const { return stalled_.load(); }

 private:
  void Serve();

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> stalled_{0};
  std::vector<int> open_;  // of the thread
  std::thread thread_;
};

}  // namespace mlnode::net
