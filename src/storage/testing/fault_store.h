// storage/testing/fault_store.h: any Store, with faults that a test asks for and a hook inside every call.
//
// Faults are one-shot and counted from the moment they are set: FailWrite(1, f) hits the next write. Several may be
// pending. Borrows: the store under it. Threads: as Store; set faults and hook before other threads use it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>

#include "storage/store.h"

namespace mlnode::storage::testing {

enum class WriteFault : std::uint8_t {
  kUnavailable,  // not written, and said so
  kDiskFull,     // not written: kResourceExhausted
  kLostDone,     // written; the answer is lost: Unknown
  kLostNotDone,  // not written; the answer is lost: Unknown (what a failed fsync at commit looks like)
};
enum class PartFault : std::uint8_t {
  kDiskFull,    // not stored: kResourceExhausted
  kSyncFailed,  // not stored: kUnavailable
  kTorn,        // half of the bytes are kept and nobody says so: GetPart finds out (kDataLoss)
};

class FaultStore final : public Store {
 public:
  explicit FaultStore(Store& under) : under_(under) {}

  void FailWrite(int nth, WriteFault fault);
  void FailPart(int nth, PartFault fault);
  // The next `count` calls of GetFresh and Settle: kUnavailable.
  void FailFreshReads(int count);
  void ForgetFaults();  // those that were asked for and did not come yet
  // From now on nothing reaches the store: the process is dead and its tasks do not know yet. Writes and parts say
  // kUnavailable, fresh reads too; reads of the replica go on. Undone by Reconnect.
  void Sever();
  void Reconnect();
  // How kTorn damages a part that the store under it has stored.
  void set_tear(std::function<void(const UploadId&, std::uint32_t)> tear) { tear_ = std::move(tear); }
  // The interleaving hook: runs at the start of every call but Watch, with the call's name ("TryWrite", "Get", ...). A
  // simulation runs other tasks in it. Calls made inside the hook run it again, at most kMaxHookDepth deep.
  void set_before_call(std::function<void(std::string_view call)> hook) { hook_ = std::move(hook); }
  static constexpr int kMaxHookDepth = 4;

  std::uint64_t writes() const;  // TryWrite calls so far
  std::uint64_t parts() const;   // PutPart calls so far

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
  struct Plan {
    std::map<std::uint64_t, WriteFault> write_faults;  // by the number of the call
    std::map<std::uint64_t, PartFault> part_faults;
    std::uint64_t writes = 0;
    std::uint64_t parts = 0;
    int failing_fresh_reads = 0;
    bool severed = false;
  };
  void Enter(std::string_view call) const;
  Status CheckFresh() const;
  Status CheckSevered() const;

  Store& under_;
  std::function<void(const UploadId&, std::uint32_t)> tear_;
  std::function<void(std::string_view)> hook_;
  mutable std::mutex mutex_;
  mutable Plan plan_;
};

}  // namespace mlnode::storage::testing
