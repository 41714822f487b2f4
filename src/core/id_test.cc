#include "core/id.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <unordered_set>

#include "core/testing/manual_executor.h"

namespace mlnode {
namespace {

bool IsIdCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; }

TEST(IdTest, DocumentIdsHaveThePeersShape) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewDocumentId(random);
    ASSERT_EQ(id.size(), 20U);
    ASSERT_TRUE(std::all_of(id.begin(), id.end(), IsIdCharacter)) << id;
    ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(id[0]))) << id;
    ASSERT_TRUE(seen.insert(id).second) << id;
  }
}

TEST(IdTest, NodeIdsHave22Characters) {
  SystemRandom random;
  EXPECT_EQ(NewUuid22(random).size(), 22U);
}

TEST(IdTest, ASeedGivesTheSameIds) {
  testing::SeededRandom a(7), b(7), c(8);
  const std::string id = NewDocumentId(a);
  EXPECT_EQ(id, NewDocumentId(b));
  EXPECT_NE(id, NewDocumentId(c));
  EXPECT_NE(id, NewDocumentId(a));
}

TEST(IdTest, ComparesAndHashesByValue) {
  const ModelId a("a"), also_a("a"), b("b");
  EXPECT_EQ(a, also_a);
  EXPECT_LT(a, b);
  EXPECT_TRUE(ModelId().empty());
  const std::unordered_set<ModelId> set{a, also_a, b};
  EXPECT_EQ(set.size(), 2U);
  static_assert(!std::is_convertible_v<ModelId, TaskId>);
}

}  // namespace
}  // namespace mlnode
