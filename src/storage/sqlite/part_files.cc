#include "storage/sqlite/part_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <mutex>
#include <system_error>

#include "core/sha256.h"
#include "storage/write_check.h"

namespace mlnode::storage {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMark = "\nmlnode-part ";
constexpr int kFormat = 1;
// Fixed size, readable with `tail -n 1`.
std::string Trailer(std::string_view bytes) {
  return fmt::format("{}{} {:020} {}\n", kMark, kFormat, bytes.size(), Sha256Hex(bytes));
}
constexpr std::size_t kTrailerBytes = 101;
constexpr std::size_t kLastLine = 1024;  // no format's trailer is longer

// The format a part's last line claims; 0 when it claims none.
int ClaimedFormat(std::string_view content) {
  content.remove_prefix(content.size() - std::min(content.size(), kLastLine));
  const std::size_t at = content.rfind(kMark);
  if (at == std::string_view::npos || !content.ends_with('\n')) return 0;
  int format = 0;
  std::from_chars(content.data() + at + kMark.size(), content.data() + content.size(), format);
  return format;
}

Error FolderError(std::string_view step, const std::error_code& cause, const fs::path& path) {
  const bool full = cause == std::errc::no_space_on_device || cause.value() == EDQUOT;
  Error error =
      MakeError(full ? Code::kResourceExhausted : Code::kUnavailable, fmt::format("{}: {}", step, cause.message()));
  error.detail = path.string();
  return error;
}

// What core/files.h calls internal is an I/O failure here: the same request may work later.
Error PartError(Error error, const UploadId& upload, std::uint32_t number) {
  if (error.code == Code::kInternal || error.code == Code::kNotFound) error.code = Code::kUnavailable;
  return Annotate(std::move(error), fmt::format("chunk {} of upload {}", number, upload.str()));
}

// The folder exists afterwards, private, and so does its name in the parent after a power cut. Synced also when it was
// there: whoever made it may not have come that far.
Status MakeFolder(const fs::path& folder, FileSync sync) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return FolderError("a folder for chunks cannot be created", std::error_code(errno, std::generic_category()),
                       folder);
  }
  Status synced = SyncDirectory(folder.parent_path().string(), sync);
  if (!synced && synced.error().code == Code::kInternal) {
    Error error = std::move(synced).error();
    error.code = Code::kUnavailable;
    return error;
  }
  return synced;
}

// The number a part file is named by; nullopt for temporary files of a crash.
std::optional<std::uint32_t> NumberOf(const std::string& name) {
  std::uint32_t number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failure != std::errc() || end != name.data() + name.size() || name != std::to_string(number)) return std::nullopt;
  return number;
}

std::vector<fs::path> EntriesOf(const fs::path& folder, std::error_code& failure) {
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
    entries.push_back(at->path());
  }
  return entries;
}

}  // namespace

Result<std::unique_ptr<PartFiles>> PartFiles::Open(const fs::path& data, FileSync sync) {
  const fs::path folder = data / "chunks";
  RETURN_IF_ERROR(MakeFolder(folder, sync));
  return std::unique_ptr<PartFiles>(new PartFiles(folder, sync));
}

fs::path PartFiles::PathOf(const UploadId& upload, std::uint32_t number) const {
  return folder_ / upload.str() / std::to_string(number);
}

Status PartFiles::Put(const UploadId& upload, std::uint32_t number, std::string_view bytes) {
  RETURN_IF_ERROR(CheckPart(upload, number, bytes));
  const std::string trailer = Trailer(bytes);
  std::string content;
  content.reserve(bytes.size() + trailer.size());
  content.append(bytes).append(trailer);
  const std::shared_lock lock(mutex_);
  RETURN_IF_ERROR(MakeFolder(folder_ / upload.str(), sync_));
  Status written = WriteFileDurably(PathOf(upload, number).string(), content, sync_);
  if (!written) return PartError(std::move(written).error(), upload, number);
  return {};
}

Result<std::string> PartFiles::Get(const UploadId& upload, std::uint32_t number) const {
  RETURN_IF_ERROR(CheckUpload(upload));
  const std::shared_lock lock(mutex_);
  Result<std::string> content = ReadFile(PathOf(upload, number).string(), kMaxPartBytes + kLastLine);
  if (!content && content.error().code == Code::kNotFound) {
    return MakeError(Code::kNotFound, fmt::format("upload {} has no chunk {}", upload.str(), number));
  }
  if (!content && content.error().code != Code::kTooLarge) {
    return PartError(std::move(content).error(), upload, number);
  }
  if (content && content->size() > kTrailerBytes) {
    const std::size_t size = content->size() - kTrailerBytes;
    if (std::string_view(*content).substr(size) == Trailer(std::string_view(*content).substr(0, size))) {
      content->resize(size);
      return content;
    }
  }
  if (const int format = content ? ClaimedFormat(*content) : 0; format > kFormat) {
    return MakeError(Code::kDataLoss,
                     fmt::format("chunk {} of upload {} has format {}, this program knows formats up to {}: start the "
                                 "newer mlnode that wrote it, or upload it again",
                                 number, upload.str(), format, kFormat));
  }
  return MakeError(Code::kDataLoss,
                   fmt::format("chunk {} of upload {} is damaged: upload it again", number, upload.str()));
}

Result<std::vector<std::uint32_t>> PartFiles::List(const UploadId& upload) const {
  RETURN_IF_ERROR(CheckUpload(upload));
  std::vector<std::uint32_t> numbers;
  const fs::path folder = folder_ / upload.str();
  std::error_code failure;
  const std::shared_lock lock(mutex_);
  for (const fs::path& entry : EntriesOf(folder, failure)) {
    if (const auto number = NumberOf(entry.filename().string())) numbers.push_back(*number);
  }
  if (failure && failure != std::errc::no_such_file_or_directory) {
    return FolderError("the chunks of an upload cannot be listed", failure, folder);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::vector<Store::UploadInfo>> PartFiles::ListUploads() const {
  std::vector<Store::UploadInfo> uploads;
  std::error_code failure;
  const std::shared_lock lock(mutex_);
  for (const fs::path& entry : EntriesOf(folder_, failure)) {
    UploadId id(entry.filename().string());
    struct stat info{};
    if (!CheckUpload(id) || stat(entry.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    const EpochMillis last_write = EpochMillis{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
    uploads.push_back({std::move(id), last_write});
  }
  if (failure) return FolderError("the uploads cannot be listed", failure, folder_);
  std::sort(uploads.begin(), uploads.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return uploads;
}

Status PartFiles::Remove(const UploadId& upload) {
  RETURN_IF_ERROR(CheckUpload(upload));
  const fs::path folder = folder_ / upload.str();
  std::error_code failure;
  const std::unique_lock lock(mutex_);
  fs::remove_all(folder, failure);
  if (failure) return FolderError("an upload cannot be removed", failure, folder);
  return SyncDirectory(folder_.string(), sync_);
}

}  // namespace mlnode::storage
