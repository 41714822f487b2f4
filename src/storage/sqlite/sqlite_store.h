// storage/sqlite/sqlite_store.h: the Store of one node: documents in <data>/mlnode.db, parts in <data>/chunks.
//
// All documents are in memory; a write goes through one transaction that the disk has before Written. Ephemeral
// collections never reach the disk, but their revisions come out of the same row: revisions are reserved on disk in
// blocks, so that no write, and no restart, uses one twice. A commit that fails is settled at once: the file is opened
// again and says whether the write is there. Where that fails too the outcome is Unknown, reads serve what was known,
// and writes, GetFresh and Settle are kUnavailable until the file opens again. Owns: the file; nobody else may open it
// (DataFolder holds the lock). Threads: as Store.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "storage/replica.h"
#include "storage/sqlite/part_files.h"
#include "storage/sqlite/sqlite_documents.h"
#include "storage/store.h"

namespace mlnode::storage {

struct StoredBody;

struct SqliteStoreOptions {
  std::string folder;  // exists
  FileSync sync = FileSync::kDurable;
  std::string vfs;  // SQLite's file layer; empty = the system's. Tests put a failing one here.
};

class SqliteStore final : public Store {
 public:
  // Revisions reserved at a time: a lease a second commits once in 18 hours.
  static constexpr std::uint64_t kRevisionBlock = 65'536;

  // Errors: those of SqliteDocuments::Open and PartFiles::Open.
  static Result<std::unique_ptr<SqliteStore>> Open(SqliteStoreOptions options);

  Result<DocumentPtr> Get(const Key& key) const override { return replica_.Get(key); }
  Result<DocumentPtr> GetFresh(const Key& key) const override;
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

 private:
  explicit SqliteStore(SqliteStoreOptions options) : options_(std::move(options)) {}
  // With the lock held. `resync` becomes true when the replica was read anew: AnnounceResync once the lock is gone.
  Status EnsureOpen(bool& resync) const;
  WriteOutcome WriteLocked(const Write& write, std::optional<StoredBody>& body, bool& resync);
  WriteOutcome AfterFailure(const Write& write, SqliteDocuments::Failure failure, bool& resync);
  // Opens again if need be. kUnavailable.
  Status BeFresh() const;

  const SqliteStoreOptions options_;
  std::unique_ptr<PartFiles> parts_;
  // Reading from the authority may have to open it again, hence mutable.
  mutable Replica replica_;
  mutable std::mutex mutex_;                            // one write at a time; taken before the replica's lock
  mutable std::unique_ptr<SqliteDocuments> documents_;  // nullptr: the file could not be opened again
  mutable std::uint64_t last_revision_ = 0;
};

}  // namespace mlnode::storage
