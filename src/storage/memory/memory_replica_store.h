// storage/memory/memory_replica_store.h: the Store of one process of a simulated cluster: its own replica of a
// MemoryAuthority, which hears of writes with a delay, and the ways in which a network fails it.
//
// As with NATS: a write of this process returns once its replica holds it, and with it all that came before, so the
// replica is always a state that the authority had. While it is cut off, reads go on from what it holds, Following() is
// false and all that needs the authority is kUnavailable. Healed, it catches up after one more delay, from the log or,
// after a gap too long, by reading everything anew (told as kResync); a write meanwhile happens without the replica
// holding it on return.
// Borrows: authority and executor, which outlive it. Threads: as Store; deliveries run on `executor`. Nothing blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/executor.h"
#include "storage/memory/memory_authority.h"
#include "storage/store.h"

namespace mlnode::storage {

class MemoryReplicaStore final : public Store {
 public:
  // Begins with all that the authority holds, down or not. `delay`: drawn for each delivery, from the first write that
  // it is to bring; null: deliveries happen inside the write, whoever writes.
  MemoryReplicaStore(MemoryAuthority& authority, Executor& executor, std::function<Duration()> delay = nullptr);
  ~MemoryReplicaStore() override;

  void CutOff();
  enum class Gap : std::uint8_t { kByLog, kTooLong };  // kTooLong: everything is read anew whatever the log has
  void Heal(Gap gap = Gap::kByLog);
  enum class LostAnswer : std::uint8_t { kWritten, kNotWritten };
  // The answer of the nth write from now does not arrive: Unknown. One at a time; 1 is the next.
  void LoseAnswer(int nth, LostAnswer what);
  std::uint64_t delivered() const;  // records and documents that reached this replica since it began

  Result<DocumentPtr> Get(const Key& key) const override;
  Result<DocumentPtr> GetFresh(const Key& key) const override;
  bool Following() const override;
  Status CatchUp(Duration limit) const override;
  Snapshot Read(std::span<const Collection> collections) const override;
  std::vector<DocumentPtr> Find(Collection collection, std::string_view field, std::string_view value) const override;
  std::vector<DocumentPtr> FindUnder(Collection collection, std::string_view head) const override;
  WriteOutcome TryWrite(const Write& write) override;
  Result<std::optional<Written>> Settle(const Key& key, std::uint64_t nonce) const override;
  std::unique_ptr<Subscription> Watch(std::vector<Collection> collections, Executor& executor,
                                      std::function<void(const Change&)> notice) override;
  Status PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) override;
  Result<std::string> GetPart(const UploadId& upload, std::uint32_t number) const override;
  Result<std::vector<std::uint32_t>> ListParts(const UploadId& upload) const override;
  Result<std::vector<UploadInfo>> ListUploads() const override;
  Status RemoveUpload(const UploadId& upload) override;

 private:
  class Link;
  MemoryAuthority& authority_;
  std::shared_ptr<Link> link_;
};

}  // namespace mlnode::storage
