#include "serving/snapshot_cell.h"

#include <gmock/gmock.h>

#include <vector>

#include "core/executor.h"

namespace mlnode::serving {
namespace {

TEST(SnapshotCellTest, StoreReturnsThePreviousValueAndKeepsNoCopy) {
  auto first = std::make_shared<const int>(1);
  SnapshotCell<int> cell(first);
  EXPECT_EQ(cell.Store(std::make_shared<const int>(2)), first);
  EXPECT_EQ(first.use_count(), 1);
  EXPECT_EQ(*cell.Load(), 2);
}

TEST(SnapshotCellTest, ReadersSeeWholeValuesInOrderWhileTheyChange) {
  struct Pair {
    int a, b;
  };
  constexpr int kRounds = 20'000;
  SnapshotCell<Pair> cell(std::make_shared<const Pair>(Pair{0, 0}));
  std::atomic<int> torn{0};
  {
    ThreadPool readers({.name = "readers", .threads = 3});
    for (int reader = 0; reader < 3; ++reader) {
      ASSERT_TRUE(readers.Post([&] {
        for (int seen = 0; seen < kRounds;) {
          const auto now = cell.Load();
          if (now->a != now->b || now->a < seen) ++torn;
          seen = now->a;
        }
      }));
    }
    for (int i = 1; i <= kRounds; ++i) (void)cell.Store(std::make_shared<const Pair>(Pair{i, i}));
  }
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace mlnode::serving
