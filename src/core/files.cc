#include "core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace mlnode {
namespace {

Error FileError(std::string_view step, int number, const std::string& path) {
  Code code = Code::kInternal;
  if (number == ENOENT || number == ENOTDIR) code = Code::kNotFound;
  if (number == ENOSPC || number == EDQUOT) code = Code::kResourceExhausted;
  Error error = MakeError(code, std::string(step) + ": " + std::generic_category().message(number));
  error.detail = path;
  return error;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  // Closes and says whether that worked: some file systems report a failed write only here.
  bool Close() { return close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Removes the temporary file unless it was renamed.
struct Temporary {
  std::string path;
  bool kept = false;
  ~Temporary() {
    if (!kept) unlink(path.c_str());
  }
};

std::string Folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

Status WriteFileDurably(const std::string& path, std::string_view bytes, FileSync sync) {
  std::string name = path + ".tmp-XXXXXX";
  Descriptor file(mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0) return FileError("cannot create a file", errno, path);
  Temporary temporary{name};
  if (!WriteAll(file.get(), bytes)) return FileError("cannot write a file", errno, path);
  if (sync == FileSync::kDurable && fsync(file.get()) != 0) return FileError("cannot sync a file", errno, path);
  if (!file.Close()) return FileError("cannot close a file", errno, path);
  if (rename(name.c_str(), path.c_str()) != 0) return FileError("cannot rename a file", errno, path);
  temporary.kept = true;
  return SyncDirectory(Folder(path), sync);
}

Result<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError("cannot open a file", errno, path);
  constexpr std::size_t kStep = 65'536;  // grows with what is read: sizes of special files (/proc) are not known before
  std::string bytes;
  while (true) {
    const std::size_t had = bytes.size();
    bytes.resize(had + kStep);
    const ssize_t got = read(file.get(), bytes.data() + had, kStep);
    if (got < 0 && errno != EINTR) return FileError("cannot read a file", errno, path);
    bytes.resize(had + static_cast<std::size_t>(got < 0 ? 0 : got));
    if (got == 0) return bytes;
    if (bytes.size() > max_bytes) {
      Error error = MakeError(Code::kTooLarge, "the file holds more than " + std::to_string(max_bytes) + " bytes");
      error.detail = path;
      return error;
    }
  }
}

Status SyncDirectory(const std::string& directory, FileSync sync) {
  if (sync == FileSync::kNone) return {};
  const Descriptor folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return FileError("cannot open a folder", errno, directory);
  if (fsync(folder.get()) != 0) return FileError("cannot sync a folder", errno, directory);
  return {};
}

Result<std::uint64_t> FreeDiskBytes(const std::string& path) {
  struct statvfs info{};
  if (statvfs(path.c_str(), &info) != 0) return FileError("cannot read free disk space", errno, path);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace mlnode
