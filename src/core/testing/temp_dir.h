// core/testing/temp_dir.h: a folder that goes with the test.
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
  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Writes `bytes` to `name` (folders are made) and returns the full path.
  std::string Write(std::string_view name, std::string_view bytes) const;

 private:
  std::string path_;
};

}  // namespace mlnode::testing
