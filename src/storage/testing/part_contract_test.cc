#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const UploadId kUpload("upload-1");

TEST_P(StoreContract, PartsComeBackAsTheyWere) {
  const std::string bytes("\0\xFF\n part", 8);
  ASSERT_TRUE(store().PutPart(kUpload, 0, bytes));
  ASSERT_TRUE(store().PutPart(kUpload, 4294967295U, "last"));
  EXPECT_EQ(*store().GetPart(kUpload, 0), bytes);
  EXPECT_EQ(*store().GetPart(kUpload, 4294967295U), "last");
}

TEST_P(StoreContract, PartsAreOverwritten) {
  ASSERT_TRUE(store().PutPart(kUpload, 3, "a longer first one"));
  ASSERT_TRUE(store().PutPart(kUpload, 3, "second"));
  EXPECT_EQ(*store().GetPart(kUpload, 3), "second");
  EXPECT_THAT(*store().ListParts(kUpload), ElementsAre(3));
}

TEST_P(StoreContract, AbsentPartsAreNotFound) {
  EXPECT_EQ(CodeOf(store().GetPart(kUpload, 0)), Code::kNotFound);
  ASSERT_TRUE(store().PutPart(kUpload, 0, "x"));
  EXPECT_EQ(CodeOf(store().GetPart(kUpload, 1)), Code::kNotFound);
  EXPECT_THAT(*store().ListParts(UploadId("other")), IsEmpty());
}

TEST_P(StoreContract, PartsAreListedByNumber) {
  for (const std::uint32_t number : {10U, 9U, 100U, 0U}) ASSERT_TRUE(store().PutPart(kUpload, number, "x"));
  EXPECT_THAT(*store().ListParts(kUpload), ElementsAre(0, 9, 10, 100));
}

TEST_P(StoreContract, PartLimitsHold) {
  EXPECT_EQ(CodeOf(store().PutPart(kUpload, 0, "")), Code::kInvalidArgument);
  EXPECT_TRUE(store().PutPart(kUpload, 0, std::string(kMaxPartBytes, 'x')));
  EXPECT_EQ(store().GetPart(kUpload, 0)->size(), kMaxPartBytes);
  const Status over = store().PutPart(kUpload, 1, std::string(kMaxPartBytes + 1, 'x'));
  EXPECT_EQ(CodeOf(over), Code::kTooLarge);
  EXPECT_THAT(over.error().message, HasSubstr("10000000"));
  EXPECT_THAT(*store().ListParts(kUpload), ElementsAre(0));
}

TEST_P(StoreContract, UploadIdsCannotLeaveTheFolder) {
  for (const char* id : {"", "..", ".", "a/b", "../x", "a.b", "-x", "_x", "a b", "\xC3\xA4"}) {
    EXPECT_EQ(CodeOf(store().PutPart(UploadId(id), 0, "x")), Code::kInvalidArgument) << id;
    EXPECT_EQ(CodeOf(store().GetPart(UploadId(id), 0)), Code::kInvalidArgument) << id;
    EXPECT_EQ(CodeOf(store().ListParts(UploadId(id))), Code::kInvalidArgument) << id;
    EXPECT_EQ(CodeOf(store().RemoveUpload(UploadId(id))), Code::kInvalidArgument) << id;
  }
  EXPECT_EQ(CodeOf(store().PutPart(UploadId(std::string(129, 'a')), 0, "x")), Code::kInvalidArgument);
  EXPECT_TRUE(store().PutPart(UploadId(std::string(128, 'a')), 0, "x"));
}

TEST_P(StoreContract, UploadsAreListedWithTheirLastWrite) {
  EXPECT_THAT(*store().ListUploads(), IsEmpty());
  ASSERT_TRUE(store().PutPart(UploadId("b"), 0, "x"));
  ASSERT_TRUE(store().PutPart(UploadId("a"), 0, "x"));
  const auto uploads = store().ListUploads();
  ASSERT_TRUE(uploads);
  ASSERT_EQ(uploads->size(), 2U);
  EXPECT_EQ((*uploads)[0].id, UploadId("a"));
  EXPECT_EQ((*uploads)[1].id, UploadId("b"));
  EXPECT_GT((*uploads)[0].last_write, 1'600'000'000'000);
}

TEST_P(StoreContract, RemovesAnUploadWhole) {
  ASSERT_TRUE(store().PutPart(kUpload, 0, "x"));
  ASSERT_TRUE(store().PutPart(kUpload, 1, "y"));
  ASSERT_TRUE(store().PutPart(UploadId("other"), 0, "z"));
  EXPECT_TRUE(store().RemoveUpload(kUpload));
  EXPECT_TRUE(store().RemoveUpload(kUpload)) << "absent is fine";
  EXPECT_EQ(CodeOf(store().GetPart(kUpload, 0)), Code::kNotFound);
  EXPECT_THAT(*store().ListParts(kUpload), IsEmpty());
  EXPECT_EQ(store().ListUploads()->size(), 1U);
  EXPECT_TRUE(store().PutPart(kUpload, 0, "again"));
}

TEST_P(StoreContract, RestartKeepsParts) {
  ASSERT_TRUE(store().PutPart(kUpload, 7, "kept"));
  harness().Reopen();
  EXPECT_EQ(*store().GetPart(kUpload, 7), "kept");
  EXPECT_THAT(*store().ListParts(kUpload), ElementsAre(7));
}

TEST_P(StoreContract, TornPartsAreDataLossUntilUploadedAgain) {
  ASSERT_TRUE(store().PutPart(kUpload, 2, std::string(1000, 'x')));
  harness().TearPart(kUpload, 2);
  EXPECT_EQ(CodeOf(store().GetPart(kUpload, 2)), Code::kDataLoss);
  ASSERT_TRUE(store().PutPart(kUpload, 2, "whole"));
  EXPECT_EQ(*store().GetPart(kUpload, 2), "whole");
}

}  // namespace
}  // namespace mlnode::storage::testing
