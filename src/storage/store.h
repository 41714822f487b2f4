// storage/store.h: documents, chunk parts and change notices: the one interface all durable state goes through.
//
// Documents are JSON objects of at most 512 KiB in named collections. A write touches one key and is a compare-and-swap
// on its revision; there is no transaction over two. What spans documents is a saga whose header names its repairer
// (docs/invariants.md). Reads come from the node's replica; writes and *Fresh reads go to the authority. On one node
// the two are the same. Implementations: memory/ (tests, simulation), sqlite/ (one node), nats/ (cluster). One contract
// suite: testing/store_contract.h. Threads: all functions from any thread; reads do not block, writes and part calls
// may (milliseconds): run them on `background`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/executor.h"
#include "core/id.h"
#include "core/json.h"
#include "core/result.h"

namespace mlnode::storage {

enum class Collection : std::uint8_t {
  kModels,
  kModelGroups,
  kTasks,
  kControllers,
  kConnectors,
  kPlans,         // plan/<model>: the wanted deployment
  kPlacements,    // placement/<node>/<model>: what a node made of it; ephemeral
  kLeases,        // lease/<node>: ephemeral
  kSettings,      // one document
  kReservations,  // uniqueness: create-only keys, "group_name/<hash>"
  kMeta,          // cluster id, format version
  kBegun,         // begun/<node>: loads that its processes began and did not see end
};
inline constexpr int kCollectionCount = 12;

struct CollectionTraits {
  Collection collection;
  std::string_view name;  // on disk and in keys
  bool ephemeral;         // need not survive a restart of the only node; a cluster's store keeps it all the same
  std::span<const std::string_view> indexed;  // top-level string fields that Find accepts
  std::int64_t format = 1;                    // the newest its readers know (storage/document_format.h)
};
const CollectionTraits& TraitsOf(Collection collection);

inline constexpr std::size_t kMaxDocumentBytes = 524'288;  // 512 KiB
inline constexpr std::size_t kMaxPartBytes = 10'000'000;

struct Key {
  Collection collection;
  std::string id;  // 1 to 640 bytes, any UTF-8 but control characters
  auto operator<=>(const Key&) const = default;
};

struct Document {
  Key key;
  json::object body;
  std::uint64_t revision = 0;  // grows with every write to the store, never reused: the swap token and `_seq_no`
  std::uint64_t version = 0;   // writes to this key since it was created, from 1: `_version`
};
using DocumentPtr = std::shared_ptr<const Document>;

// What a write expects of the key.
struct Expect {
  enum class Kind : std::uint8_t { kAbsent, kRevision } kind;
  std::uint64_t revision = 0;
  static Expect Absent() { return {Kind::kAbsent}; }
  static Expect Revision(std::uint64_t r) { return {Kind::kRevision, r}; }
};

struct Write {
  Key key;
  Expect expect;
  std::optional<json::object> body;  // nullopt removes the document
  std::uint64_t nonce = 0;  // unique for this attempt; kept beside the document, so that unknown can be settled
};

struct Written {
  std::uint64_t revision = 0;
  std::uint64_t version = 0;
};

struct Unknown {
  std::string why;  // for the log
};
// Exactly one of: done; refused with an Error (kConflict: the expectation failed; kTooLarge; kResourceExhausted: disk
// full; kUnavailable: certainly not written; kDataLoss); or Unknown: it may or may not have been written.
using WriteOutcome = std::variant<Written, Error, Unknown>;

// A notice that a key changed. Delivered at least once per change or run of changes to a key, in order per key; read
// the store for the value. kResync: notices may have been lost, read everything again.
struct Change {
  enum class Kind : std::uint8_t { kKey, kResync } kind = Kind::kKey;
  Key key = {Collection::kMeta, {}};
};

// Destroyed: no notice begins any more, and one that runs on another thread has ended (hold no lock that it takes). May
// be destroyed inside its own notice.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// A consistent view of whole collections: no write lies between two of its documents.
struct Snapshot {
  std::vector<DocumentPtr> documents;  // by collection in the order asked, then by id
  std::uint64_t revision = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // kNotFound. From the replica.
  virtual Result<DocumentPtr> Get(const Key& key) const = 0;
  // From the authority, which may block: for a miss, and for the base of a swap. kNotFound, kUnavailable.
  virtual Result<DocumentPtr> GetFresh(const Key& key) const = 0;
  // Does the replica hear what the authority writes. False while it is cut off, or is being read anew after a gap: then
  // silence says nothing about who is dead, and what is read may be old. Does not block. Always true where the replica
  // is the authority.
  virtual bool Following() const { return true; }
  // Waits until the replica holds all that was written before the call. kUnavailable: not within `limit`, or the
  // authority does not answer. Blocks.
  virtual Status CatchUp([[maybe_unused]] Duration limit) const { return {}; }
  // Cost: O(documents of those collections); documents are shared, not copied.
  virtual Snapshot Read(std::span<const Collection> collections) const = 0;
  // Documents whose indexed top-level string `field` equals `value`, by id. Precondition: field is indexed.
  virtual std::vector<DocumentPtr> Find(Collection collection, std::string_view field,
                                        std::string_view value) const = 0;
  // Documents whose ids begin with `head`, by id. Cost: O(log n) and those documents.
  virtual std::vector<DocumentPtr> FindUnder(Collection collection, std::string_view head) const = 0;

  // One attempt. Durable when it says Written. Use Commit (below) unless you settle Unknown yourself.
  virtual WriteOutcome TryWrite(const Write& write) = 0;
  // Did the attempt with this nonce last write the key (still the newest write)? For a removal: did it remove it? From
  // the authority.
  virtual Result<std::optional<Written>> Settle(const Key& key, std::uint64_t nonce) const = 0;

  // Notices of the collections, posted on `executor` (a Strand where order matters) until the subscription is
  // destroyed.
  virtual std::unique_ptr<Subscription> Watch(std::vector<Collection> collections, Executor& executor,
                                              std::function<void(const Change&)> notice) = 0;

  // Chunk parts of an upload: bytes, durable on return, overwritten by the same number. Never indexed, never watched.
  // kTooLarge beyond kMaxPartBytes, kInvalidArgument when empty, kResourceExhausted (disk full).
  virtual Status PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) = 0;
  virtual Result<std::string> GetPart(const UploadId& upload, std::uint32_t number) const = 0;  // kNotFound, kDataLoss
  virtual Result<std::vector<std::uint32_t>> ListParts(const UploadId& upload) const = 0;  // ascending; none = empty
  struct UploadInfo {
    UploadId id;
    EpochMillis last_write = 0;
  };
  virtual Result<std::vector<UploadInfo>> ListUploads() const = 0;
  virtual Status RemoveUpload(const UploadId& upload) = 0;  // absent is fine
};

// TryWrite with Unknown settled by reading back and, where it did not happen, tried again: at most 4 rounds, no waiting
// of its own. kUnavailable with retry_after when it cannot be settled: the caller must treat the write as possibly
// done.
Result<Written> Commit(Store& store, const Write& write);

// Read, change, swap; again on kConflict up to 16 times. `change` gets the current body (kNotFound ends it unless
// `create_if_absent`, then it gets an empty one) and returns false to leave it as it is. It may run several times.
struct UpdateOptions {
  bool create_if_absent = false;
};
struct Updated {
  Written written;
  bool changed = false;
  json::object body;
};
Result<Updated> Update(Store& store, RandomSource& random, const Key& key,
                       const std::function<Result<bool>(json::object& body)>& change, UpdateOptions options = {});

}  // namespace mlnode::storage
