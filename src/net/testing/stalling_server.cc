#include "net/testing/stalling_server.h"

#include <fmt/format.h>

namespace mlnode::net {

void StallingServer::Serve(int socket) {
  if (!BlockingServer::ReadHead(socket)) return;
  const std::string half =
      fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", kBodyBytes, std::string(kBodyBytes / 2, 'h'));
  if (BlockingServer::Send(socket, half)) ++stalled_;
}

}  // namespace mlnode::net
