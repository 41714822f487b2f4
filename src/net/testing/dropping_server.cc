#include "net/testing/dropping_server.h"

namespace mlnode::net {

void DroppingServer::Serve(int socket) {
  if (!BlockingServer::ReadHead(socket)) return;
  ++received_;
  if (!BlockingServer::Send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) return;
  if (BlockingServer::ReadHead(socket)) ++received_;
}

}  // namespace mlnode::net
