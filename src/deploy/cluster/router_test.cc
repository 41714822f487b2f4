#include "deploy/cluster/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/testing/documents.h"
#include "deploy/testing/one_node.h"

namespace mlnode::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::OneDisk;
using testing::OneNode;
using ::testing::UnorderedElementsAre;

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    for (OneNode* node : {&here_, &a_, &b_, &c_}) node->Start();
    here_.Set("plugins.ml_commons.exclude_nodes._name", "");
  }
  void Deploy(const std::vector<std::string>& nodes) {
    ASSERT_TRUE(here_.deploys.Deploy(model_, testing::Nodes(nodes)));
    disk_.executor.RunFor(milliseconds(10));
  }
  std::vector<std::string> Candidates() { return Names(router_.Candidates(model_)); }
  static std::vector<std::string> Names(const std::vector<Worker>& workers) {
    std::vector<std::string> names;
    for (const Worker& worker : workers) names.push_back(worker.node.str());
    return names;
  }
  static Worker At(const std::string& node, std::uint64_t incarnation = 1) {
    return {.node = NodeId(node), .incarnation = incarnation, .address = node + ":9200"};
  }
  void Fail(const std::string& node) {
    router_.Begin(At(node));
    router_.End(At(node), Router::Ending::kFailed, std::nullopt);
  }
  void TellQueue(const std::string& node, std::int64_t micros) {
    router_.Begin(At(node));
    router_.End(At(node), Router::Ending::kAnswered, micros);
  }
  // How often each comes first in `n` choices.
  std::map<std::string, int> Firsts(int n) {
    std::map<std::string, int> firsts;
    for (int i = 0; i < n; ++i) ++firsts[Candidates().front()];
    return firsts;
  }

  OneDisk disk_;
  OneNode here_{disk_, 1, "here"}, a_{disk_, 1, "a"}, b_{disk_, 1, "b"}, c_{disk_, 1, "c"};
  const ModelId model_ = here_.AddModel("m");
  Router router_{{.store = disk_.store,
                  .membership = here_.membership,
                  .settings = *here_.settings,
                  .random = disk_.random,
                  .clock = disk_.clock}};
};

TEST_F(RouterTest, CandidatesAreTheOthersThatHoldIt) {
  EXPECT_THAT(Candidates(), IsEmpty()) << "no plan";
  Deploy({"here", "a", "b"});
  EXPECT_THAT(Candidates(), UnorderedElementsAre("a", "b"));
  const Worker first = router_.Candidates(model_).front();
  EXPECT_EQ(first.address, first.node.str() + ":9200");
  EXPECT_EQ(first.incarnation, 1u);
}

TEST_F(RouterTest, WhoStillLoadsOrFailedIsNone) {
  a_.local.SetScript(model_, {.stuck_at = serving::Phase::kLoading});
  b_.local.SetScript(model_, {.error = MakeError(Code::kInvalidArgument, "broken")});
  Deploy({});
  EXPECT_THAT(Candidates(), ElementsAre("c"));
}

TEST_F(RouterTest, AnUndeployIsSeenAtOnce) {
  Deploy({"a", "b"});
  ASSERT_TRUE(here_.deploys.Undeploy({model_}, {NodeId("a")}));
  EXPECT_THAT(Candidates(), ElementsAre("b")) << "a has it for a moment yet";
  ASSERT_TRUE(here_.deploys.Undeploy({model_}, {}));
  EXPECT_THAT(Candidates(), IsEmpty());
}

TEST_F(RouterTest, WhoLeavesDiesOrIsBornAgainIsNone) {
  Deploy({"a", "b", "c"});
  a_.membership.Leave();
  EXPECT_THAT(Candidates(), UnorderedElementsAre("b", "c"));
  b_.agent.Stop();
  b_.reconciler.Stop();
  b_.membership.Stop();
  EXPECT_THAT(Candidates(), ElementsAre("c"));
  OneNode again(disk_, 2, "b");
  ASSERT_TRUE(again.membership.Start());
  EXPECT_THAT(Candidates(), ElementsAre("c")) << "what the earlier process held is not held any more";
  again.agent.Start();
  disk_.executor.RunFor(milliseconds(10));
  EXPECT_THAT(Candidates(), UnorderedElementsAre("b", "c"));
}

TEST_F(RouterTest, EachTakesItsTurn) {
  Deploy({"a", "b", "c"});
  EXPECT_THAT(Candidates(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Candidates(), ElementsAre("b", "c", "a"));
  const ModelId other = here_.AddModel("other");
  ASSERT_TRUE(here_.deploys.Deploy(other, {}));
  disk_.executor.RunFor(milliseconds(10));
  EXPECT_EQ(router_.Candidates(other).front().node, NodeId("a")) << "each model has turns of its own";
  EXPECT_THAT(Candidates(), ElementsAre("c", "a", "b"));
  here_.Set("plugins.ml_commons.task_dispatch_policy", "nonsense");
  EXPECT_THAT(Candidates(), ElementsAre("a", "b", "c"));
}

TEST_F(RouterTest, WhoFailedComesLastForAWhile) {
  Deploy({"a", "b", "c"});
  Fail("a");
  for (const auto& [node, times] : Firsts(10)) EXPECT_NE(node, "a") << times;
  EXPECT_EQ(Candidates().back(), "a");
  disk_.clock.Advance(Router::kPenalty);
  EXPECT_THAT(Firsts(9), UnorderedElementsAre(std::pair("a", 3), std::pair("b", 3), std::pair("c", 3)));
}

TEST_F(RouterTest, WhoFailedIsTriedByOneWhoseSecondChoiceDidNot) {
  Deploy({"a", "b", "c"});
  Fail("a");
  Fail("b");
  disk_.clock.Advance(Router::kPenalty);
  const auto turn_of = [&](const std::string& node) {
    for (int i = 0; i < 3; ++i) {
      const auto workers = Candidates();
      if (workers.front() == node) return workers;
    }
    return std::vector<std::string>{"never first"};
  };
  EXPECT_THAT(turn_of("a"), ElementsAre("a", "c", "b"));
  EXPECT_THAT(turn_of("b"), ElementsAre("b", "c", "a"));
  router_.Begin(At("a"));
  EXPECT_THAT(Firsts(6), ElementsAre(std::pair("c", 6))) << "one trial at a time, of a or of b";
  router_.End(At("a"), Router::Ending::kAnswered, std::nullopt);
  EXPECT_THAT(Firsts(3), ElementsAre(std::pair("a", 1), std::pair("c", 2))) << "b is not tried so soon after";
  disk_.clock.Advance(Router::kBetweenTrials);
  EXPECT_THAT(Firsts(3), ElementsAre(std::pair("a", 1), std::pair("b", 1), std::pair("c", 1)));
}

TEST_F(RouterTest, FailuresInARowDoubleThePenaltyACrowdCountsOnce) {
  Deploy({"a", "b"});
  for (int i = 0; i < 50; ++i) router_.Begin(At("a"));
  for (int i = 0; i < 50; ++i) router_.End(At("a"), Router::Ending::kFailed, std::nullopt);
  disk_.clock.Advance(Router::kPenalty);
  EXPECT_THAT(Firsts(2), ElementsAre(std::pair("a", 1), std::pair("b", 1)));
  Fail("a");
  disk_.clock.Advance(2 * Router::kPenalty - milliseconds(1));
  EXPECT_THAT(Firsts(2), ElementsAre(std::pair("b", 2)));
  disk_.clock.Advance(milliseconds(1));
  EXPECT_THAT(Firsts(2), ElementsAre(std::pair("a", 1), std::pair("b", 1)));
  for (int i = 0; i < 10; ++i) {
    Fail("a");
    disk_.clock.Advance(Router::kLongestPenalty);
    EXPECT_THAT(Firsts(2), ElementsAre(std::pair("a", 1), std::pair("b", 1)));
  }
  router_.Begin(At("a"));
  router_.End(At("a"), Router::Ending::kAnswered, std::nullopt);
  Fail("a");
  disk_.clock.Advance(Router::kPenalty);
  EXPECT_THAT(Firsts(2), ElementsAre(std::pair("a", 1), std::pair("b", 1))) << "it answered in between";
}

TEST_F(RouterTest, TheOnlyOneIsTriedAlthoughItFailed) {
  Deploy({"a"});
  Fail("a");
  EXPECT_THAT(Candidates(), ElementsAre("a"));
}

TEST_F(RouterTest, ANewProcessDoesNotBearTheOldOnesPenalty) {
  Deploy({"a", "b"});
  router_.Begin(At("a", 77));
  router_.End(At("a", 77), Router::Ending::kFailed, std::nullopt);
  EXPECT_THAT(Firsts(4), UnorderedElementsAre(std::pair("a", 2), std::pair("b", 2)));
}

TEST_F(RouterTest, LeastLoadTakesTheShorterWaitOfTwo) {
  here_.Set("plugins.ml_commons.task_dispatch_policy", "least_load");
  Deploy({"a", "b"});
  TellQueue("a", 50'000);
  TellQueue("b", 10'000);
  EXPECT_THAT(Firsts(20), ElementsAre(std::pair("b", 20)));
  for (int i = 0; i < 9; ++i) router_.Begin(At("b"));
  EXPECT_THAT(Firsts(20), ElementsAre(std::pair("a", 20))) << "45 ms more are under way to b";
  for (int i = 0; i < 9; ++i) router_.End(At("b"), Router::Ending::kAnswered, std::nullopt);
  EXPECT_THAT(Firsts(20), ElementsAre(std::pair("b", 20)));
}

TEST_F(RouterTest, AToldQueueDrains) {
  here_.Set("plugins.ml_commons.task_dispatch_policy", "least_load");
  Deploy({"a", "b"});
  TellQueue("a", 50'000);
  router_.Begin(At("b"));
  EXPECT_THAT(Firsts(10), ElementsAre(std::pair("b", 10)));
  disk_.clock.Advance(milliseconds(50));
  EXPECT_THAT(Firsts(10), ElementsAre(std::pair("a", 10)));
  TellQueue("a", std::numeric_limits<std::int64_t>::max());
  EXPECT_THAT(Firsts(10), ElementsAre(std::pair("b", 10)));
  TellQueue("a", -7);
  EXPECT_THAT(Firsts(10), ElementsAre(std::pair("a", 10)));
}

TEST_F(RouterTest, OfThreeTheMiddleOneIsChosenTooAndTheWorstNever) {
  here_.Set("plugins.ml_commons.task_dispatch_policy", "least_load");
  Deploy({"a", "b", "c"});
  TellQueue("a", 0);
  TellQueue("b", 1'000);
  TellQueue("c", 2'000);
  auto firsts = Firsts(300);
  EXPECT_GT(firsts["a"], 150);
  EXPECT_GT(firsts["b"], 50);
  EXPECT_EQ(firsts["c"], 0);
  Fail("a");
  EXPECT_EQ(Candidates().back(), "a");
}

TEST_F(RouterTest, SecondTriesAreATenthAndAFewAreFree) {
  for (int i = 0; i < Router::kFreeRetries; ++i) EXPECT_TRUE(router_.TakeRetry());
  EXPECT_FALSE(router_.TakeRetry());
  disk_.clock.Advance(seconds(1));
  for (int i = 0; i < Router::kFreeRetries; ++i) EXPECT_TRUE(router_.TakeRetry()) << "each second";
  EXPECT_FALSE(router_.TakeRetry());
  for (int i = 0; i < 1'000; ++i) router_.Begin(At("a"));
  for (int i = 0; i < 80; ++i) EXPECT_TRUE(router_.TakeRetry()) << i << ": 20 were taken";
  EXPECT_FALSE(router_.TakeRetry());
  disk_.clock.Advance(seconds(20));
  for (int i = 0; i < Router::kFreeRetries; ++i) EXPECT_TRUE(router_.TakeRetry());
  EXPECT_FALSE(router_.TakeRetry()) << "what was long ago earns nothing";
}

TEST_F(RouterTest, EndsOfUnknownOnesAreHarmless) {
  router_.End(At("never"), Router::Ending::kFailed, 5);
  for (int i = 0; i < 1'000; ++i) {
    const Worker worker = At("node-" + std::to_string(i));
    router_.Begin(worker);
    router_.End(worker, Router::Ending::kAnswered, 1);
  }
  Deploy({"a"});
  EXPECT_THAT(Candidates(), ElementsAre("a"));
}

}  // namespace
}  // namespace mlnode::deploy
