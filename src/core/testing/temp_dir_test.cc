#include "core/testing/temp_dir.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace mlnode::testing {
namespace {

namespace fs = std::filesystem;

// What another process that makes a folder below `parent` first does to the folders there.
void StartAnotherOwner(const std::string& parent) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    setenv("TMPDIR", parent.c_str(), 1);
    execl("/proc/self/exe", "core_test", "--gtest_filter=TempDirTest.GoesWithItsOwner", "--gtest_brief=1", nullptr);
    _exit(127);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

void MakeOld(const std::string& folder) {
  fs::last_write_time(folder, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

TEST(TempDirTest, GoesWithItsOwner) {
  std::string path;
  {
    const TempDir dir;
    path = dir.path();
    dir.Write("a/b", "text");
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TempDirTest, WhatAKilledOwnerLeftIsRemovedByTheNext) {
  const TempDir parent;
  const std::string left = parent.File("mlnode-scratch-killed");
  parent.Write("mlnode-scratch-killed/data/file", "x");
  MakeOld(left);
  StartAnotherOwner(parent.path());
  EXPECT_FALSE(fs::exists(left));
}

TEST(TempDirTest, WhatIsInUseOrNewOrOfOthersStays) {
  const TempDir parent;
  for (const char* name : {"mlnode-scratch-new", "other-folder"}) fs::create_directory(parent.File(name));
  MakeOld(parent.File("other-folder"));
  setenv("TMPDIR", parent.path().c_str(), 1);
  const TempDir used;
  unsetenv("TMPDIR");
  ASSERT_EQ(fs::path(used.path()).parent_path(), parent.path());
  MakeOld(used.path());
  StartAnotherOwner(parent.path());
  EXPECT_TRUE(fs::exists(used.path()));
  EXPECT_TRUE(fs::exists(parent.File("mlnode-scratch-new")));
  EXPECT_TRUE(fs::exists(parent.File("other-folder")));
}

}  // namespace
}  // namespace mlnode::testing
