#include "config/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/log.h"
#include "core/testing/manual_executor.h"

namespace mlnode::config {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kPlugin = "plugins.ml_commons.";
const std::string kModels = kPlugin + "max_model_on_node";
const std::string kDisk = kPlugin + "disk_free_space_threshold";

std::unique_ptr<Settings> Make(RawValues values = {}) { return Settings::Create(std::move(values)).value(); }

TEST(SettingsTest, TransientBeatsPersistentBeatsStaticBeatsDefault) {
  const auto settings = Make();
  EXPECT_EQ(settings->Current()->Int(kModels), 10);
  const auto with_file = Make({{kModels, "1"}});
  EXPECT_EQ(with_file->Current()->Int(kModels), 1);
  with_file->Install({.persistent = {{kModels, "2"}}, .transient = {}});
  EXPECT_EQ(with_file->Current()->Int(kModels), 2);
  with_file->Install({.persistent = {{kModels, "2"}}, .transient = {{kModels, "3"}}});
  EXPECT_EQ(with_file->Current()->Int(kModels), 3);
  with_file->Install({});
  EXPECT_EQ(with_file->Current()->Int(kModels), 1);
}

TEST(SettingsTest, StaticValuesAreChecked) {
  EXPECT_THAT(Settings::Create({{"mlnode.http.prot", "1"}}).error().message,
              HasSubstr("unknown setting [mlnode.http.prot]"));
  EXPECT_THAT(Settings::Create({{"mlnode.http.port", "x"}}).error().message,
              HasSubstr("[x] for setting [mlnode.http.port]"));
  const auto final_setting = Make({{kPlugin + "connector.restricted_ip_patterns", "a,b"}});
  EXPECT_THAT(final_setting->Current()->List(kPlugin + "connector.restricted_ip_patterns"), ElementsAre("a", "b"));
}

TEST(SettingsTest, TheNodeIsNamedAfterTheHostUnlessTold) {
  EXPECT_NE(Make()->Current()->String("mlnode.node.name"), "");
  EXPECT_EQ(Make({{"mlnode.node.name", "n1"}})->Current()->String("mlnode.node.name"), "n1");
}

TEST(SettingsTest, APasswordInAUrlIsNotShown) {
  const auto settings = Make({{"mlnode.cluster.nats", "nats://u:secret@a:4222,b:4222"}});
  EXPECT_EQ(settings->Current()->Defaults().at("mlnode.cluster.nats"), "nats://a:4222,b:4222");
  EXPECT_EQ(settings->Current()->String("mlnode.cluster.nats"), "nats://u:secret@a:4222,b:4222");
}

TEST(SettingsTest, DefaultsAreAllThatTheClusterStateDoesNotSet) {
  const auto settings = Make({{"mlnode.http.port", "1"}});
  settings->Install({.persistent = {{kModels, "2"}}, .transient = {{kPlugin + "max_ml_task_per_node", "3"}}});
  const RawValues defaults = settings->Current()->Defaults();
  EXPECT_EQ(defaults.size(), SettingTable().size() - 2);
  EXPECT_FALSE(defaults.contains(kModels));
  EXPECT_EQ(defaults.at("mlnode.http.port"), "1");
  EXPECT_EQ(defaults.at(kDisk), "5gb");
  const json::object nested = RenderValues(defaults, false);
  const json::object& ml = nested.at("plugins").at("ml_commons").as_object();
  EXPECT_EQ(ml.at("disk_free_space_threshold").as_string(), "5gb");
  EXPECT_EQ(ml.at("trusted_connector_endpoints_regex").as_array().size(), 12U);
  EXPECT_EQ(ml.at("only_run_on_ml_node").as_string(), "true");
}

TEST(SettingsTest, ApplyChangesNothingByItself) {
  const auto settings = Make();
  const auto overlays = settings->Apply({.persistent = {{kModels, "5"}}, .transient = {}});
  ASSERT_TRUE(overlays);
  EXPECT_EQ(overlays->persistent.at(kModels), "5");
  EXPECT_EQ(settings->Current()->Int(kModels), 10);
}

TEST(SettingsTest, TransientIsCheckedFirstAndAnyErrorRefusesAll) {
  const auto settings = Make();
  const auto both_bad = settings->Apply({.persistent = {{"p.bad", "1"}}, .transient = {{"t.bad", "1"}}});
  ASSERT_FALSE(both_bad);
  EXPECT_EQ(both_bad.error().message, "transient setting [t.bad], not recognized");
  EXPECT_FALSE(settings->Apply({.persistent = {{"p.bad", "1"}}, .transient = {{kModels, "1"}}}));
}

TEST(SettingsTest, ValuesOfOtherVersionsAreKeptAndIgnored) {
  const auto settings = Make();
  ::testing::internal::CaptureStderr();
  settings->Install(
      {.persistent = {{"from.tomorrow", "1"}, {kModels, "lots"}, {"mlnode.http.port", "1"}}, .transient = {}});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("from.tomorrow is ignored"));
  EXPECT_EQ(settings->Current()->Int(kModels), 10);
  EXPECT_EQ(settings->Current()->Int("mlnode.http.port"), 9200);
  EXPECT_EQ(settings->Current()->persistent().size(), 3U);
}

TEST(SettingsDeathTest, AskingForAWrongTypeIsABug) {
  EXPECT_DEATH((void)Make()->Current()->Int(kDisk), "bug: no setting of that type: plugins.ml_commons.disk_free_space");
  EXPECT_DEATH((void)Make()->Current()->Bool("nope"), "bug: no setting of that type: nope");
}

class ObserverTest : public ::testing::Test {
 protected:
  void Install(int models) { settings_->Install({.persistent = {{kModels, std::to_string(models)}}, .transient = {}}); }
  void Observe() {
    settings_->Observe(strand_, [this](const SnapshotPtr& now) { seen_.push_back(now->Int(kModels)); });
  }
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  Strand strand_{executor_};
  std::unique_ptr<Settings> settings_ = Make();
  std::vector<std::int64_t> seen_;
};

TEST_F(ObserverTest, SeesTheCurrentValueAndEachChangeOnItsStrand) {
  Observe();
  EXPECT_TRUE(seen_.empty());
  executor_.RunUntilIdle();
  Install(1);
  executor_.RunUntilIdle();
  Install(2);
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, ElementsAre(10, 1, 2));
}

TEST_F(ObserverTest, QuickChangesMayBeSeenAsOneButTheLastAlways) {
  Observe();
  Install(1);
  Install(2);
  executor_.RunUntilIdle();
  EXPECT_THAT(seen_, ElementsAre(2));
}

TEST_F(ObserverTest, MayChangeSettingsItself) {
  settings_->Observe(strand_, [this](const SnapshotPtr& now) {
    if (now->Int(kModels) == 10) Install(4);
  });
  executor_.RunUntilIdle();
  EXPECT_EQ(settings_->Current()->Int(kModels), 4);
}

// Refuses posts until told otherwise; timers work.
class BusyExecutor final : public Executor {
 public:
  explicit BusyExecutor(Executor& inner) : inner_(inner) {}
  bool Post(Task task) override { return !busy && inner_.Post(std::move(task)); }
  Timer PostAfter(Duration delay, Task task) override { return inner_.PostAfter(delay, std::move(task)); }
  bool busy = true;

 private:
  Executor& inner_;
};

TEST_F(ObserverTest, ABusyExecutorDelaysButDoesNotLoseAChange) {
  BusyExecutor busy(executor_);
  Strand strand(busy);
  ::testing::internal::CaptureStderr();
  settings_->Observe(strand, [this](const SnapshotPtr& now) { seen_.push_back(now->Int(kModels)); });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("busy"));
  busy.busy = false;
  executor_.RunFor(std::chrono::seconds(1));
  EXPECT_THAT(seen_, ElementsAre(10));
}

}  // namespace
}  // namespace mlnode::config
