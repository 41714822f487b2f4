// serving/artifact_cache.h: unpacked model archives on disk, by content and by the rules they were checked with:
// <folder>/<sha256>.<function>.<format>/{files, .complete} (artifact_entry.h).
// An entry is made in <folder>/tmp-… and renamed when whole, so a crash leaves only tmp folders, which Open removes.
// Entries not in use beyond `max_bytes` go, least recently used first; what was derived from an entry's files counts
// with it, and the limit is looked at whenever an archive is obtained. What an entry holds was verified against its
// hash when it was made; later only sizes are compared, and an entry that differs is made again. Threads: any; blocks
// on files and store. Obtain of one archive twice at the same time may do the work twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "core/executor.h"
#include "core/files.h"
#include "serving/load_spec.h"
#include "storage/store.h"

namespace mlnode::serving {

// Keeps its entry on disk while it lives. An engine may map the files.
struct Artifact {
  std::filesystem::path folder;
  std::filesystem::path model_file;  // empty for functions without one
  std::filesystem::path tokenizer;   // tokenizer.json
  std::uint64_t model_bytes = 0;     // model file and external data
  std::filesystem::path derived;     // folder for what is made of the files; may not exist yet (artifact_entry.h)
};

class ArtifactCache {
 public:
  struct Options {
    std::filesystem::path folder;
    std::uint64_t max_bytes = 20ULL << 30U;
    FileSync sync = FileSync::kDurable;
  };
  // Creates the folder, removes what a crash left half-made.
  static Result<std::unique_ptr<ArtifactCache>> Open(Options options, storage::Store& store);
  virtual ~ArtifactCache() = default;
  // From disk, or from the store's chunks: concatenated, hashed, checked, unpacked. kInvalidArgument "model content
  // changed", kNotFound (chunk missing: named), archive errors of models/archive.h, kResourceExhausted (disk).
  virtual Result<std::shared_ptr<const Artifact>> Obtain(const LoadSpec& spec, const Progress& progress) = 0;
  // Removes all entries of other contents than these that are not in use.
  virtual void Keep(const std::set<std::string>& content_hashes) = 0;
};

}  // namespace mlnode::serving
