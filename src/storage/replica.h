// storage/replica.h: the documents a node holds in memory, with their indexes, and the notices about them.
//
// A store asks Check() whether a write may happen, makes it durable, then calls Apply() and, holding no lock,
// Announce(). Check and Apply of one key must not interleave: the store serialises its writes. Also keeps, per key, the
// nonce of the newest write, and the last kRemovalsKept removals, so that Settle can answer. Threads: any; one lock,
// never held while calling out. Cost: lookups O(log n), Read O(documents).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "storage/store.h"
#include "storage/watch_hub.h"

namespace mlnode::storage {

// The newest write of one key.
struct Record {
  DocumentPtr document;  // of a removal: key, revision and version of the removal, no body
  std::uint64_t nonce = 0;
  bool removed = false;
};

class Replica {
 public:
  // A removal settles for as long as fewer than this many came after it.
  static constexpr std::size_t kRemovalsKept = 1024;

  Result<DocumentPtr> Get(const Key& key) const;  // kNotFound
  Snapshot Read(std::span<const Collection> collections) const;
  // Ends the process when `field` is not indexed: a bug of the caller.
  std::vector<DocumentPtr> Find(Collection collection, std::string_view field, std::string_view value) const;
  std::vector<DocumentPtr> FindUnder(Collection collection, std::string_view head) const;
  std::optional<Written> Settle(const Key& key, std::uint64_t nonce) const;
  std::unique_ptr<Subscription> Watch(const std::vector<Collection>& collections, Executor& executor,
                                      std::function<void(const Change&)> notice);

  // The version this write would get. kConflict when what it expects does not hold, saying what does.
  Result<std::uint64_t> Check(const Write& write) const;
  void Apply(const Record& record);
  void Announce(const Key& key) { hub_.Announce(key); }
  // Takes those that are newer than what their keys have, all at once for whoever reads. Returns the keys that changed,
  // in the order given. For a store whose writes arrive out of order.
  std::vector<Key> ApplyNewer(const std::vector<Record>& records);
  // Forgets every document of the durable (or the ephemeral) collections and takes `records` instead.
  void Replace(bool ephemeral, const std::vector<Record>& records);
  // Forgets everything and takes `records`, which is what the store held at `revision`, all at once for whoever reads.
  void ReplaceAll(const std::vector<Record>& records, std::uint64_t revision);
  void AnnounceResync() { hub_.AnnounceResync(); }
  void AbandonWatches() { hub_.Abandon(); }

 private:
  using Index = std::map<std::string, std::set<std::string>, std::less<>>;  // value -> ids
  struct Live {
    DocumentPtr document;
    std::uint64_t nonce = 0;
  };
  struct Table {
    std::map<std::string, Live, std::less<>> live;
    std::vector<Index> indexes;  // in the order of CollectionTraits::indexed
  };
  struct Removal {
    Written written;
    std::uint64_t nonce = 0;
  };

  const Table& TableOf(Collection collection) const { return tables_[static_cast<std::size_t>(collection)]; }
  Table& TableOf(Collection collection) { return tables_[static_cast<std::size_t>(collection)]; }
  // With the lock held:
  std::uint64_t RevisionOf(const Key& key) const;  // 0: neither there nor remembered
  void ApplyLocked(const Record& record);
  void Unindex(const Document& document);
  void AddToIndex(const Document& document);
  void Remember(const Key& key, const Removal& removal);
  void ForgetRemoval(const Key& key);

  WatchHub hub_;
  mutable std::mutex mutex_;
  std::array<Table, kCollectionCount> tables_;
  std::map<Key, Removal> removals_;
  std::map<std::uint64_t, Key> removals_by_revision_;
  std::uint64_t revision_ = 0;  // newest applied
};

}  // namespace mlnode::storage
