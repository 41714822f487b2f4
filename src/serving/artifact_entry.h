// serving/artifact_entry.h: one entry of the artifact cache on disk: a folder with the unpacked files and, written
// last, a file
// ".complete": {"format":1,"model_file":"<name>","model_bytes":<n>,"total_bytes":<n>}. Its modification time is the
// last use. All functions block on files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/files.h"
#include "core/result.h"
#include "serving/artifact_cache.h"

namespace mlnode::serving {

// Folder of an entry for what this node made of the files: compiled graphs, verdicts (serving/acceleration.h). It is
// not in EntryInfo's sums, may be missing, goes with the entry, and never comes from an archive: SealEntry removes one
// that an archive held.
inline constexpr std::string_view kDerivedFolder = ".derived";

struct EntryInfo {
  std::string model_file;         // empty for functions without one
  std::uint64_t model_bytes = 0;  // as Artifact::model_bytes
  std::uint64_t total_bytes = 0;  // all files
};

// Measures what was unpacked into `folder`, makes it durable and writes the marker.
Result<EntryInfo> SealEntry(const std::filesystem::path& folder, const std::string& model_file, FileSync sync);

// The marker of an entry. kNotFound: none, so the entry is not whole. kDataLoss: unreadable.
Result<EntryInfo> ReadEntry(const std::filesystem::path& folder);

// Compares the sizes of model and tokenizer files with the marker. kDataLoss names what differs.
Status CheckEntry(const std::filesystem::path& folder, const EntryInfo& info);

// Bytes of the files in the derived folder now. Best effort: what cannot be read counts nothing.
std::uint64_t DerivedBytes(const std::filesystem::path& folder);

std::filesystem::file_time_type LastUse(const std::filesystem::path& folder);
void NoteUse(const std::filesystem::path& folder);  // best effort: it only orders removals

}  // namespace mlnode::serving
