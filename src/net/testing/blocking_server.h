// net/testing/blocking_server.h: what test servers are made of that do to a connection what HttpServer never would.
// Listens on a free port of 127.0.0.1, serves one connection after the other on a thread of its own. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace mlnode::net {

class BlockingServer {
 public:
  enum class Then { kClose, kKeepOpen };  // kKeepOpen: until the server ends
  // `serve` is called by the thread with each connection's socket, which stays the server's.
  explicit BlockingServer(std::function<Then(int socket)> serve);
  BlockingServer(const BlockingServer&) = delete;
  BlockingServer& operator=(const BlockingServer&) = delete;
  ~BlockingServer();  // waits for `serve`, then closes all connections

  std::string Url(const std::string& target) const;

  // Reads until the head of a request is complete; false when the client left before.
  static bool ReadHead(int socket);
  static bool Send(int socket, std::string_view bytes);

 private:
  void Serve();

  const std::function<Then(int)> serve_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<int> open_;  // of the thread
  std::thread thread_;
};

}  // namespace mlnode::net
