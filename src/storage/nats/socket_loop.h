// storage/nats/socket_loop.h: reads and writes the socket of one libnats connection on a thread of ours.
//
// Why not libnats's own reading thread: in 3.4.1 it looks a message's subscription up and uses it without holding it,
// so a subscription that another thread destroys then, or a connection that one closes, is used after it was freed
// (fixed in later versions; a crash under NatsNetworkTest.WritingIntoAFullSocketEnds). Here no message is handled while
// HoldReading() is held; whoever closes the connection or destroys a subscription holds it. Writing never blocks.
// Threads: any.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <mutex>

#include "core/executor.h"

namespace mlnode::storage::nats {

class SocketLoop {
 public:
  SocketLoop();  // ends the process when the system gives no file descriptor
  ~SocketLoop();
  SocketLoop(const SocketLoop&) = delete;
  SocketLoop& operator=(const SocketLoop&) = delete;

  // For one connection. It is made with HoldReading() held.
  natsStatus UseIn(natsOptions* options);
  // Once the connection is closed, before it is destroyed.
  void Stop();
  [[nodiscard]] std::unique_lock<std::mutex> HoldReading() { return std::unique_lock(reading_); }

 private:
  static natsStatus Attach(void** user_data, void* loop, natsConnection* connection, natsSock socket);
  static natsStatus WantRead(void* user_data, bool wanted);
  static natsStatus WantWrite(void* user_data, bool wanted);
  static natsStatus Detach(void* user_data);
  void Run();
  void Wake() const;

  std::mutex reading_;
  int wake_ = -1;  // eventfd
  std::atomic<natsConnection*> connection_ = nullptr;
  std::atomic<int> socket_ = -1;
  std::atomic<bool> want_read_ = false, want_write_ = false, stopping_ = false;
  ThreadPool thread_{{.name = "nats-io"}};
};

}  // namespace mlnode::storage::nats
