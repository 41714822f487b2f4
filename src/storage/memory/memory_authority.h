// storage/memory/memory_authority.h: what the servers are to a cluster: the documents, the log of their writes and the
// chunk parts, in memory, for simulations. A node reads and writes through its MemoryReplicaStore; this object, used as
// a store, is what is true now: no delay, no faults.
//
// The log keeps what replicas that follow have not taken yet, and kLogKept records more for those that are cut off: who
// comes back later than that reads everything anew. Threads: any; followers are told with no lock held.
#pragma once

#include <atomic>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "storage/memory/memory_store.h"

namespace mlnode::storage {

class MemoryAuthority final : public MemoryStore {
 public:
  static constexpr std::size_t kLogKept = 4'096;

  // A replica. Called with no lock held.
  class Follower {
   public:
    virtual ~Follower() = default;
    virtual void LogGrew() = 0;
    virtual void DownChanged() = 0;  // read down()
    // The revision up to which it has the log; kNothing while it is cut off and does without.
    virtual std::uint64_t Position() const = 0;
    static constexpr std::uint64_t kNothing = std::numeric_limits<std::uint64_t>::max();
  };

  using MemoryStore::MemoryStore;

  // Nobody gets through: neither writes nor what needs the authority, and no replica hears anything.
  void SetDown(bool down);
  bool down() const { return down_; }
  std::uint64_t writes() const { return newest_; }  // that happened; the newest's revision

  // For replicas.
  void Join(std::weak_ptr<Follower> follower);
  std::uint64_t newest() const { return newest_; }
  // The records after revision `after` up to `last`, in order; nullopt: the log does not go back that far.
  std::optional<std::vector<Record>> LogAfter(std::uint64_t after, std::uint64_t last) const;
  Snapshot Everything() const;

 private:
  void Logged(const Record& record) override;
  void Wrote() override;
  std::vector<std::shared_ptr<Follower>> Followers() const;
  void Trim();

  struct Log {
    std::deque<Record> records;
    std::uint64_t first = 1;  // revision of the first one
  };
  std::atomic<bool> down_ = false;
  std::atomic<std::uint64_t> newest_ = 0;
  Guarded<Log> log_;
  Guarded<std::vector<std::weak_ptr<Follower>>> followers_;
};

}  // namespace mlnode::storage
