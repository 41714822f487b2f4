#include "deploy/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using testing::OneDisk;
using testing::OneNode;

TEST(ReconcilerTest, ARepairThatFailsIsTriedAgainFurtherAndFurtherApart) {
  OneDisk disk;
  ASSERT_TRUE(disk.store.PutPart(UploadId("orphan"), 0, "x"));
  disk.clock.Advance(std::chrono::hours(2));
  OneNode node(disk);
  disk.store.Sever();
  int tries = 0;
  disk.store.set_before_call([&tries](std::string_view call) { tries += call == "RemoveUpload" ? 1 : 0; });
  node.reconciler.Start();
  node.RunFor(seconds(60));
  EXPECT_THAT(tries, AllOf(Ge(3), Le(7))) << "after 0, 2, 6, 14, 30 s, not each second";
  disk.store.Reconnect();
  node.RunFor(seconds(60));
  EXPECT_THAT(disk.store.ListUploads().value(), IsEmpty());
}

}  // namespace
}  // namespace mlnode::deploy
