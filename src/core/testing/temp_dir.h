// core/testing/temp_dir.h: a folder that goes with the test.
//
// Its name begins with "mlnode-scratch-" below the system's temporary folder (TMPDIR), and it is locked (flock) while
// its owner lives. The first one of a process removes those whose owner was killed: unlocked, and unchanged for a
// minute. tests/process/scratch.py keeps the same rule.
#pragma once

#include <string>
#include <string_view>

namespace mlnode::testing {

class TempDir {
 public:
  TempDir();  // ends the test process when none can be made
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }  // without links
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Writes `bytes` to `name` (folders are made) and returns the full path.
  std::string Write(std::string_view name, std::string_view bytes) const;

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace mlnode::testing
