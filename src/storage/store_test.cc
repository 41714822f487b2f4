#include "storage/store.h"

#include <gmock/gmock.h>

#include <set>

namespace mlnode::storage {
namespace {

TEST(CollectionTraitsTest, EveryCollectionHasItsRow) {
  std::set<std::string_view> names;
  for (int i = 0; i < kCollectionCount; ++i) {
    const CollectionTraits& traits = TraitsOf(static_cast<Collection>(i));
    EXPECT_EQ(static_cast<int>(traits.collection), i);
    EXPECT_TRUE(names.insert(traits.name).second) << traits.name;
  }
}

TEST(CollectionTraitsTest, OnlyLeasesAndPlacementsAreEphemeral) {
  for (int i = 0; i < kCollectionCount; ++i) {
    const auto collection = static_cast<Collection>(i);
    const bool ephemeral = collection == Collection::kLeases || collection == Collection::kPlacements;
    EXPECT_EQ(TraitsOf(collection).ephemeral, ephemeral) << TraitsOf(collection).name;
  }
}

TEST(CollectionTraitsTest, IndexedFields) {
  EXPECT_THAT(TraitsOf(Collection::kModels).indexed,
              ::testing::ElementsAre("model_group_id", "name", "model_content_hash_value", "connector_id"));
  EXPECT_THAT(TraitsOf(Collection::kTasks).indexed, ::testing::ElementsAre("model_id", "state", "task_type"));
  EXPECT_THAT(TraitsOf(Collection::kPlacements).indexed, ::testing::IsEmpty());
  EXPECT_THAT(TraitsOf(Collection::kPlans).indexed, ::testing::IsEmpty());
}

}  // namespace
}  // namespace mlnode::storage
