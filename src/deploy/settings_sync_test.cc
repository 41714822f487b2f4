#include "deploy/settings_sync.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"
#include "storage/testing/golden_document.h"

namespace mlnode::deploy {
namespace {

using std::chrono::seconds;
using storage::testing::WriteFault;

constexpr const char* kLimit = "plugins.ml_commons.max_model_on_node";
constexpr const char* kOther = "plugins.ml_commons.max_register_model_tasks_per_node";

class SettingsSyncTest : public ::testing::Test {
 protected:
  struct Node {
    explicit Node(SettingsSyncTest& test)
        : settings(config::Settings::Create({}).value()), sync(test.store_, *settings, test.random_, test.executor_) {}
    std::int64_t Limit() const { return settings->Current()->Int(kLimit); }
    std::unique_ptr<config::Settings> settings;
    SettingsSync sync;
  };
  static config::ChangeRequest Persistent(const std::string& name, std::optional<std::string> value) {
    config::ChangeRequest change;
    change.persistent[name] = std::move(value);
    return change;
  }
  storage::Key Key() { return {storage::Collection::kSettings, "cluster"}; }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  mlnode::testing::ManualExecutor executor_{clock_};
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
};

TEST_F(SettingsSyncTest, ChangeIsInForceWhenItReturnsAndSurvivesARestart) {
  {
    Node node(*this);
    ASSERT_TRUE(node.sync.Start());
    ASSERT_TRUE(node.sync.Change(Persistent(kLimit, "3")));
    EXPECT_EQ(node.Limit(), 3);
  }
  Node again(*this);
  ASSERT_TRUE(again.sync.Start());
  EXPECT_EQ(again.Limit(), 3);
}

TEST_F(SettingsSyncTest, OtherNodesFollow) {
  Node a(*this), b(*this);
  ASSERT_TRUE(a.sync.Start());
  ASSERT_TRUE(b.sync.Start());
  ASSERT_TRUE(a.sync.Change(Persistent(kLimit, "3")));
  executor_.RunUntilIdle();
  EXPECT_EQ(b.Limit(), 3);
}

TEST_F(SettingsSyncTest, AStoreThatDoesNotAnswerIsAskedAgainSoon) {
  Node a(*this), b(*this);
  ASSERT_TRUE(a.sync.Start());
  ASSERT_TRUE(b.sync.Start());
  ASSERT_TRUE(a.sync.Change(Persistent(kLimit, "3")));
  store_.FailFreshReads(10);
  executor_.RunUntilIdle();
  EXPECT_EQ(b.Limit(), 10);
  executor_.RunFor(seconds(10));
  EXPECT_EQ(b.Limit(), 3);
}

TEST_F(SettingsSyncTest, ChangesOfTwoNodesAddUp) {
  Node a(*this), b(*this);
  ASSERT_TRUE(a.sync.Start());
  ASSERT_TRUE(b.sync.Start());
  ASSERT_TRUE(a.sync.Change(Persistent(kLimit, "3")));
  ASSERT_TRUE(b.sync.Change(Persistent(kOther, "4")));  // b has not heard of a's
  executor_.RunUntilIdle();
  EXPECT_EQ(a.Limit(), 3);
  EXPECT_EQ(a.settings->Current()->Int(kOther), 4);
}

TEST_F(SettingsSyncTest, LostRaceIsTriedAgain) {
  Node a(*this), b(*this);
  ASSERT_TRUE(a.sync.Start());
  ASSERT_TRUE(b.sync.Start());
  bool raced = false;
  store_.set_before_call([&](std::string_view call) {
    if (call != "TryWrite" || std::exchange(raced, true)) return;
    EXPECT_TRUE(b.sync.Change(Persistent(kOther, "4")));
  });
  ASSERT_TRUE(a.sync.Change(Persistent(kLimit, "3")));
  EXPECT_TRUE(raced);
  EXPECT_EQ(a.Limit(), 3);
  EXPECT_EQ(a.settings->Current()->Int(kOther), 4);
}

TEST_F(SettingsSyncTest, ChangeAddsToWhatIsStoredWhateverIsInForce) {
  Node node(*this);
  ASSERT_TRUE(node.sync.Start());
  ASSERT_TRUE(node.sync.Change(Persistent(kOther, "4")));
  // Another thread installs an older revision at the worst moment.
  store_.set_before_call([&](std::string_view) { node.settings->Install({}); });
  ASSERT_TRUE(node.sync.Change(Persistent(kLimit, "3")));
  store_.set_before_call({});
  EXPECT_EQ((*store_.Get(Key()))->body.at("persistent"), (json::object{{kLimit, "3"}, {kOther, "4"}}));
}

TEST_F(SettingsSyncTest, BadValueChangesNothing) {
  Node node(*this);
  ASSERT_TRUE(node.sync.Start());
  EXPECT_EQ(node.sync.Change(Persistent(kLimit, "abc")).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store_.Get(Key()).error().code, Code::kNotFound);
}

TEST_F(SettingsSyncTest, NullResets) {
  Node node(*this);
  ASSERT_TRUE(node.sync.Start());
  ASSERT_TRUE(node.sync.Change(Persistent(kLimit, "3")));
  ASSERT_TRUE(node.sync.Change(Persistent(kLimit, std::nullopt)));
  EXPECT_EQ(node.Limit(), 10);
}

TEST_F(SettingsSyncTest, RefusedWriteChangesNothing) {
  Node node(*this);
  ASSERT_TRUE(node.sync.Start());
  store_.FailWrite(1, WriteFault::kDiskFull);
  EXPECT_EQ(node.sync.Change(Persistent(kLimit, "3")).error().code, Code::kResourceExhausted);
  EXPECT_EQ(node.Limit(), 10);
}

TEST_F(SettingsSyncTest, StoreThatIsAwayStopsTheStart) {
  store_.Sever();
  Node node(*this);
  EXPECT_EQ(node.sync.Start().error().code, Code::kUnavailable);
}

TEST_F(SettingsSyncTest, DamagedDocumentIsKeptAndNotUsed) {
  ASSERT_TRUE(storage::Commit(store_, {.key = Key(),
                                       .expect = storage::Expect::Absent(),
                                       .body = json::object{{"persistent", json::object{{kLimit, 3}}}},
                                       .nonce = 1}));
  Node node(*this);
  ASSERT_TRUE(node.sync.Start());
  EXPECT_EQ(node.Limit(), 10);
  EXPECT_EQ(node.sync.Change(Persistent(kOther, "4")).error().code, Code::kDataLoss);
  EXPECT_EQ((*store_.Get(Key()))->body.at("persistent").at(kLimit), 3);
}

TEST_F(SettingsSyncTest, TheGoldenDocumentIsReadAndWrittenBackEqual) {
  const storage::Document golden = storage::testing::GoldenDocument(Key(), "settings.1.json");
  ASSERT_TRUE(
      storage::Commit(store_, {.key = Key(), .expect = storage::Expect::Absent(), .body = golden.body, .nonce = 1}));
  Node node(*this);
  ASSERT_TRUE(node.sync.Start());
  EXPECT_EQ(node.Limit(), 8);
  ASSERT_TRUE(node.sync.Change(Persistent(kOther, "3")));
  ASSERT_TRUE(node.sync.Change(Persistent(kOther, std::nullopt)));
  const auto stored = store_.Get(Key()).value();
  EXPECT_EQ(stored->version, 3U);
  EXPECT_EQ(ToJson(stored->body), ToJson(golden.body));
}

TEST_F(SettingsSyncTest, ADocumentOfTheNextFormatIsKeptAndNotUsed) {
  const storage::Document next =
      storage::testing::OfNextFormat(storage::testing::GoldenDocument(Key(), "settings.1.json"));
  ASSERT_TRUE(
      storage::Commit(store_, {.key = Key(), .expect = storage::Expect::Absent(), .body = next.body, .nonce = 1}));
  Node node(*this);
  const std::int64_t before = node.Limit();
  ASSERT_TRUE(node.sync.Start());
  EXPECT_EQ(node.Limit(), before);
  const Status changed = node.sync.Change(Persistent(kOther, "3"));
  ASSERT_FALSE(changed);
  EXPECT_THAT(changed.error().message, ::testing::HasSubstr("settings/cluster has format 2"));
  EXPECT_EQ(store_.Get(Key()).value()->version, 1U);
}

}  // namespace
}  // namespace mlnode::deploy
