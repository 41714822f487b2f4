#include "core/testing/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace mlnode::testing {

TempDir::TempDir() : path_((std::filesystem::temp_directory_path() / "mlnode-test-XXXXXX").string()) {
  if (mkdtemp(path_.data())) return;
  std::perror("mkdtemp");
  std::abort();
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(std::string_view name, std::string_view bytes) const {
  std::string path = File(name);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

}  // namespace mlnode::testing
