#include "storage/nats/testing/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace mlnode::storage::testing {
namespace {

constexpr int kTickMillis = 2;
constexpr std::size_t kMostHeld = 1 << 20;  // of one direction; the sender waits then

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int ConnectTo(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(port);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

void Prepare(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(fd, F_SETFL, O_NONBLOCK);
}

}  // namespace

TcpProxy::TcpProxy(std::uint16_t target) : target_(target) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    std::fprintf(stderr, "a proxy cannot listen\n");
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  (void)thread_.Post([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  stopping_ = true;
  thread_.Stop();
  for (const Pair& pair : pairs_) Close(pair);
  close(listener_);
}

void TcpProxy::Cut() { rules_.Lock()->cut = true; }

void TcpProxy::SwallowToServer() { rules_.Lock()->swallow_to_server = true; }

void TcpProxy::SwallowToClient() { rules_.Lock()->swallow_to_client = true; }

void TcpProxy::SwallowBoth() {
  const auto rules = rules_.Lock();
  rules->swallow_to_server = rules->swallow_to_client = true;
}

void TcpProxy::Delay(std::chrono::milliseconds delay) { rules_.Lock()->delay = delay; }

void TcpProxy::Throttle(std::size_t bytes_per_second) { rules_.Lock()->bytes_per_second = bytes_per_second; }

void TcpProxy::Heal() {
  const auto rules = rules_.Lock();
  *rules = Rules{.heals = rules->heals + 1};
}

void TcpProxy::Close(const Pair& pair) {
  close(pair.to_server.from);
  close(pair.to_server.to);
}

void TcpProxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = rules_.Lock()->cut ? -1 : ConnectTo(target_);
  if (server < 0) {
    close(client);
    return;
  }
  Prepare(client);
  Prepare(server);
  pairs_.push_back({.to_server = {.from = client, .to = server}, .to_client = {.from = server, .to = client}});
}

void TcpProxy::Run() {
  int heals = 0;
  auto last = std::chrono::steady_clock::now();
  while (!stopping_) {
    std::vector<pollfd> waited = {{.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const Pair& pair : pairs_) {
      for (const Direction* d : {&pair.to_server, &pair.to_client}) {
        if (d->held < kMostHeld) waited.push_back({.fd = d->from, .events = POLLIN, .revents = 0});
      }
    }
    poll(waited.data(), waited.size(), kTickMillis);
    Accept();
    const Rules rules = *rules_.Lock();
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last).count();
    last = now;
    const bool healed = rules.heals != heals;
    heals = rules.heals;
    std::erase_if(pairs_, [&](Pair& pair) {
      const bool over = rules.cut || (healed && pair.lossy) ||
                        !Pump(pair.to_server, false, rules, pair.lossy, seconds) ||
                        !Pump(pair.to_client, true, rules, pair.lossy, seconds);
      if (over) Close(pair);
      return over;
    });
    connections_ = pairs_.size();
  }
}

bool TcpProxy::Pump(Direction& direction, bool to_client, const Rules& rules, bool& lossy, double seconds) {
  const bool swallow = to_client ? rules.swallow_to_client : rules.swallow_to_server;
  std::array<char, 65'536> buffer;
  while (direction.held < kMostHeld) {
    const ssize_t count = read(direction.from, buffer.data(), buffer.size());
    if (count == 0) return false;
    if (count < 0) {
      if (errno != EAGAIN) return false;
      break;
    }
    if (swallow) {
      lossy = true;
      if (to_client) swallowed_to_client_ += static_cast<std::size_t>(count);
      continue;
    }
    direction.held += static_cast<std::size_t>(count);
    direction.chunks.push_back(
        {std::chrono::steady_clock::now() + rules.delay, std::string(buffer.data(), static_cast<std::size_t>(count))});
  }
  const auto rate = static_cast<double>(rules.bytes_per_second);
  direction.allowance = std::min(direction.allowance + rate * seconds, std::max(rate / 10, 1.0));
  return Deliver(direction, to_client, rules);
}

bool TcpProxy::Deliver(Direction& direction, bool to_client, const Rules& rules) {
  const bool limited = to_client && rules.bytes_per_second > 0;
  while (!direction.chunks.empty() && direction.chunks.front().ready <= std::chrono::steady_clock::now()) {
    std::string& bytes = direction.chunks.front().bytes;
    const std::size_t most = limited ? static_cast<std::size_t>(direction.allowance) : bytes.size();
    if (most == 0) return true;
    const ssize_t count = send(direction.to, bytes.data(), std::min(bytes.size(), most), MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN;
    direction.allowance -= static_cast<double>(count);
    direction.held -= static_cast<std::size_t>(count);
    bytes.erase(0, static_cast<std::size_t>(count));
    if (bytes.empty()) direction.chunks.pop_front();
  }
  return true;
}

}  // namespace mlnode::storage::testing
