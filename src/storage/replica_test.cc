#include "storage/replica.h"

#include <gtest/gtest.h>

namespace mlnode::storage {
namespace {

Record RecordOf(std::string id, std::uint64_t revision, bool removed) {
  Document document{.key = {Collection::kModels, std::move(id)}, .body = {}, .revision = revision, .version = 1};
  return {.document = std::make_shared<const Document>(std::move(document)), .nonce = revision, .removed = removed};
}

TEST(ReplicaTest, SettlesTheLastRemovalsOnly) {
  Replica replica;
  for (std::uint64_t i = 1; i <= Replica::kRemovalsKept + 1; ++i) {
    replica.Apply(RecordOf("m" + std::to_string(i), i, /*removed=*/true));
  }
  EXPECT_FALSE(replica.Settle({Collection::kModels, "m1"}, 1));
  EXPECT_TRUE(replica.Settle({Collection::kModels, "m2"}, 2));
}

TEST(ReplicaTest, ReplaceOfDurableKeepsEphemeral) {
  Replica replica;
  replica.Apply(RecordOf("old", 1, false));
  Document lease{.key = {Collection::kLeases, "n1"}, .body = {}, .revision = 2, .version = 1};
  replica.Apply({.document = std::make_shared<const Document>(lease), .nonce = 2});
  replica.Replace(/*ephemeral=*/false, {RecordOf("new", 3, false)});
  EXPECT_FALSE(replica.Get({Collection::kModels, "old"}));
  EXPECT_TRUE(replica.Get({Collection::kModels, "new"}));
  EXPECT_TRUE(replica.Get({Collection::kLeases, "n1"}));
}

TEST(ReplicaDeathTest, FindWithoutIndexIsABug) {
  const Replica replica;
  EXPECT_DEATH((void)replica.Find(Collection::kModels, "version", "1"), "models has no index on version");
}

}  // namespace
}  // namespace mlnode::storage
