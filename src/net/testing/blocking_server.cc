#include "net/testing/blocking_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace mlnode::net {

BlockingServer::BlockingServer(std::function<Then(int socket)> serve) : serve_(std::move(serve)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) std::abort();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

BlockingServer::~BlockingServer() {
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept
  thread_.join();
  ::close(listener_);
  for (const int socket : open_) ::close(socket);
}

std::string BlockingServer::Url(const std::string& target) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, target);
}

void BlockingServer::Serve() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    if (serve_(socket) == Then::kKeepOpen) {
      open_.push_back(socket);
    } else {
      ::close(socket);
    }
  }
}

bool BlockingServer::ReadHead(int socket) {
  std::string head;
  std::array<char, 1024> piece{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got <= 0) return false;
    head.append(piece.data(), static_cast<std::size_t>(got));
  }
  return true;
}

bool BlockingServer::Send(int socket, std::string_view bytes) {
  return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace mlnode::net
