// storage/memory/memory_store.h: a Store without a disk, for tests and simulations. "Durable" means: as long as this
// object.
//
// A simulated process restart keeps the object and calls Restart(). A simulated cluster has one object of the kind in
// memory_authority.h, which adds the log that its nodes' replicas follow, and does not.
// Borrows: clock (stamps uploads). Threads: any; no lock is held while calling out.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/guarded.h"
#include "storage/replica.h"
#include "storage/store.h"

namespace mlnode::storage {

class MemoryStore : public Store {
 public:
  explicit MemoryStore(const Clock& clock) : clock_(clock) {}

  Result<DocumentPtr> Get(const Key& key) const override { return replica_.Get(key); }
  Result<DocumentPtr> GetFresh(const Key& key) const override { return replica_.Get(key); }
  Snapshot Read(std::span<const Collection> collections) const override { return replica_.Read(collections); }
  std::vector<DocumentPtr> Find(Collection collection, std::string_view field, std::string_view value) const override;
  std::vector<DocumentPtr> FindUnder(Collection collection, std::string_view head) const override {
    return replica_.FindUnder(collection, head);
  }
  WriteOutcome TryWrite(const Write& write) override;
  Result<std::optional<Written>> Settle(const Key& key, std::uint64_t nonce) const override;
  std::unique_ptr<Subscription> Watch(std::vector<Collection> collections, Executor& executor,
                                      std::function<void(const Change&)> notice) override;

  Status PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) override;
  Result<std::string> GetPart(const UploadId& upload, std::uint32_t number) const override;
  Result<std::vector<std::uint32_t>> ListParts(const UploadId& upload) const override;
  Result<std::vector<UploadInfo>> ListUploads() const override;
  Status RemoveUpload(const UploadId& upload) override;

  // The only process died and another begins: ephemeral documents are gone, old subscriptions hear nothing more.
  void Restart();
  // Half of the part's bytes are lost, as a disk may do; GetPart says kDataLoss. kNotFound.
  Status TearPart(const UploadId& upload, std::uint32_t number);

 private:
  // For a store that others follow. A write that happened, in the order of revisions; the writers' lock is held.
  virtual void Logged([[maybe_unused]] const Record& record) {}
  // After one or more of them, no lock is held.
  virtual void Wrote() {}

  struct Part {
    std::string bytes;
    std::size_t written_bytes = 0;  // more than `bytes` holds once torn
  };
  struct Upload {
    std::map<std::uint32_t, Part> parts;
    EpochMillis last_write = 0;
  };

  const Clock& clock_;
  Replica replica_;
  std::mutex writing_;  // one write at a time; taken before the replica's lock
  std::uint64_t last_revision_ = 0;
  Guarded<std::map<UploadId, Upload>> uploads_;
};

}  // namespace mlnode::storage
