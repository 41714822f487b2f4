// storage/nats/testing/tcp_proxy.h: a proxy on 127.0.0.1 that does to a connection what networks do. Threads: any; it
// has one of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <string>

#include "core/executor.h"
#include "core/guarded.h"

namespace mlnode::storage::testing {

class TcpProxy {
 public:
  explicit TcpProxy(std::uint16_t target);  // ends the test process when it cannot listen
  ~TcpProxy();
  std::uint16_t port() const { return port_; }
  std::string Url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

  // Closes all connections and takes no new ones, until Heal.
  void Cut();
  // Bytes of one direction vanish; connections stay, and new ones are taken. Until Heal, which closes those that lost
  // any.
  void SwallowToServer();
  void SwallowToClient();
  void SwallowBoth();
  // Bytes arrive that much later; at most so many a second (to the client).
  void Delay(std::chrono::milliseconds delay);
  void Throttle(std::size_t bytes_per_second);
  void Heal();
  std::size_t SwallowedToClient() const { return swallowed_to_client_; }
  std::size_t connections() const { return connections_; }

 private:
  struct Rules {
    bool cut = false, swallow_to_server = false, swallow_to_client = false;
    std::chrono::milliseconds delay{0};
    std::size_t bytes_per_second = 0;  // 0: no limit
    int heals = 0;
  };
  struct Chunk {
    std::chrono::steady_clock::time_point ready;
    std::string bytes;
  };
  struct Direction {
    int from = -1, to = -1;
    std::deque<Chunk> chunks = {};
    std::size_t held = 0;
    double allowance = 0;
  };
  struct Pair {
    Direction to_server, to_client;
    bool lossy = false;
  };

  void Run();
  void Accept();
  // False: the connection is over.
  bool Pump(Direction& direction, bool to_client, const Rules& rules, bool& lossy, double seconds);
  static bool Deliver(Direction& direction, bool to_client, const Rules& rules);
  static void Close(const Pair& pair);

  const std::uint16_t target_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  Guarded<Rules> rules_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> swallowed_to_client_ = 0, connections_ = 0;
  std::list<Pair> pairs_;  // the thread's own
  ThreadPool thread_{{.name = "proxy"}};
};

}  // namespace mlnode::storage::testing
