#include "core/files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "core/testing/temp_dir.h"

namespace mlnode {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  std::ptrdiff_t Entries() const {
    return std::distance(std::filesystem::directory_iterator(dir_.path()), std::filesystem::directory_iterator());
  }
  testing::TempDir dir_;
};

TEST_F(FilesTest, ReadsBackWhatWasWritten) {
  const std::string bytes = std::string("a\0b", 3) + std::string(200'000, 'x');
  ASSERT_TRUE(WriteFileDurably(dir_.File("f"), bytes));
  EXPECT_EQ(ReadFile(dir_.File("f"), bytes.size()).value(), bytes);
}

TEST_F(FilesTest, ReplacesAndLeavesNoTemporaryBehind) {
  for (const FileSync sync : {FileSync::kDurable, FileSync::kNone}) {
    ASSERT_TRUE(WriteFileDurably(dir_.File("f"), "old", sync));
    ASSERT_TRUE(WriteFileDurably(dir_.File("f"), "new", sync));
    EXPECT_EQ(ReadFile(dir_.File("f"), 100).value(), "new");
    EXPECT_EQ(Entries(), 1);
  }
}

TEST_F(FilesTest, AFailedReplaceKeepsTheOldAndCleansUp) {
  std::filesystem::create_directory(dir_.File("folder"));
  const Status status = WriteFileDurably(dir_.File("folder"), "x");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInternal);
  EXPECT_TRUE(std::filesystem::is_directory(dir_.File("folder")));
  EXPECT_EQ(Entries(), 1);
}

TEST_F(FilesTest, NamesTheMissingFolderOnlyInDetail) {
  const Status status = WriteFileDurably(dir_.File("none/f"), "x");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kNotFound);
  EXPECT_EQ(status.error().message.find(dir_.path()), std::string::npos);
  EXPECT_EQ(status.error().detail, dir_.File("none/f"));
}

TEST_F(FilesTest, RefusesFilesOverTheLimit) {
  dir_.Write("f", "12345");
  EXPECT_EQ(ReadFile(dir_.File("f"), 5).value(), "12345");
  EXPECT_EQ(ReadFile(dir_.File("f"), 4).error().code, Code::kTooLarge);
}

TEST_F(FilesTest, MissingFilesAreNotFound) {
  EXPECT_EQ(ReadFile(dir_.File("none"), 1).error().code, Code::kNotFound);
  EXPECT_EQ(SyncDirectory(dir_.File("none")).error().code, Code::kNotFound);
  EXPECT_EQ(FreeDiskBytes(dir_.File("none")).error().code, Code::kNotFound);
}

TEST_F(FilesTest, SyncsFoldersAndKnowsFreeSpace) {
  EXPECT_TRUE(SyncDirectory(dir_.path()));
  EXPECT_GT(FreeDiskBytes(dir_.path()).value(), 0U);
}

// A file size limit stands in for a full disk: write(2) fails in the middle either way.
TEST_F(FilesTest, AFailedWriteLeavesNothingBehind) {
  const auto write_with_a_small_limit = [&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const Status status = WriteFileDurably(dir_.File("f"), std::string(5000, 'x'));
    _exit(!status && status.error().code == Code::kInternal && Entries() == 0 ? 0 : 1);
  };
  EXPECT_EXIT(write_with_a_small_limit(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace mlnode
