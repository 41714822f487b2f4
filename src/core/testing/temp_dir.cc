#include "core/testing/temp_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace mlnode::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "mlnode-scratch-";
constexpr std::chrono::minutes kYoung{1};  // its owner may not have come to lock it

// A descriptor that holds the folder's lock; -1 when another has it.
int Lock(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  return -1;
}

void RemoveIfAbandoned(const fs::path& folder) {
  std::error_code failure;
  const fs::file_time_type changed = fs::last_write_time(folder, failure);
  if (failure || fs::file_time_type::clock::now() - changed < kYoung) return;
  const int lock = Lock(folder.string());
  if (lock < 0) return;
  fs::remove_all(folder, failure);
  close(lock);
}

bool RemoveAbandoned(const fs::path& parent) {
  std::error_code failure;
  for (fs::directory_iterator at(parent, failure), end; !failure && at != end; at.increment(failure)) {
    if (at->path().filename().string().starts_with(kPrefix)) RemoveIfAbandoned(at->path());
  }
  return true;
}

}  // namespace

TempDir::TempDir() {
  const fs::path parent = fs::canonical(fs::temp_directory_path());
  [[maybe_unused]] static const bool once = RemoveAbandoned(parent);
  path_ = (parent / kPrefix).string() + "XXXXXX";
  if (mkdtemp(path_.data())) lock_ = Lock(path_);
  if (lock_ >= 0) return;
  std::perror("a folder for the test");
  std::abort();
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  close(lock_);
}

std::string TempDir::Write(std::string_view name, std::string_view bytes) const {
  std::string path = File(name);
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

}  // namespace mlnode::testing
