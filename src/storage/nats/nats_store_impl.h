// storage/nats/nats_store_impl.h: NatsStore put together; for its factory and its tests. Contract: nats_store.h.
#pragma once

#include <memory>

#include "storage/nats/feed/replica_feed.h"
#include "storage/nats/nats_documents.h"
#include "storage/nats/nats_parts.h"

namespace mlnode::storage::nats {

class NatsStoreImpl final : public NatsStore {
 public:
  static Result<std::unique_ptr<NatsStoreImpl>> Open(NatsOptions options, const Clock& clock, FeedTimes times);

  Result<DocumentPtr> Get(const Key& key) const override { return replica_.Get(key); }
  Result<DocumentPtr> GetFresh(const Key& key) const override { return documents_.GetFresh(key); }
  bool Following() const override { return feed_.Following(); }
  Status CatchUp(Duration limit) const override { return documents_.CatchUp(limit); }
  Snapshot Read(std::span<const Collection> collections) const override { return replica_.Read(collections); }
  std::vector<DocumentPtr> Find(Collection collection, std::string_view field, std::string_view value) const override {
    return replica_.Find(collection, field, value);
  }
  std::vector<DocumentPtr> FindUnder(Collection collection, std::string_view head) const override {
    return replica_.FindUnder(collection, head);
  }
  WriteOutcome TryWrite(const Write& write) override { return documents_.TryWrite(write); }
  Result<std::optional<Written>> Settle(const Key& key, std::uint64_t nonce) const override {
    return documents_.Settle(key, nonce);
  }
  std::unique_ptr<Subscription> Watch(std::vector<Collection> collections, Executor& executor,
                                      std::function<void(const Change&)> notice) override {
    return replica_.Watch(collections, executor, std::move(notice));
  }
  Status PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) override {
    return parts_.Put(upload, number, bytes);
  }
  Result<std::string> GetPart(const UploadId& upload, std::uint32_t number) const override {
    return parts_.Get(upload, number);
  }
  Result<std::vector<std::uint32_t>> ListParts(const UploadId& upload) const override { return parts_.List(upload); }
  Result<std::vector<UploadInfo>> ListUploads() const override { return parts_.ListUploads(); }
  Status RemoveUpload(const UploadId& upload) override { return parts_.Remove(upload); }

 private:
  NatsStoreImpl(NatsOptions options, std::vector<Server> servers, const Clock& clock, FeedTimes times);

  // In the order in which they need each other.
  const StreamNames names_;
  NatsLink link_;
  Replica replica_;
  OwnWrites own_;
  ReplicaFeed feed_;
  NatsDocuments documents_;
  NatsParts parts_;
};

}  // namespace mlnode::storage::nats
