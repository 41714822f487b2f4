#include "storage/nats/nats_link.h"

#include <utility>

#include "core/log.h"

namespace mlnode::storage::nats {

std::shared_ptr<NatsSession> NatsLink::Current() const {
  std::shared_ptr<NatsSession> session;
  {
    const auto current = session_.Lock();
    session = *current;
  }
  return session && session->Alive() ? session : nullptr;
}

Result<std::shared_ptr<NatsSession>> NatsLink::Connect() {
  Error worst = MakeError(Code::kUnavailable, "the store is closing");
  bool correctable = false;
  for (std::size_t tried = 0; tried < servers_.size() && !shut_down_; ++tried) {
    const Server& server = servers_[next_];
    next_ = (next_ + 1) % servers_.size();
    Result<std::shared_ptr<NatsSession>> session = NatsSession::Connect(options_, server);
    if (session) {
      LOG_INFO("storage", "connected to NATS server {}", server.Name());
      const auto current = session_.Lock();
      *current = *session;
      if (shut_down_) (*session)->Close();  // Shutdown may have missed it
      return session;
    }
    LOG_DEBUG("storage", "{} ({})", session.error().message, session.error().detail);
    if (correctable) continue;
    correctable = session.error().code != Code::kUnavailable;
    worst = std::move(session).error();
  }
  return worst;
}

void NatsLink::Drop() {
  std::shared_ptr<NatsSession> gone;
  {
    const auto current = session_.Lock();
    gone = std::exchange(*current, nullptr);
  }
  if (gone) gone->Close();
}

void NatsLink::Shutdown() {
  shut_down_ = true;
  std::shared_ptr<NatsSession> session;
  {
    const auto current = session_.Lock();
    session = *current;
  }
  if (session) session->Close();
}

}  // namespace mlnode::storage::nats
