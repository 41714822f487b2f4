#include "storage/memory/memory_replica_store.h"

#include <atomic>
#include <optional>
#include <utility>

namespace mlnode::storage {

// The replica and what feeds it. Deliveries and the authority hold it weakly.
class MemoryReplicaStore::Link final : public MemoryAuthority::Follower, public std::enable_shared_from_this<Link> {
 public:
  Link(MemoryAuthority& authority, Executor& executor, std::function<Duration()> delay)
      : authority_(authority), executor_(executor), delay_(std::move(delay)) {}

  // Once, before anything else: joins first, so that nothing falls between.
  void Begin() {
    authority_.Join(weak_from_this());
    TakeAll();
    const auto state = state_.Lock();
    state->behind = authority_.down();
  }

  Replica& replica() { return replica_; }
  std::uint64_t delivered() const { return delivered_; }

  bool Connected() const { return !state_.Lock()->cut && !authority_.down(); }
  bool Following() const {
    const auto state = state_.Lock();
    return !state->cut && !state->behind && !authority_.down();
  }

  void CutOff() {
    const auto state = state_.Lock();
    state->cut = true;
    Disconnect(*state);
  }

  void Heal(Gap gap) {
    {
      const auto state = state_.Lock();
      if (!state->cut) return;
      state->cut = false;
      state->anew = state->anew || gap == Gap::kTooLong;
    }
    Schedule();
  }

  void DownChanged() override {
    if (!authority_.down()) return Schedule();
    Disconnect(*state_.Lock());
  }

  void LogGrew() override { Schedule(); }

  std::uint64_t Position() const override { return Following() ? position_.load() : kNothing; }

  // Applies what was written up to revision `last`, if that is news.
  void Advance(std::uint64_t last) {
    std::optional<std::vector<Record>> records;
    {
      const std::lock_guard lock(applying_);
      if (last <= position_) return;
      records = authority_.LogAfter(position_, last);
      if (records) {
        for (const Record& record : *records) replica_.Apply(record);
        position_ = last;
        delivered_ += records->size();
      }
    }
    if (!records) return TakeAll();
    for (const Record& record : *records) replica_.Announce(record.document->key);
  }

  // All that is there now; from then on it follows.
  void Complete() {
    const bool anew = std::exchange(state_.Lock()->anew, false);
    if (anew) {
      TakeAll();
    } else {
      Advance(authority_.newest());
    }
    const auto state = state_.Lock();
    if (!state->cut && !authority_.down()) state->behind = false;
  }

  void LoseAnswer(int nth, LostAnswer what) {
    const auto state = state_.Lock();
    state->lost = what;
    state->writes_until_lost = nth;
  }
  std::optional<LostAnswer> TakeLostAnswer() {
    const auto state = state_.Lock();
    if (!state->lost || --state->writes_until_lost > 0) return std::nullopt;
    return std::exchange(state->lost, std::nullopt);
  }

 private:
  struct State {
    bool cut = false;
    bool behind = false;  // was disconnected, and has not caught up since
    bool anew = false;    // the gap was too long for the log
    bool scheduled = false;
    std::uint64_t last = 0;    // what the scheduled delivery brings
    std::uint64_t ticket = 0;  // of the scheduled delivery; an older one comes to nothing
    std::optional<LostAnswer> lost;
    int writes_until_lost = 0;
  };

  static void Disconnect(State& state) {
    state.behind = true;
    state.scheduled = false;
  }

  // A delivery of what is there now, unless one is on its way.
  void Schedule() {
    if (!delay_) {
      if (Connected()) Complete();
      return;
    }
    std::uint64_t ticket = 0;
    {
      const auto state = state_.Lock();
      if (state->scheduled || state->cut || authority_.down()) return;
      if (!state->behind && authority_.newest() <= position_) return;
      state->scheduled = true;
      state->last = authority_.newest();
      ticket = ++state->ticket;
    }
    executor_
        .PostAfter(delay_(),
                   [weak = weak_from_this(), ticket] {
                     if (const auto self = weak.lock()) self->Deliver(ticket);
                   })
        .Detach();
  }

  void Deliver(std::uint64_t ticket) {
    bool behind = false;
    std::uint64_t last = 0;
    {
      const auto state = state_.Lock();
      if (state->ticket != ticket || !std::exchange(state->scheduled, false)) return;
      behind = state->behind;
      last = state->last;
    }
    if (behind) {
      Complete();
    } else {
      Advance(last);
    }
    Schedule();
  }

  void TakeAll() {
    {
      const std::lock_guard lock(applying_);
      const Snapshot everything = authority_.Everything();
      std::vector<Record> records;
      for (const DocumentPtr& document : everything.documents) records.push_back({.document = document});
      replica_.ReplaceAll(records, everything.revision);
      position_ = everything.revision;
      delivered_ += everything.documents.size();
    }
    replica_.AnnounceResync();
  }

  MemoryAuthority& authority_;
  Executor& executor_;
  const std::function<Duration()> delay_;
  Replica replica_;
  std::mutex applying_;  // one at a time, in the order of the log; taken before the authority's and the replica's
  std::atomic<std::uint64_t> position_ = 0;  // revision up to which it was applied
  std::atomic<std::uint64_t> delivered_ = 0;
  Guarded<State> state_;
};

namespace {

constexpr std::chrono::milliseconds kRetryAfter{1'000};

Error CutOffError() {
  Error error = MakeError(Code::kUnavailable, "the store cannot be reached");
  error.retry_after = kRetryAfter;
  return error;
}

}  // namespace

MemoryReplicaStore::MemoryReplicaStore(MemoryAuthority& authority, Executor& executor, std::function<Duration()> delay)
    : authority_(authority), link_(std::make_shared<Link>(authority, executor, std::move(delay))) {
  link_->Begin();
}

MemoryReplicaStore::~MemoryReplicaStore() = default;

void MemoryReplicaStore::CutOff() { link_->CutOff(); }
void MemoryReplicaStore::Heal(Gap gap) { link_->Heal(gap); }
void MemoryReplicaStore::LoseAnswer(int nth, LostAnswer what) { link_->LoseAnswer(nth, what); }
std::uint64_t MemoryReplicaStore::delivered() const { return link_->delivered(); }

Result<DocumentPtr> MemoryReplicaStore::Get(const Key& key) const { return link_->replica().Get(key); }

Result<DocumentPtr> MemoryReplicaStore::GetFresh(const Key& key) const {
  if (!link_->Connected()) return CutOffError();
  return authority_.Get(key);
}

bool MemoryReplicaStore::Following() const { return link_->Following(); }

Status MemoryReplicaStore::CatchUp(Duration /*limit*/) const {
  if (!link_->Connected()) return CutOffError();
  link_->Complete();
  return {};
}

Snapshot MemoryReplicaStore::Read(std::span<const Collection> collections) const {
  return link_->replica().Read(collections);
}

std::vector<DocumentPtr> MemoryReplicaStore::Find(Collection collection, std::string_view field,
                                                  std::string_view value) const {
  return link_->replica().Find(collection, field, value);
}

std::vector<DocumentPtr> MemoryReplicaStore::FindUnder(Collection collection, std::string_view head) const {
  return link_->replica().FindUnder(collection, head);
}

WriteOutcome MemoryReplicaStore::TryWrite(const Write& write) {
  if (!link_->Connected()) return CutOffError();
  const std::optional<LostAnswer> lost = link_->TakeLostAnswer();
  if (lost == LostAnswer::kNotWritten) return Unknown{"the answer was lost, nothing was written"};
  WriteOutcome outcome = authority_.TryWrite(write);
  const auto* written = std::get_if<Written>(&outcome);
  if (written == nullptr) return outcome;
  if (lost) return Unknown{"the answer was lost, it was written"};
  if (link_->Following()) link_->Advance(written->revision);
  return outcome;
}

Result<std::optional<Written>> MemoryReplicaStore::Settle(const Key& key, std::uint64_t nonce) const {
  if (!link_->Connected()) return CutOffError();
  return authority_.Settle(key, nonce);
}

std::unique_ptr<Subscription> MemoryReplicaStore::Watch(std::vector<Collection> collections, Executor& executor,
                                                        std::function<void(const Change&)> notice) {
  return link_->replica().Watch(collections, executor, std::move(notice));
}

Status MemoryReplicaStore::PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) {
  if (!link_->Connected()) return CutOffError();
  return authority_.PutPart(upload, number, bytes);
}

Result<std::string> MemoryReplicaStore::GetPart(const UploadId& upload, std::uint32_t number) const {
  if (!link_->Connected()) return CutOffError();
  return authority_.GetPart(upload, number);
}

Result<std::vector<std::uint32_t>> MemoryReplicaStore::ListParts(const UploadId& upload) const {
  if (!link_->Connected()) return CutOffError();
  return authority_.ListParts(upload);
}

Result<std::vector<Store::UploadInfo>> MemoryReplicaStore::ListUploads() const {
  if (!link_->Connected()) return CutOffError();
  return authority_.ListUploads();
}

Status MemoryReplicaStore::RemoveUpload(const UploadId& upload) {
  if (!link_->Connected()) return CutOffError();
  return authority_.RemoveUpload(upload);
}

}  // namespace mlnode::storage
