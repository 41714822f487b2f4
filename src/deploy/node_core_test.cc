#include "deploy/node_core.h"

#include <gtest/gtest.h>

#include "connectors/testing/test_vault.h"
#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "storage/memory/memory_store.h"

namespace mlnode::deploy {
namespace {

class NodeCoreTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<NodeCore>> Start() {
    NodeIdentity self;
    self.id = NodeId("n1");
    return NodeCore::Start({.self = std::move(self),
                            .store = store_,
                            .executors = {.io = timers_, .cpu = pools_, .lanes = pools_, .background = pools_},
                            .loading = pools_,
                            .lease = lease_,
                            .clock = clock_,
                            .random = random_,
                            .engines = engines_,
                            .settings = *settings_,
                            .metrics = metrics_,
                            .vault = *vault_,
                            .temporary = folder_.File("tmp"),
                            .cache = {.folder = folder_.File("cache"), .sync = FileSync::kNone},
                            .queue = {.lanes = 1},
                            .memory_limit_bytes = 1ULL << 30U,
                            .clustered = true});
  }
  std::uint64_t Beat() {
    const auto lease = store_.Get(LeaseKey(NodeId("n1")));
    return lease ? ReadLease(**lease).value().beat : 0;
  }

  mlnode::testing::TempDir folder_;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  mlnode::testing::ManualExecutor timers_{clock_}, pools_{clock_}, lease_{clock_};
  storage::MemoryStore store_{clock_};
  std::unique_ptr<connectors::CredentialVault> vault_ = connectors::testing::TestVault();
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry engines_{engine_};
  Metrics metrics_;
  std::unique_ptr<config::Settings> settings_ = config::Settings::Create({}).value();
};

// Uploads and slow handlers hold every thread of `background`: that is no reason to be taken for dead.
TEST_F(NodeCoreTest, BusyPoolsDelayNoLease) {
  const auto node = Start();
  ASSERT_TRUE(node);
  const std::uint64_t before = Beat();
  lease_.RunFor(std::chrono::seconds(10));
  EXPECT_GE(Beat(), before + 9);
  (*node)->Stop();
}

TEST_F(NodeCoreTest, BusyPoolsDelayNoCatchingUp) {
  const auto node = Start();
  ASSERT_TRUE(node);
  lease_.RunUntilIdle();
  clock_.Advance(std::chrono::seconds(20));
  EXPECT_FALSE((*node)->suspension().Current());
  lease_.RunUntilIdle();
  EXPECT_TRUE((*node)->suspension().Current());
  (*node)->Stop();
}

}  // namespace
}  // namespace mlnode::deploy
