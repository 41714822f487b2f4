#include "storage/sqlite/sqlite_store.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "storage/write_check.h"

namespace mlnode::storage {

Result<std::unique_ptr<SqliteStore>> SqliteStore::Open(SqliteStoreOptions options) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options)));
  bool resync = false;
  RETURN_IF_ERROR(store->EnsureOpen(resync));
  ASSIGN_OR_RETURN(store->parts_, PartFiles::Open(store->options_.folder, store->options_.sync));
  return store;
}

Status SqliteStore::EnsureOpen(bool& resync) const {
  if (documents_) return {};
  ASSIGN_OR_RETURN(auto documents,
                   SqliteDocuments::Open({options_.folder + "/mlnode.db", options_.vfs, options_.sync}));
  ASSIGN_OR_RETURN(std::vector<Record> records, documents->Load());
  replica_.Replace(/*ephemeral=*/false, records);
  last_revision_ = std::max(last_revision_, documents->reserved());
  documents_ = std::move(documents);
  resync = true;
  return {};
}

Status SqliteStore::BeFresh() const {
  bool resync = false;
  Status status;
  {
    const std::lock_guard lock(mutex_);
    status = EnsureOpen(resync);
  }
  if (resync) replica_.AnnounceResync();
  if (status) return {};
  Error error = Annotate(std::move(status).error(), "the database cannot be read");
  error.code = Code::kUnavailable;
  return error;
}

Result<DocumentPtr> SqliteStore::GetFresh(const Key& key) const {
  RETURN_IF_ERROR(BeFresh());
  return replica_.Get(key);
}

std::vector<DocumentPtr> SqliteStore::Find(Collection collection, std::string_view field,
                                           std::string_view value) const {
  return replica_.Find(collection, field, value);
}

WriteOutcome SqliteStore::TryWrite(const Write& write) {
  Result<std::optional<StoredBody>> body = CheckWrite(write);
  if (!body) return std::move(body).error();
  bool resync = false;
  WriteOutcome outcome;
  {
    const std::lock_guard lock(mutex_);
    outcome = WriteLocked(write, *body, resync);
  }
  if (resync) replica_.AnnounceResync();
  if (std::holds_alternative<Written>(outcome)) replica_.Announce(write.key);
  return outcome;
}

WriteOutcome SqliteStore::WriteLocked(const Write& write, std::optional<StoredBody>& body, bool& resync) {
  if (Status open = EnsureOpen(resync); !open) {
    Error error = Annotate(std::move(open).error(), "nothing can be written");
    error.code = Code::kUnavailable;
    return error;
  }
  const Result<std::uint64_t> version = replica_.Check(write);
  if (!version) return version.error();

  const Written written{++last_revision_, *version};
  const bool ephemeral = TraitsOf(write.key.collection).ephemeral;
  const std::uint64_t reserved = documents_->reserved();
  // Durable writes extend the reservation early, in passing, so that ephemeral ones need no transaction of their own.
  const bool extend = written.revision + (ephemeral ? 0 : kRevisionBlock / 2) > reserved;
  if (!ephemeral || extend) {
    const SqliteDocuments::Row row{write.key, written, write.nonce, body ? &body->text : nullptr};
    auto failure = documents_->Put(ephemeral ? nullptr : &row, extend ? written.revision + kRevisionBlock : 0);
    if (failure) return AfterFailure(write, std::move(*failure), resync);
  }
  auto document = std::make_shared<const Document>(Document{.key = write.key,
                                                            .body = body ? std::move(body->object) : json::object(),
                                                            .revision = written.revision,
                                                            .version = written.version});
  replica_.Apply(Record{.document = std::move(document), .nonce = write.nonce, .removed = !write.body});
  return written;
}

WriteOutcome SqliteStore::AfterFailure(const Write& write, SqliteDocuments::Failure failure, bool& resync) {
  LOG_ERROR("storage", "a write failed: {} ({})", failure.error.message, failure.error.detail);
  if (!failure.at_commit) return std::move(failure.error);
  documents_.reset();
  if (Status open = EnsureOpen(resync); !open) {
    LOG_ERROR("storage", "the database cannot be opened again: {} ({})", open.error().message, open.error().detail);
    if (TraitsOf(write.key.collection).ephemeral) return std::move(failure.error);
    return Unknown{failure.error.message + "; " + open.error().message};
  }
  if (const auto written = replica_.Settle(write.key, write.nonce)) return *written;
  return std::move(failure.error);
}

Result<std::optional<Written>> SqliteStore::Settle(const Key& key, std::uint64_t nonce) const {
  RETURN_IF_ERROR(BeFresh());
  return replica_.Settle(key, nonce);
}

std::unique_ptr<Subscription> SqliteStore::Watch(std::vector<Collection> collections, Executor& executor,
                                                 std::function<void(const Change&)> notice) {
  return replica_.Watch(collections, executor, std::move(notice));
}

Status SqliteStore::PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) {
  return parts_->Put(upload, number, bytes);
}

Result<std::string> SqliteStore::GetPart(const UploadId& upload, std::uint32_t number) const {
  return parts_->Get(upload, number);
}

Result<std::vector<std::uint32_t>> SqliteStore::ListParts(const UploadId& upload) const { return parts_->List(upload); }

Result<std::vector<Store::UploadInfo>> SqliteStore::ListUploads() const { return parts_->ListUploads(); }

Status SqliteStore::RemoveUpload(const UploadId& upload) { return parts_->Remove(upload); }

}  // namespace mlnode::storage
