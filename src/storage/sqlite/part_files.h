// storage/sqlite/part_files.h: chunk parts as files <data>/chunks/<upload>/<number>, each with a trailer of length and
// SHA-256 (docs/formats/storage.md). Any upload id that reaches the disk has passed CheckUpload. Threads: any; parts
// are written side by side, a removal waits for writers. All calls block on the disk.
#pragma once

#include <filesystem>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/files.h"
#include "storage/store.h"

namespace mlnode::storage {

class PartFiles {
 public:
  // Creates <data>/chunks (mode 0700) when absent. kUnavailable, kResourceExhausted.
  static Result<std::unique_ptr<PartFiles>> Open(const std::filesystem::path& data, FileSync sync);

  // As the functions of Store. kUnavailable: I/O failed, the part is as it was before or, when only the folder's sync
  // failed, new.
  Status Put(const UploadId& upload, std::uint32_t number, std::string_view bytes);
  Result<std::string> Get(const UploadId& upload, std::uint32_t number) const;
  Result<std::vector<std::uint32_t>> List(const UploadId& upload) const;
  // last_write is the folder's modification time: the system's clock.
  Result<std::vector<Store::UploadInfo>> ListUploads() const;
  Status Remove(const UploadId& upload);

  std::filesystem::path PathOf(const UploadId& upload, std::uint32_t number) const;

 private:
  PartFiles(std::filesystem::path folder, FileSync sync) : folder_(std::move(folder)), sync_(sync) {}

  std::filesystem::path folder_;
  FileSync sync_;
  mutable std::shared_mutex mutex_;  // shared: parts come and are read; exclusive: an upload goes
};

}  // namespace mlnode::storage
