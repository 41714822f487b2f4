// models/archive.h: what a model archive (ZIP) may hold, checked before anything is believed or unpacked
// (spec/lifecycle §4). Hostile input: sizes in headers are claims; what is read is counted. Threads: any. libzip
// appears in archive.cc only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/files.h"
#include "core/result.h"
#include "engines/engine.h"
#include "models/function_traits.h"

namespace mlnode::models {

struct ArchiveLimits {
  std::uint64_t max_entries = 10'000;
  std::uint64_t max_total_bytes = 16ULL * 1024 * 1024 * 1024;  // unpacked
  std::uint64_t max_ratio = 1'000;                             // unpacked / packed of an entry over 1 MiB
};

struct ArchiveRules {
  FunctionName function;
  engines::ModelFormat format;
  ArchiveLimits limits = {};
  FileSync sync = FileSync::kDurable;  // of what is unpacked
};

struct ArchiveSummary {
  std::string model_file;  // entry name at the root; empty for functions without one
  std::uint64_t unpacked_bytes = 0;
  std::uint64_t entries = 0;
};

// Checks every entry's name and claim without unpacking. Errors are kInvalidArgument with the peer's texts ("No
// tokenizer file", "Archive is not a ZIP archive", "Bad zip entry" for a path that leaves the folder, ...) or kTooLarge
// naming the limit.
Result<ArchiveSummary> CheckArchive(const std::filesystem::path& archive, const ArchiveRules& rules);

// CheckArchive, then unpacks regular files below `folder` (created, must be empty). Stops at the limits as bytes come,
// removes what it wrote on failure. `progress` is told bytes written so far and stops the work by returning an error.
Result<ArchiveSummary> UnpackArchive(const std::filesystem::path& archive, const ArchiveRules& rules,
                                     const std::filesystem::path& folder,
                                     const std::function<Status(std::uint64_t bytes)>& progress);

}  // namespace mlnode::models
