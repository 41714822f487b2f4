#include "models/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace mlnode::models {

Error FileError(std::string_view step, const std::filesystem::path& path, int code) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  Error error = MakeError(full ? Code::kResourceExhausted : Code::kInternal,
                          "cannot " + std::string(step) + " for the archive: " + std::generic_category().message(code));
  error.detail = path.string();
  return error;
}

Result<NewFile> NewFile::Create(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) return FileError("create a file", path, errno);
  return NewFile(path, descriptor);
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

NewFile::~NewFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status NewFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write a file", path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status NewFile::Finish(FileSync sync) {
  if (sync == FileSync::kDurable && fdatasync(descriptor_) != 0) return FileError("sync a file", path_, errno);
  if (close(std::exchange(descriptor_, -1)) != 0) return FileError("close a file", path_, errno);
  return {};
}

}  // namespace mlnode::models
