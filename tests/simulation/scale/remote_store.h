// simulation/scale/remote_store.h: a node's replica of the authority, at the distance of a network: what needs the
// servers takes virtual time, and the servers take one write after the other.
#pragma once

#include "simulation/scale/virtual_time.h"
#include "storage/memory/memory_replica_store.h"

namespace mlnode::simulation {

// What all nodes write to. Threads: those of the VirtualTime.
class Servers {
 public:
  struct Counts {
    std::uint64_t taken = 0;    // messages: writes, and barriers of those who catch up
    std::uint64_t refused = 0;  // of them: another write came between
  };

  // `way`: there or back; `each`: that a write takes, one after the other.
  Servers(VirtualTime& time, Duration way, Duration each) : time_(time), way_(way), each_(each) {}

  void Way() { time_.SleepUntil(time_.Now() + way_); }
  // Returns when a message that has come is stored.
  void Take() {
    ++counts_.taken;
    free_ = std::max(free_, time_.Now()) + each_;
    time_.SleepUntil(free_);
  }
  void Note(bool refused) { counts_.refused += refused ? 1 : 0; }
  const Counts& counts() const { return counts_; }

 private:
  VirtualTime& time_;
  const Duration way_, each_;
  SteadyTime free_{};
  Counts counts_;
};

class RemoteStore final : public storage::Store {
 public:
  RemoteStore(Servers& servers, storage::MemoryReplicaStore& replica) : servers_(servers), replica_(replica) {}

  // Of a process that is being ended: nothing gets through any more.
  void Die() { dead_ = true; }

  Result<storage::DocumentPtr> Get(const storage::Key& key) const override { return replica_.Get(key); }
  Result<storage::DocumentPtr> GetFresh(const storage::Key& key) const override;
  bool Following() const override { return !dead_ && replica_.Following(); }
  Status CatchUp(Duration limit) const override;
  storage::Snapshot Read(std::span<const storage::Collection> collections) const override {
    return replica_.Read(collections);
  }
  std::vector<storage::DocumentPtr> Find(storage::Collection collection, std::string_view field,
                                         std::string_view value) const override {
    return replica_.Find(collection, field, value);
  }
  std::vector<storage::DocumentPtr> FindUnder(storage::Collection collection, std::string_view head) const override {
    return replica_.FindUnder(collection, head);
  }
  storage::WriteOutcome TryWrite(const storage::Write& write) override;
  Result<std::optional<storage::Written>> Settle(const storage::Key& key, std::uint64_t nonce) const override;
  std::unique_ptr<storage::Subscription> Watch(std::vector<storage::Collection> collections, Executor& executor,
                                               std::function<void(const storage::Change&)> notice) override {
    return replica_.Watch(std::move(collections), executor, std::move(notice));
  }
  Status PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) override {
    return replica_.PutPart(upload, number, bytes);
  }
  Result<std::string> GetPart(const UploadId& upload, std::uint32_t number) const override {
    return replica_.GetPart(upload, number);
  }
  Result<std::vector<std::uint32_t>> ListParts(const UploadId& upload) const override {
    return replica_.ListParts(upload);
  }
  Result<std::vector<UploadInfo>> ListUploads() const override { return replica_.ListUploads(); }
  Status RemoveUpload(const UploadId& upload) override { return replica_.RemoveUpload(upload); }

 private:
  Servers& servers_;
  storage::MemoryReplicaStore& replica_;
  bool dead_ = false;
};

}  // namespace mlnode::simulation
