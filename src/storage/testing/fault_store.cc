#include "storage/testing/fault_store.h"

#include <optional>
#include <utility>

namespace mlnode::storage::testing {
namespace {

Error Injected(Code code, std::string_view what) { return MakeError(code, "injected fault: " + std::string(what)); }

template <class Fault>
std::optional<Fault> TakeFault(std::map<std::uint64_t, Fault>& faults, std::uint64_t call) {
  const auto node = faults.extract(call);
  if (!node) return std::nullopt;
  return node.mapped();
}

// Restored on the way out, so that the depth is that of this thread's nesting.
thread_local int hook_depth = 0;
struct DepthScope {
  DepthScope() { ++hook_depth; }
  ~DepthScope() { --hook_depth; }
  DepthScope(const DepthScope&) = delete;
  DepthScope& operator=(const DepthScope&) = delete;
};

}  // namespace

void FaultStore::FailWrite(int nth, WriteFault fault) {
  const std::lock_guard lock(mutex_);
  plan_.write_faults[plan_.writes + static_cast<std::uint64_t>(nth)] = fault;
}

void FaultStore::FailPart(int nth, PartFault fault) {
  const std::lock_guard lock(mutex_);
  plan_.part_faults[plan_.parts + static_cast<std::uint64_t>(nth)] = fault;
}

void FaultStore::FailFreshReads(int count) {
  const std::lock_guard lock(mutex_);
  plan_.failing_fresh_reads = count;
}

void FaultStore::ForgetFaults() {
  const std::lock_guard lock(mutex_);
  plan_.write_faults.clear();
  plan_.part_faults.clear();
  plan_.failing_fresh_reads = 0;
}

void FaultStore::Sever() {
  const std::lock_guard lock(mutex_);
  plan_.severed = true;
}

void FaultStore::Reconnect() {
  const std::lock_guard lock(mutex_);
  plan_.severed = false;
}

std::uint64_t FaultStore::writes() const {
  const std::lock_guard lock(mutex_);
  return plan_.writes;
}

std::uint64_t FaultStore::parts() const {
  const std::lock_guard lock(mutex_);
  return plan_.parts;
}

void FaultStore::Enter(std::string_view call) const {
  if (!hook_ || hook_depth >= kMaxHookDepth) return;
  const DepthScope scope;
  hook_(call);
}

Status FaultStore::CheckSevered() const {
  const std::lock_guard lock(mutex_);
  if (plan_.severed) return Injected(Code::kUnavailable, "severed");
  return {};
}

Status FaultStore::CheckFresh() const {
  const std::lock_guard lock(mutex_);
  if (plan_.severed) return Injected(Code::kUnavailable, "severed");
  if (plan_.failing_fresh_reads == 0) return {};
  --plan_.failing_fresh_reads;
  return Injected(Code::kUnavailable, "fresh read");
}

Result<DocumentPtr> FaultStore::Get(const Key& key) const {
  Enter("Get");
  return under_.Get(key);
}

bool FaultStore::Following() const { return CheckSevered().has_value() && under_.Following(); }

Status FaultStore::CatchUp(Duration limit) const {
  Enter("CatchUp");
  RETURN_IF_ERROR(CheckFresh());
  return under_.CatchUp(limit);
}

Result<DocumentPtr> FaultStore::GetFresh(const Key& key) const {
  Enter("GetFresh");
  RETURN_IF_ERROR(CheckFresh());
  return under_.GetFresh(key);
}

Snapshot FaultStore::Read(std::span<const Collection> collections) const {
  Enter("Read");
  return under_.Read(collections);
}

std::vector<DocumentPtr> FaultStore::Find(Collection collection, std::string_view field, std::string_view value) const {
  Enter("Find");
  return under_.Find(collection, field, value);
}

std::vector<DocumentPtr> FaultStore::FindUnder(Collection collection, std::string_view head) const {
  Enter("FindUnder");
  return under_.FindUnder(collection, head);
}

WriteOutcome FaultStore::TryWrite(const Write& write) {
  Enter("TryWrite");
  std::optional<WriteFault> fault;
  {
    const std::lock_guard lock(mutex_);
    fault = TakeFault(plan_.write_faults, ++plan_.writes);
    if (plan_.severed) return Injected(Code::kUnavailable, "severed");
  }
  if (!fault) return under_.TryWrite(write);
  switch (*fault) {
    case WriteFault::kUnavailable:
      return Injected(Code::kUnavailable, "write");
    case WriteFault::kDiskFull:
      return Injected(Code::kResourceExhausted, "disk full");
    case WriteFault::kLostNotDone:
      return Unknown{"injected fault: answer lost, not written"};
    case WriteFault::kLostDone:
      break;
  }
  WriteOutcome outcome = under_.TryWrite(write);
  if (std::holds_alternative<Error>(outcome)) return outcome;
  return Unknown{"injected fault: answer lost, written"};
}

Result<std::optional<Written>> FaultStore::Settle(const Key& key, std::uint64_t nonce) const {
  Enter("Settle");
  RETURN_IF_ERROR(CheckFresh());
  return under_.Settle(key, nonce);
}

std::unique_ptr<Subscription> FaultStore::Watch(std::vector<Collection> collections, Executor& executor,
                                                std::function<void(const Change&)> notice) {
  return under_.Watch(std::move(collections), executor, std::move(notice));
}

Status FaultStore::PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) {
  Enter("PutPart");
  std::optional<PartFault> fault;
  {
    const std::lock_guard lock(mutex_);
    fault = TakeFault(plan_.part_faults, ++plan_.parts);
    if (plan_.severed) return Injected(Code::kUnavailable, "severed");
  }
  if (fault == PartFault::kDiskFull) return Injected(Code::kResourceExhausted, "disk full");
  if (fault == PartFault::kSyncFailed) return Injected(Code::kUnavailable, "sync of a chunk");
  RETURN_IF_ERROR(under_.PutPart(upload, number, bytes));
  if (fault == PartFault::kTorn && tear_) tear_(upload, number);
  return {};
}

Result<std::string> FaultStore::GetPart(const UploadId& upload, std::uint32_t number) const {
  Enter("GetPart");
  return under_.GetPart(upload, number);
}

Result<std::vector<std::uint32_t>> FaultStore::ListParts(const UploadId& upload) const {
  Enter("ListParts");
  return under_.ListParts(upload);
}

Result<std::vector<Store::UploadInfo>> FaultStore::ListUploads() const {
  Enter("ListUploads");
  return under_.ListUploads();
}

Status FaultStore::RemoveUpload(const UploadId& upload) {
  Enter("RemoveUpload");
  RETURN_IF_ERROR(CheckSevered());
  return under_.RemoveUpload(upload);
}

}  // namespace mlnode::storage::testing
