#include "serving/artifact_entry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/json.h"

namespace mlnode::serving {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMarker = ".complete";
constexpr std::string_view kTokenizer = "tokenizer.json";
constexpr std::int64_t kFormat = 1;
constexpr std::uint64_t kMarkerLimit = 64 * 1024;

Error FileError(std::string_view step, const fs::path& path, const std::string& why) {
  Error error = MakeError(Code::kInternal, fmt::format("The model's files could not be {}: {}.", step, why));
  error.detail = path.string();
  return error;
}

// What an engine may read into memory: the graph and weights beside it. Texts and settings are small and never loaded.
bool CountsAsModel(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension != ".json" && extension != ".txt" && extension != ".md";
}

Status SyncFile(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("opened", file, std::strerror(errno));
  const int failed = ::fsync(fd);
  const int why = errno;
  ::close(fd);
  return failed == 0 ? Status() : FileError("synced", file, std::strerror(why));
}

// Sizes of all files, each synced on the way when `sync` says so; folders after their files.
Result<EntryInfo> Walk(const fs::path& folder, FileSync sync) {
  EntryInfo info;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at.depth() == 0 && at->path().filename() == kDerivedFolder) {
      at.disable_recursion_pending();
      continue;
    }
    if (at->is_directory(error)) {
      RETURN_IF_ERROR(SyncDirectory(at->path().string(), sync));
      continue;
    }
    const std::uint64_t bytes = at->file_size(error);
    if (error) break;
    if (at->path().filename() == kMarker && at.depth() == 0) continue;
    info.total_bytes += bytes;
    if (CountsAsModel(at->path())) info.model_bytes += bytes;
    if (sync == FileSync::kDurable) RETURN_IF_ERROR(SyncFile(at->path()));
  }
  if (error) return FileError("read", folder, error.message());
  return info;
}

Error Damaged(std::string what) { return MakeError(Code::kDataLoss, std::move(what)); }

}  // namespace

Result<EntryInfo> SealEntry(const fs::path& folder, const std::string& model_file, FileSync sync) {
  std::error_code error;
  fs::remove_all(folder / kDerivedFolder, error);
  if (error) return FileError("removed", folder, error.message());
  ASSIGN_OR_RETURN(EntryInfo info, Walk(folder, sync));
  info.model_file = model_file;
  json::object marker;
  marker["format"] = kFormat;
  marker["model_file"] = model_file;
  marker["model_bytes"] = info.model_bytes;
  marker["total_bytes"] = info.total_bytes;
  // Durable with the folder's entries: what the marker vouches for is on disk before it.
  RETURN_IF_ERROR(SyncDirectory(folder.string(), sync));
  RETURN_IF_ERROR(WriteFileDurably((folder / kMarker).string(), ToJson(marker), sync));
  return info;
}

Result<EntryInfo> ReadEntry(const fs::path& folder) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile((folder / kMarker).string(), kMarkerLimit));
  const auto marker = ParseJsonObject(text);
  if (!marker) return Damaged("the marker is not JSON");
  const auto format = IntField(*marker, "format");
  const auto model_file = StringField(*marker, "model_file");
  const auto model_bytes = IntField(*marker, "model_bytes");
  const auto total_bytes = IntField(*marker, "total_bytes");
  if (!format || format->value_or(0) != kFormat || !model_file || !*model_file || !model_bytes || !*model_bytes ||
      !total_bytes || !*total_bytes) {
    return Damaged("the marker lacks a field");
  }
  return EntryInfo{.model_file = **model_file,
                   .model_bytes = static_cast<std::uint64_t>(**model_bytes),
                   .total_bytes = static_cast<std::uint64_t>(**total_bytes)};
}

Status CheckEntry(const fs::path& folder, const EntryInfo& info) {
  const auto now = Walk(folder, FileSync::kNone);
  if (!now) return Damaged("the files cannot be read");
  if (now->model_bytes != info.model_bytes || now->total_bytes != info.total_bytes) {
    return Damaged(fmt::format("{} bytes of files, {} of them the model's, where {} and {} were written",
                               now->total_bytes, now->model_bytes, info.total_bytes, info.model_bytes));
  }
  std::error_code error;
  for (const fs::path& file : {folder / kTokenizer, folder / info.model_file}) {
    if (!fs::exists(file, error)) return Damaged(fmt::format("{} is missing", file.filename().string()));
  }
  return {};
}

std::uint64_t DerivedBytes(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator at(folder / kDerivedFolder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code unread;
    const std::uint64_t size = at->is_regular_file(unread) ? at->file_size(unread) : 0;
    if (!unread) bytes += size;
  }
  return bytes;
}

fs::file_time_type LastUse(const fs::path& folder) {
  std::error_code error;
  const auto time = fs::last_write_time(folder / kMarker, error);
  return error ? fs::file_time_type::min() : time;
}

void NoteUse(const fs::path& folder) {
  std::error_code error;
  fs::last_write_time(folder / kMarker, fs::file_time_type::clock::now(), error);
}

}  // namespace mlnode::serving
