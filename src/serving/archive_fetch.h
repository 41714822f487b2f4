// serving/archive_fetch.h: a model archive from the store's parts into one file, hashed on the way.
#pragma once

#include <filesystem>

#include "serving/load_spec.h"
#include "storage/store.h"

namespace mlnode::serving {

// Writes parts 0 .. total_chunks-1 of spec.upload to `file` (replaced), holding one part at a time, and compares the
// SHA-256 of what was written with spec.content_hash. Not synced: the file is not kept. Blocks on store and disk.
// kInvalidArgument "model content changed" (the peer's text), kNotFound "Fail to find model chunk <model>_<n>",
// kResourceExhausted (disk full), errors of the store and of `progress`, which is told Phase::kFetching.
Status FetchArchive(const storage::Store& store, const LoadSpec& spec, const std::filesystem::path& file,
                    const Progress& progress);

}  // namespace mlnode::serving
