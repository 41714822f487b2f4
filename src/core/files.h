// core/files.h: whole files, written so that a crash leaves the old content or the new one. All calls block; any
// thread. Errors name the step and the system's reason; the path stands in Error::detail only. Codes: kNotFound (no
// such file or folder), kResourceExhausted (disk full or quota), kTooLarge, else kInternal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode {

// Whether a write waits until the disk has it. kNone is for simulations and for caches that are verified when read.
enum class FileSync : std::uint8_t { kDurable, kNone };

// Replaces `path`: temporary file in the same folder ("<path>.tmp-XXXXXX", left behind only by a crash), fsync, rename,
// fsync of the folder. When the last step fails the new content is in place but may not survive a power cut.
Status WriteFileDurably(const std::string& path, std::string_view bytes, FileSync sync = FileSync::kDurable);

// The whole file; kTooLarge beyond `max_bytes`.
Result<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes);

// Makes creations, renames and removals in `directory` durable.
Status SyncDirectory(const std::string& directory, FileSync sync = FileSync::kDurable);

// Bytes that this process may still write on the file system of `path`.
Result<std::uint64_t> FreeDiskBytes(const std::string& path);

}  // namespace mlnode
