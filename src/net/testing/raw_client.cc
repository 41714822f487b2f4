#include "net/testing/raw_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "net/http_wire.h"

namespace mlnode::net {

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
  const int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

RawClient::~RawClient() {
  if (fd_ >= 0) ::close(fd_);
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawClient::Fill() {
  std::array<char, 64 * 1024> piece;
  const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
  if (got > 0) in_.append(piece.data(), static_cast<std::size_t>(got));
  return got > 0;
}

RawReply RawClient::Read(bool to_head) {
  RawReply reply;
  std::size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return reply;
  }
  std::string_view lines = std::string_view(in_).substr(0, end + 2);
  reply.status = std::atoi(std::string(lines.substr(std::string_view("HTTP/1.1 ").size(), 3)).c_str());
  lines.remove_prefix(lines.find("\r\n") + 2);
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find("\r\n"));
    const auto colon = line.find(": ");
    reply.headers.Add(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)));
    lines.remove_prefix(line.size() + 2);
  }
  in_.erase(0, end + 4);
  const std::size_t length = to_head || IsBodiless(reply.status)
                                 ? 0
                                 : static_cast<std::size_t>(std::atoll(reply.Header("Content-Length").c_str()));
  while (in_.size() < length) {
    if (!Fill()) return {};
  }
  reply.body = in_.substr(0, length);
  in_.erase(0, length);
  return reply;
}

std::string RawClient::Take(std::size_t bytes) {
  while (in_.size() < bytes) {
    if (!Fill()) break;
  }
  std::string taken = in_.substr(0, bytes);
  in_.erase(0, taken.size());
  return taken;
}

bool RawClient::ReadsEnd() {
  char byte = 0;
  return in_.empty() && ::recv(fd_, &byte, 1, 0) == 0;
}

std::size_t RawClient::Skip(std::size_t bytes) {
  std::string piece(bytes, '\0');
  const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

void RawClient::EndSending() { ::shutdown(fd_, SHUT_WR); }

void RawClient::Reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(fd_);
  fd_ = -1;
}

std::string Get(std::string_view target, std::string_view more) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", target, more);
}

std::string Post(std::string_view target, std::string_view body, std::string_view more) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n{}\r\n{}", target, body.size(), more,
                     body);
}

}  // namespace mlnode::net
