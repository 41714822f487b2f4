// storage/nats/nats_handles.h: owners of libnats objects. Threads: as libnats: connections, contexts and subscriptions
// from any, messages from one at a time.
#pragma once

#include <nats/nats.h>

#include <memory>

namespace mlnode::storage::nats {

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using Options = std::unique_ptr<natsOptions, FreeWith<natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, FreeWith<natsConnection_Destroy>>;
using Context = std::unique_ptr<jsCtx, FreeWith<jsCtx_Destroy>>;
using Message = std::unique_ptr<natsMsg, FreeWith<natsMsg_Destroy>>;
using SubscriptionHandle = std::unique_ptr<natsSubscription, FreeWith<natsSubscription_Destroy>>;
using Inbox = std::unique_ptr<char, FreeWith<natsInbox_Destroy>>;
using PubAck = std::unique_ptr<jsPubAck, FreeWith<jsPubAck_Destroy>>;
using StreamInfo = std::unique_ptr<jsStreamInfo, FreeWith<jsStreamInfo_Destroy>>;
using ConsumerInfo = std::unique_ptr<jsConsumerInfo, FreeWith<jsConsumerInfo_Destroy>>;
using AccountInfo = std::unique_ptr<jsAccountInfo, FreeWith<jsAccountInfo_Destroy>>;

// No error of the server: an enumerator that status.h lacks.
inline jsErrCode NoCode() { return jsErrCode{}; }  // NOLINT(bugprone-invalid-enum-default-initialization)

// What a libnats function puts into a T** goes to `owner`: Out(owner) is that argument. The owner has it at the end of
// the full expression.
template <class Owner>
class Out {
 public:
  explicit Out(Owner& owner) : owner_(owner) {}
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;
  ~Out() { owner_.reset(raw_); }
  operator typename Owner::pointer*() { return &raw_; }

 private:
  Owner& owner_;
  typename Owner::pointer raw_ = nullptr;
};

}  // namespace mlnode::storage::nats
