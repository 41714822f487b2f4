#include "storage/data_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/files.h"
#include "core/log.h"

namespace mlnode::storage {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kUuidLength = 22;

Error Unusable(std::string_view what, int number, const std::string& path) {
  const bool full = number == ENOSPC || number == EDQUOT;
  Error error =
      MakeError(full ? Code::kResourceExhausted : Code::kUnavailable,
                fmt::format("the data folder cannot be used: {}: {}", what, std::generic_category().message(number)));
  error.detail = path;
  return error;
}

Status Create(const fs::path& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return Unusable("it is not a folder", ENOTDIR, path.string());
    if ((info.st_mode & 0077U) != 0) {
      LOG_WARN("storage", "others may enter the data folder {} (mode {:o}); chmod 700 it unless that is intended",
               path.string(), info.st_mode & 0777U);
    }
    return {};
  }
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  if (failure) return Unusable("a folder above it cannot be created", failure.value(), path.string());
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Unusable("it cannot be created", errno, path.string());
  }
  return SyncDirectory(path.parent_path().string());
}

std::string ReadOwner(int fd) {
  std::array<char, 16> text{};
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  std::string owner;
  for (ssize_t i = 0; i < got && text[static_cast<std::size_t>(i)] != '\n'; ++i)
    owner += text[static_cast<std::size_t>(i)];
  return owner.empty() ? "unknown" : owner;
}

// The descriptor of the locked file.
Result<int> Lock(const std::string& folder) {
  const std::string path = folder + "/lock";
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return Unusable("its lock file cannot be opened", errno, path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    const std::string owner = ReadOwner(fd);
    close(fd);
    if (number != EWOULDBLOCK) return Unusable("it cannot be locked", number, path);
    Error error = MakeError(
        Code::kFailedPrecondition,
        fmt::format("the data folder is used by another mlnode, process {}: stop it or choose another folder", owner));
    error.detail = path;
    return error;
  }
  const std::string owner = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size())) {
    const int number = errno;
    close(fd);
    return Unusable("its lock file cannot be written", number, path);
  }
  return fd;
}

bool IsUuid22(const std::string& text) {
  return text.size() == kUuidLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

// The identifier in a file of the folder; made and written when there is none.
Result<std::string> Identifier(const std::string& folder, std::string_view name, RandomSource& random) {
  const std::string path = fmt::format("{}/{}", folder, name);
  Result<std::string> text = ReadFile(path, 64);
  if (!text && text.error().code == Code::kNotFound) {
    std::string made = NewUuid22(random);
    RETURN_IF_ERROR(WriteFileDurably(path, made + "\n"));
    return made;
  }
  if (text && text->ends_with('\n')) text->pop_back();
  if (text && IsUuid22(*text)) return text;
  if (!text && text.error().code != Code::kTooLarge) return Annotate(std::move(text).error(), name);
  Error error =
      MakeError(Code::kDataLoss,
                fmt::format("the file {} in the data folder does not hold {} characters of A-Z a-z 0-9 _ -: restore it "
                            "from a backup, or remove it for a new identity",
                            name, kUuidLength));
  error.detail = path;
  return error;
}

}  // namespace

bool DataFolder::Exists(const std::string& path) {
  std::error_code failure;
  return fs::exists(fs::path(path) / "node_id", failure);
}

Result<std::unique_ptr<DataFolder>> DataFolder::Open(const std::string& path, RandomSource& random) {
  std::error_code failure;
  const fs::path absolute = fs::absolute(path, failure).lexically_normal();
  std::string folder = absolute.string();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (path.empty() || failure) return Unusable("it has no usable name", EINVAL, path);
  RETURN_IF_ERROR(Create(folder));
  ASSIGN_OR_RETURN(const int lock, Lock(folder));
  std::unique_ptr<DataFolder> opened(new DataFolder(folder, lock));
  ASSIGN_OR_RETURN(std::string node_id, Identifier(folder, "node_id", random));
  opened->node_id_ = NodeId(std::move(node_id));
  ASSIGN_OR_RETURN(opened->cluster_uuid_, Identifier(folder, "cluster_uuid", random));
  return opened;
}

DataFolder::~DataFolder() { close(lock_); }

}  // namespace mlnode::storage
