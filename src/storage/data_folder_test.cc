#include "storage/data_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"

namespace mlnode::storage {
namespace {

using mlnode::testing::SeededRandom;
using mlnode::testing::TempDir;
using ::testing::HasSubstr;

class DataFolderTest : public ::testing::Test {
 protected:
  TempDir dir_;
  SeededRandom random_{1};
  const std::string path_ = dir_.File("deep/data");
};

TEST_F(DataFolderTest, IsCreatedPrivately) {
  const auto folder = DataFolder::Open(path_ + "/", random_);
  ASSERT_TRUE(folder) << folder.error().message;
  struct stat info{};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_EQ((*folder)->path(), path_);
}

TEST_F(DataFolderTest, IdentifiersAreMadeOnce) {
  std::string node_id;
  std::string cluster;
  {
    const auto folder = DataFolder::Open(path_, random_);
    ASSERT_TRUE(folder);
    node_id = (*folder)->node_id().str();
    cluster = (*folder)->cluster_uuid();
  }
  EXPECT_EQ(node_id.size(), 22U);
  EXPECT_EQ(cluster.size(), 22U);
  EXPECT_NE(node_id, cluster);
  const auto again = DataFolder::Open(path_, random_);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->node_id().str(), node_id);
  EXPECT_EQ((*again)->cluster_uuid(), cluster);
}

TEST_F(DataFolderTest, ASecondHolderIsRefusedWithTheFirstOnesProcessId) {
  auto first = DataFolder::Open(path_, random_);
  ASSERT_TRUE(first);
  const auto second = DataFolder::Open(path_, random_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(getpid())));
  first->reset();
  EXPECT_TRUE(DataFolder::Open(path_, random_));
}

TEST_F(DataFolderTest, ADamagedIdentifierIsDataLoss) {
  ASSERT_TRUE(DataFolder::Open(path_, random_));
  for (const char* text : {"", "short\n", "has a blank in it here",
                           "0123456789012345678901234567890123456789012345678901234567890123456789"}) {
    (void)dir_.Write("deep/data/node_id", text);
    const auto folder = DataFolder::Open(path_, random_);
    ASSERT_FALSE(folder) << text;
    EXPECT_EQ(folder.error().code, Code::kDataLoss);
    EXPECT_THAT(folder.error().message, HasSubstr("node_id"));
  }
}

TEST_F(DataFolderTest, AFileInItsPlaceIsUnavailable) {
  (void)dir_.Write("deep/data", "a file");
  const auto folder = DataFolder::Open(path_, random_);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, Code::kUnavailable);
  const auto nameless = DataFolder::Open("", random_);
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace mlnode::storage
