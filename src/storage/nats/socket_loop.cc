#include "storage/nats/socket_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace mlnode::storage::nats {

SocketLoop::SocketLoop() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) {
    std::fprintf(stderr, "no file descriptor is left for a connection to NATS\n");
    std::abort();
  }
  (void)thread_.Post([this] { Run(); });
}

SocketLoop::~SocketLoop() {
  Stop();
  close(wake_);
}

void SocketLoop::Stop() {
  stopping_ = true;
  Wake();
  thread_.Stop();
}

natsStatus SocketLoop::UseIn(natsOptions* options) {
  // Without "as soon as possible" libnats has a thread of its own that writes.
  const natsStatus s = natsOptions_SetSendAsap(options, true);
  return s == NATS_OK ? natsOptions_SetEventLoop(options, this, Attach, WantRead, WantWrite, Detach) : s;
}

natsStatus SocketLoop::Attach(void** user_data, void* loop, natsConnection* connection, natsSock socket) {
  auto* self = static_cast<SocketLoop*>(loop);
  *user_data = self;
  self->connection_ = connection;
  self->socket_ = socket;
  self->want_read_ = true;
  self->Wake();
  return NATS_OK;
}

natsStatus SocketLoop::WantRead(void* user_data, bool wanted) {
  auto* self = static_cast<SocketLoop*>(user_data);
  self->want_read_ = wanted;
  self->Wake();
  return NATS_OK;
}

natsStatus SocketLoop::WantWrite(void* user_data, bool wanted) {
  auto* self = static_cast<SocketLoop*>(user_data);
  self->want_write_ = wanted;
  self->Wake();
  return NATS_OK;
}

natsStatus SocketLoop::Detach(void* user_data) {
  auto* self = static_cast<SocketLoop*>(user_data);
  self->socket_ = -1;
  self->Wake();
  return NATS_OK;
}

void SocketLoop::Wake() const {
  const std::uint64_t one = 1;
  (void)!write(wake_, &one, sizeof(one));
}

void SocketLoop::Run() {
  while (!stopping_) {
    const int wanted = (want_read_ ? POLLIN : 0) | (want_write_ ? POLLOUT : 0);
    std::array<pollfd, 2> waited = {
        pollfd{.fd = wake_, .events = POLLIN, .revents = 0},
        pollfd{.fd = wanted != 0 ? socket_.load() : -1, .events = static_cast<std::int16_t>(wanted), .revents = 0}};
    poll(waited.data(), waited.size(), -1);
    if (waited[0].revents != 0) {
      std::uint64_t count = 0;
      (void)!read(wake_, &count, sizeof(count));
    }
    if (waited[1].revents == 0) continue;
    const std::lock_guard lock(reading_);
    // It may have been closed meanwhile; libnats then does nothing.
    if ((waited[1].revents & POLLOUT) != 0) natsConnection_ProcessWriteEvent(connection_);
    if ((waited[1].revents & ~POLLOUT) != 0) natsConnection_ProcessReadEvent(connection_);
  }
}

}  // namespace mlnode::storage::nats
