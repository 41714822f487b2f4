#include "storage/memory/memory_store.h"

#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

class MemoryHarness final : public StoreHarness {
 public:
  Store& store() override { return store_; }
  void Reopen() override { store_.Restart(); }
  void TearPart(const UploadId& upload, std::uint32_t number) override { EXPECT_TRUE(store_.TearPart(upload, number)); }

 private:
  mlnode::testing::ManualClock clock_;
  MemoryStore store_{clock_};
};

const StoreKind kMemory{"memory", [] { return std::make_unique<MemoryHarness>(); }};
INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(kMemory), StoreKindName);
INSTANTIATE_TEST_SUITE_P(Memory, WatchContract, ::testing::Values(kMemory), StoreKindName);

TEST(MemoryStoreTest, RestartSilencesOldSubscriptions) {
  mlnode::testing::ManualClock clock;
  mlnode::testing::ManualExecutor executor(clock);
  MemoryStore store(clock);
  int told = 0;
  const auto subscription = store.Watch({Collection::kModels}, executor, [&](const Change&) { ++told; });
  store.Restart();
  EXPECT_TRUE(Commit(store, {.key = ModelKey("m1"), .expect = Expect::Absent(), .body = json::object(), .nonce = 1}));
  executor.RunUntilIdle();
  EXPECT_EQ(told, 0);
}

TEST(MemoryStoreTest, UploadsAreStampedByTheClock) {
  mlnode::testing::ManualClock clock;
  MemoryStore store(clock);
  ASSERT_TRUE(store.PutPart(UploadId("u"), 0, "x"));
  clock.Advance(std::chrono::hours(1));
  ASSERT_TRUE(store.PutPart(UploadId("u"), 1, "x"));
  EXPECT_EQ(store.ListUploads()->at(0).last_write, clock.WallMillis());
}

}  // namespace
}  // namespace mlnode::storage::testing
