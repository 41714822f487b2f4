#include "storage/memory/memory_store.h"

#include <fmt/format.h>

#include "storage/write_check.h"

namespace mlnode::storage {
namespace {

Error NoPart(const UploadId& upload, std::uint32_t number) {
  return MakeError(Code::kNotFound, fmt::format("upload {} has no chunk {}", upload.str(), number));
}

}  // namespace

std::vector<DocumentPtr> MemoryStore::Find(Collection collection, std::string_view field,
                                           std::string_view value) const {
  return replica_.Find(collection, field, value);
}

WriteOutcome MemoryStore::TryWrite(const Write& write) {
  Result<std::optional<StoredBody>> checked = CheckWrite(write);
  if (!checked) return std::move(checked).error();
  std::optional<StoredBody>& body = *checked;
  Written written;
  {
    const std::lock_guard lock(writing_);
    const Result<std::uint64_t> version = replica_.Check(write);
    if (!version) return version.error();
    written = {++last_revision_, *version};
    auto document = std::make_shared<const Document>(Document{.key = write.key,
                                                              .body = body ? std::move(body->object) : json::object(),
                                                              .revision = written.revision,
                                                              .version = written.version});
    const Record record{.document = std::move(document), .nonce = write.nonce, .removed = !write.body};
    replica_.Apply(record);
    Logged(record);
  }
  replica_.Announce(write.key);
  Wrote();
  return written;
}

Result<std::optional<Written>> MemoryStore::Settle(const Key& key, std::uint64_t nonce) const {
  return replica_.Settle(key, nonce);
}

std::unique_ptr<Subscription> MemoryStore::Watch(std::vector<Collection> collections, Executor& executor,
                                                 std::function<void(const Change&)> notice) {
  return replica_.Watch(collections, executor, std::move(notice));
}

Status MemoryStore::PutPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) {
  RETURN_IF_ERROR(CheckPart(upload, number, bytes));
  const auto uploads = uploads_.Lock();
  Upload& target = (*uploads)[upload];
  target.parts[number] = Part{std::string(bytes), bytes.size()};
  target.last_write = clock_.WallMillis();
  return {};
}

Result<std::string> MemoryStore::GetPart(const UploadId& upload, std::uint32_t number) const {
  RETURN_IF_ERROR(CheckUpload(upload));
  const auto uploads = uploads_.Lock();
  const auto found = uploads->find(upload);
  if (found == uploads->end()) return NoPart(upload, number);
  const auto part = found->second.parts.find(number);
  if (part == found->second.parts.end()) return NoPart(upload, number);
  if (part->second.bytes.size() != part->second.written_bytes) {
    return MakeError(Code::kDataLoss,
                     fmt::format("chunk {} of upload {} is damaged: upload it again", number, upload.str()));
  }
  return part->second.bytes;
}

Result<std::vector<std::uint32_t>> MemoryStore::ListParts(const UploadId& upload) const {
  RETURN_IF_ERROR(CheckUpload(upload));
  std::vector<std::uint32_t> numbers;
  const auto uploads = uploads_.Lock();
  if (const auto found = uploads->find(upload); found != uploads->end()) {
    for (const auto& [number, part] : found->second.parts) numbers.push_back(number);
  }
  return numbers;
}

Result<std::vector<Store::UploadInfo>> MemoryStore::ListUploads() const {
  std::vector<UploadInfo> infos;
  const auto uploads = uploads_.Lock();
  for (const auto& [id, upload] : *uploads) infos.push_back({id, upload.last_write});
  return infos;
}

Status MemoryStore::RemoveUpload(const UploadId& upload) {
  RETURN_IF_ERROR(CheckUpload(upload));
  const auto uploads = uploads_.Lock();
  uploads->erase(upload);
  return {};
}

void MemoryStore::Restart() {
  const std::lock_guard lock(writing_);
  replica_.AbandonWatches();
  replica_.Replace(/*ephemeral=*/true, {});
}

Status MemoryStore::TearPart(const UploadId& upload, std::uint32_t number) {
  const auto uploads = uploads_.Lock();
  const auto found = uploads->find(upload);
  if (found == uploads->end() || !found->second.parts.contains(number)) return NoPart(upload, number);
  std::string& bytes = found->second.parts[number].bytes;
  bytes.resize(bytes.size() / 2);
  return {};
}

}  // namespace mlnode::storage
