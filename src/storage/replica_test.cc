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

TEST(ReplicaTest, ApplyNewerLeavesWhatIsNewer) {
  Replica replica;
  replica.Apply(RecordOf("a", 5, false));
  replica.Apply(RecordOf("b", 6, /*removed=*/true));
  const auto changed = replica.ApplyNewer({RecordOf("a", 4, true), RecordOf("b", 6, false), RecordOf("b", 3, false),
                                           RecordOf("c", 1, false), RecordOf("a", 7, false)});
  EXPECT_EQ(changed, (std::vector<Key>{{Collection::kModels, "c"}, {Collection::kModels, "a"}}));
  EXPECT_EQ((*replica.Get({Collection::kModels, "a"}))->revision, 7U);
  EXPECT_FALSE(replica.Get({Collection::kModels, "b"}));
  EXPECT_TRUE(replica.Get({Collection::kModels, "c"}));
}

TEST(ReplicaTest, ReplaceAllForgetsEverything) {
  Replica replica;
  replica.Apply(RecordOf("old", 8, false));
  replica.Apply(RecordOf("removed", 9, true));
  Document lease{.key = {Collection::kLeases, "n1"}, .body = {}, .revision = 2, .version = 1};
  replica.Apply({.document = std::make_shared<const Document>(lease), .nonce = 2});
  replica.ReplaceAll({RecordOf("new", 3, false), RecordOf("gone", 4, true)}, 5);
  EXPECT_FALSE(replica.Get({Collection::kModels, "old"}));
  EXPECT_FALSE(replica.Get({Collection::kLeases, "n1"}));
  EXPECT_FALSE(replica.Settle({Collection::kModels, "removed"}, 9));
  EXPECT_EQ(replica.Settle({Collection::kModels, "gone"}, 4)->revision, 4U);
  const Collection asked[] = {Collection::kModels};
  const Snapshot snapshot = replica.Read(asked);
  EXPECT_EQ(snapshot.documents.size(), 1U);
  EXPECT_EQ(snapshot.revision, 5U) << "revisions may begin anew";
}

TEST(ReplicaDeathTest, FindWithoutIndexIsABug) {
  const Replica replica;
  EXPECT_DEATH((void)replica.Find(Collection::kModels, "version", "1"), "models has no index on version");
}

}  // namespace
}  // namespace mlnode::storage
