// models/zip_reader.h: an open ZIP file whose central directory was looked at before the library believes it.
// libzip appears in this room's zip_reader.cc only. Threads: one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

struct zip;

namespace mlnode::models {

enum class EntryKind : std::uint8_t { kFile, kDirectory, kOther };  // kOther: link, device, pipe

// What the central directory says of one entry: claims.
struct ZipEntry {
  std::string name;  // raw bytes
  EntryKind kind = EntryKind::kFile;
  std::uint64_t claimed_bytes = 0;  // unpacked
  std::uint64_t packed_bytes = 0;
  bool encrypted = false;
  bool readable = true;  // compression method is one the library has
};

class ZipReader {
 public:
  // kInvalidArgument "Archive is not a ZIP archive" or what else is wrong with it; kTooLarge: more entries than
  // max_entries, judged before memory is spent on them.
  static Result<ZipReader> Open(const std::filesystem::path& path, std::uint64_t max_entries);

  std::uint64_t size() const;
  Result<ZipEntry> Entry(std::uint64_t index) const;
  // Unpacks an entry piece by piece (at most 256 KiB); stops with the sink's error. kInvalidArgument: damaged
  // (checksum, length other than claimed).
  Status Read(std::uint64_t index, const ZipEntry& entry,
              const std::function<Status(std::string_view piece)>& sink) const;

 private:
  struct Close {
    void operator()(zip* archive) const;
  };
  explicit ZipReader(zip* archive) : archive_(archive) {}
  std::unique_ptr<zip, Close> archive_;
};

}  // namespace mlnode::models
