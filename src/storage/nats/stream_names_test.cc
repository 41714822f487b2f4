#include "storage/nats/stream_names.h"

#include <gtest/gtest.h>

#include "storage/write_check.h"

namespace mlnode::storage {
namespace {

const StreamNames kNames("c");

TEST(StreamNamesTest, EveryIdHasOneTokenAndComesBack) {
  std::string all;
  for (int c = 0x20; c < 0x7F; ++c) all += static_cast<char>(c);
  for (const std::string& id :
       {std::string("a"), all, std::string("größe/\xF0\x9F\x99\x82"), std::string(kMaxKeyIdBytes, '.'),
        std::string("*"), std::string(">"), std::string("="), std::string("=41")}) {
    const std::string token = EncodeToken(id);
    EXPECT_EQ(token.find_first_of(". *>\t"), std::string::npos) << token;
    EXPECT_LE(token.size(), 3 * id.size());
    EXPECT_EQ(DecodeToken(token), id);
  }
  EXPECT_EQ(EncodeToken("node/m-1_A"), "node/m-1_A");
  EXPECT_EQ(EncodeToken("a.b c"), "a=2Eb=20c");
}

TEST(StreamNamesTest, TokensOfOthersAreNoIds) {
  for (const char* token : {"=", "=4", "=GG", "=41", "=2e", "a b", "a.b", "ä"})
    EXPECT_FALSE(DecodeToken(token)) << token;
}

TEST(StreamNamesTest, DocumentsOfEveryCollection) {
  for (int i = 0; i < kCollectionCount; ++i) {
    const Key key{static_cast<Collection>(i), "n/ü"};
    EXPECT_EQ(kNames.KeyOf(kNames.SubjectOf(key)), key);
  }
  EXPECT_EQ(kNames.SubjectOf({Collection::kModels, "m"}), "$KV.c_documents.models.m");
}

TEST(StreamNamesTest, OtherSubjectsAreNoDocuments) {
  for (const char* subject : {"$KV.c_documents.models", "$KV.c_documents.models.a.b", "$KV.c_documents.later.m",
                              "$KV.c_documents.models.", "$KV.other_documents.models.m", "c_chunks.part.u.1",
                              "$KV.c_documents.models.=0A", "$KV.c_documents.models.=FF"}) {
    EXPECT_FALSE(kNames.KeyOf(subject)) << subject;
  }
}

TEST(StreamNamesTest, Chunks) {
  const UploadId upload("u-1");
  const auto part = kNames.ChunkOf(kNames.PartSubject(upload, 4294967295U));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->upload, upload);
  EXPECT_EQ(part->part, 4294967295U);
  const auto piece = kNames.ChunkOf(kNames.PieceSubject(upload, 3, "0123456789abcdef", 0));
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->upload, upload);
  EXPECT_FALSE(piece->part);
  for (const char* subject : {"c_chunks.part.u", "c_chunks.part.u.01", "c_chunks.part.u.4294967296",
                              "c_chunks.part.-u.1", "c_chunks.other.u.1", "c_chunks", "other_chunks.part.u.1"}) {
    EXPECT_FALSE(kNames.ChunkOf(subject)) << subject;
  }
}

}  // namespace
}  // namespace mlnode::storage
