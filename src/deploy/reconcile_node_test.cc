#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <limits>

#include "deploy/reconcile.h"
#include "deploy/testing/documents.h"

namespace mlnode::deploy {
namespace {

using serving::LocalState;
using testing::Closed;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::PlacementOf;
using testing::PlanOf;

struct Describe {
  std::string operator()(const StartLoad& action) const {
    return fmt::format("load {} {}", action.model.str(), action.generation);
  }
  std::string operator()(const RefuseLoad& action) const {
    return fmt::format("refuse {} {} {}", action.model.str(), action.generation, action.ended);
  }
  std::string operator()(const ForgetLoad& action) const { return "forget " + action.model.str(); }
  std::string operator()(const StartUnload& action) const { return "unload " + action.model.str(); }
  std::string operator()(const WritePlacement& action) const {
    const Placement& placement = action.placement;
    const char* state = placement.state == PlacementState::kLoaded    ? "loaded"
                        : placement.state == PlacementState::kLoading ? "loading"
                                                                      : "failed";
    return fmt::format("write {} gen {} {} {}", placement.model.str(), placement.generation, state, placement.reason);
  }
  std::string operator()(const DropPlacement& action) const { return "drop " + action.placement.model.str(); }
};

std::vector<std::string> Texts(const NodeView& view) {
  std::vector<std::string> texts;
  for (const NodeAction& action : ReconcileNode(view)) texts.push_back(std::visit(Describe(), action));
  return texts;
}

serving::LocalModel LocalOf(LocalState state, std::uint64_t generation = 3) {
  serving::LocalModel local;
  local.model = ModelId("m");
  local.generation = generation;
  local.state = state;
  if (state == LocalState::kFailed) local.error = MakeError(Code::kResourceExhausted, "no memory");
  if (state == LocalState::kLoading) local.phase = serving::Phase::kLoading;
  return local;
}

class ReconcileNodeTest : public ::testing::Test {
 protected:
  ReconcileNodeTest() {
    view_.self = NodeId("a");
    view_.incarnation = testing::kIncarnation;
    view_.models = {ModelId("m")};
    view_.now = 1'000;
  }
  NodeView view_;
};

TEST_F(ReconcileNodeTest, LoadsWhatIsWanted) {
  for (const Plan& plan : {PlanOf(PlanMode::kAll), PlanOf(PlanMode::kNodes, {"a", "b"}),
                           Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed),
                           Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kPartial, "why")}) {
    view_.plans = {plan};
    EXPECT_THAT(Texts(view_), ElementsAre("load m 3"));
  }
}

TEST_F(ReconcileNodeTest, WhatServesIsToldOfTheNextGenerationOnce) {
  Plan plan = PlanOf(PlanMode::kAll);
  plan.reference_precision = true;
  view_.plans = {plan};
  view_.local = {LocalOf(LocalState::kReady, 2)};
  view_.placements = {PlacementOf("a", PlacementState::kLoaded, 2)};
  ASSERT_THAT(Texts(view_), ElementsAre("load m 3"));
  EXPECT_TRUE(std::get<StartLoad>(ReconcileNode(view_)[0]).reference_precision);
  view_.local[0].reload = {.generation = 3, .phase = serving::Phase::kLoading};
  EXPECT_THAT(Texts(view_), IsEmpty()) << "it is loaded beside what serves; the placement stays";
  view_.load_progress = 9'000;
  view_.placements[0].progressed_at = 3'000;
  ASSERT_THAT(Texts(view_), ElementsAre("write m gen 2 loaded "));
  EXPECT_EQ(std::get<WritePlacement>(ReconcileNode(view_)[0]).placement.progressed_at, 9'000);
  view_.plans[0].generation = 4;
  EXPECT_THAT(Texts(view_), ElementsAre("load m 4"));
}

TEST_F(ReconcileNodeTest, DoesNotLoadWhatIsNotWantedHere) {
  for (const Plan& plan : {PlanOf(PlanMode::kNone), PlanOf(PlanMode::kNodes, {"b"}),
                           Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kFailed, "why"),
                           Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kCancelled, "why")}) {
    view_.plans = {plan};
    view_.local.clear();
    view_.placements.clear();
    EXPECT_THAT(Texts(view_), IsEmpty());
    view_.local = {LocalOf(LocalState::kLoading)};
    view_.placements = {PlacementOf("a", PlacementState::kLoading)};
    EXPECT_THAT(Texts(view_), ElementsAre("unload m", "drop m"));
  }
}

TEST_F(ReconcileNodeTest, UnloadsWhenNoLongerEligible) {
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  view_.local = {LocalOf(LocalState::kReady)};
  view_.eligible = false;
  EXPECT_THAT(Texts(view_), ElementsAre("unload m"));
}

TEST_F(ReconcileNodeTest, ARemoteModelHasItsOwnEligibility) {
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  view_.plans[0].remote = true;
  view_.eligible = false;
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3"));
  view_.eligible_for_remote = false;
  EXPECT_THAT(Texts(view_), IsEmpty());
}

TEST_F(ReconcileNodeTest, UnloadsWhenTheModelOrThePlanIsGone) {
  view_.local = {LocalOf(LocalState::kReady)};
  EXPECT_THAT(Texts(view_), ElementsAre("unload m"));
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.models.clear();
  EXPECT_THAT(Texts(view_), ElementsAre("unload m"));
}

TEST_F(ReconcileNodeTest, NewGenerationIsNotedByALoadedModel) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.local = {LocalOf(LocalState::kReady, 2)};
  view_.placements = {PlacementOf("a", PlacementState::kLoaded, 2)};
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3"));
  view_.local = {LocalOf(LocalState::kReady, 3)};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 loaded "));
}

TEST_F(ReconcileNodeTest, NewGenerationTriesAFailedOneAgain) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.local = {LocalOf(LocalState::kFailed, 2)};
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3"));
}

TEST_F(ReconcileNodeTest, WritesEachState) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.local = {LocalOf(LocalState::kLoading)};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 loading "));
  view_.local = {LocalOf(LocalState::kReady)};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 loaded "));
  view_.local = {LocalOf(LocalState::kFailed)};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 failed no memory"));
}

TEST_F(ReconcileNodeTest, WritesNothingTwice) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  for (const LocalState state : {LocalState::kLoading, LocalState::kReady, LocalState::kFailed}) {
    view_.local = {LocalOf(state)};
    view_.placements.clear();
    const auto actions = ReconcileNode(view_);
    ASSERT_EQ(actions.size(), 1u);
    view_.placements = {std::get<WritePlacement>(actions[0]).placement};
    view_.now += 1'000;
    EXPECT_THAT(Texts(view_), IsEmpty());
  }
}

TEST_F(ReconcileNodeTest, ProgressIsWrittenAndStamped) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.local = {LocalOf(LocalState::kLoading)};
  view_.placements = {std::get<WritePlacement>(ReconcileNode(view_)[0]).placement};
  view_.placements[0].revision = 5;
  view_.now = 3'000;
  view_.local[0].done_bytes = 10;
  const auto actions = ReconcileNode(view_);
  ASSERT_EQ(actions.size(), 1u);
  const Placement& written = std::get<WritePlacement>(actions[0]).placement;
  EXPECT_EQ(written.since, 1'000);
  EXPECT_EQ(written.progressed_at, 3'000);
  EXPECT_EQ(written.done_bytes, 10u);
  EXPECT_EQ(written.revision, 5u);
}

TEST_F(ReconcileNodeTest, QueuedLoadProgressesWithThoseBeforeIt) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.local = {LocalOf(LocalState::kLoading)};
  view_.local[0].phase = serving::Phase::kQueued;
  view_.placements = {std::get<WritePlacement>(ReconcileNode(view_)[0]).placement};
  view_.now = 9'000;
  view_.load_progress = 5'999;
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.load_progress = 6'000;
  const auto actions = ReconcileNode(view_);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<WritePlacement>(actions[0]).placement.progressed_at, 6'000);
  EXPECT_EQ(std::get<WritePlacement>(actions[0]).placement.since, 1'000);
}

TEST_F(ReconcileNodeTest, PlacementOfAnEarlierIncarnationIsReplaced) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.local = {LocalOf(LocalState::kReady)};
  view_.placements = {PlacementOf("a", PlacementState::kLoaded)};
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.placements[0].incarnation = 1;
  const auto actions = ReconcileNode(view_);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<WritePlacement>(actions[0]).placement.incarnation, testing::kIncarnation);
}

TEST_F(ReconcileNodeTest, FailedOneIsRetriedWhenDueAndOnlyAfterTheDeployEnded) {
  view_.local = {LocalOf(LocalState::kFailed)};
  view_.placements = {};
  view_.retry_due = {ModelId("m")};
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3"));
  view_.plans = {PlanOf(PlanMode::kAll)};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 failed no memory"));
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  view_.retry_due.clear();
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 failed no memory"));
}

TEST_F(ReconcileNodeTest, ModelThatEndedAnEarlierProcessIsLoadedAlone) {
  Plan suspect = PlanOf(PlanMode::kAll), other = PlanOf(PlanMode::kAll);
  view_.begun[suspect.model] = {.generation = 3, .incarnation = 1, .count = 1};
  other.model = ModelId("n");
  view_.models.insert(other.model);
  view_.plans = {suspect, other};
  EXPECT_THAT(Texts(view_), ElementsAre("load n 3"));
  view_.plans = {suspect};
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3"));
  view_.plans = {suspect, other};
  view_.local = {LocalOf(LocalState::kLoading)};
  view_.local[0].model = other.model;
  EXPECT_THAT(Texts(view_), ElementsAre("write n gen 3 loading "));
  view_.local[0].state = LocalState::kReady;
  EXPECT_THAT(Texts(view_), ElementsAre("write n gen 3 loaded ", "load m 3"));
}

TEST_F(ReconcileNodeTest, ModelThatEndedThreeProcessesIsNotLoadedAgain) {
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  view_.begun[ModelId("m")] = {.generation = 3, .incarnation = 1, .count = 3};
  EXPECT_THAT(Texts(view_), ElementsAre("refuse m 3 3"));
  view_.redeploy_limit = 4;
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3"));
  view_.redeploy_limit = 3;
  view_.local = {LocalOf(LocalState::kFailed)};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 failed no memory")) << "and the count stays";
}

TEST_F(ReconcileNodeTest, RedeploysThatAreOffStopNoRequest) {
  view_.redeploys = false;
  view_.plans = {PlanOf(PlanMode::kAll)};
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3")) << "a request";
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  EXPECT_THAT(Texts(view_), ElementsAre("refuse m 3 0"));
  view_.local = {LocalOf(LocalState::kFailed, 2)};
  EXPECT_THAT(Texts(view_), ElementsAre("refuse m 3 0")) << "another generation of a closed plan is none";
  view_.local = {LocalOf(LocalState::kReady, 2)};
  EXPECT_THAT(Texts(view_), ElementsAre("load m 3")) << "what is here takes a new generation without a load";
}

TEST_F(ReconcileNodeTest, FailedOneIsNotRetriedWhileRedeploysAreOff) {
  view_.redeploys = false;
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  view_.local = {LocalOf(LocalState::kFailed)};
  view_.retry_due = {ModelId("m")};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 failed no memory"));
}

TEST_F(ReconcileNodeTest, ExpiryIsWrittenAndTakenBack) {
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  view_.local = {LocalOf(LocalState::kReady)};
  const auto next = [&] { return std::get<WritePlacement>(ReconcileNode(view_).at(0)).placement; };
  view_.placements = {next()};
  EXPECT_FALSE(view_.placements[0].expired);
  view_.expired = {ModelId("m")};
  view_.placements = {next()};
  EXPECT_TRUE(view_.placements[0].expired);
  EXPECT_THAT(Texts(view_), IsEmpty());
  view_.expired.clear();
  EXPECT_FALSE(next().expired);
}

TEST_F(ReconcileNodeTest, LoadThatEndedIsForgotten) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.begun[ModelId("m")] = {.generation = 3, .incarnation = view_.incarnation, .count = 2};
  view_.local = {LocalOf(LocalState::kLoading)};
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 loading "));
  for (const auto& [state, name] :
       {std::pair(LocalState::kReady, "loaded "), {LocalState::kFailed, "failed no memory"}}) {
    view_.local = {LocalOf(state)};
    EXPECT_THAT(Texts(view_), ElementsAre("forget m", std::string("write m gen 3 ") + name));
  }
}

TEST_F(ReconcileNodeTest, LoadBegunForAnotherGenerationOrForNobodyIsForgotten) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.begun[ModelId("m")] = {.generation = 2, .incarnation = 1, .count = 3};
  view_.begun[ModelId("gone")] = {.generation = 3, .incarnation = 1, .count = 3};
  EXPECT_THAT(Texts(view_), ElementsAre("forget m", "load m 3", "forget gone"));
}

TEST_F(ReconcileNodeTest, LoadWhoseEndItsPlacementTellsEndedNoProcess) {
  view_.plans = {Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed)};
  view_.begun[ModelId("m")] = {.generation = 3, .incarnation = 1, .count = 3};
  Placement placement{.node = view_.self, .model = ModelId("m"), .generation = 3, .incarnation = 1};
  placement.state = PlacementState::kLoaded;
  view_.placements = {placement};
  const auto actions = ReconcileNode(view_);
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(std::get<StartLoad>(actions[0]).count, 1U);
}

TEST_F(ReconcileNodeTest, EachBeginIsCountedOnce) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  const auto count = [&] { return std::get<StartLoad>(ReconcileNode(view_).at(0)).count; };
  EXPECT_EQ(count(), 1U);
  view_.begun[ModelId("m")] = {.generation = 3, .incarnation = 1, .count = 2};
  EXPECT_EQ(count(), 3U);
  view_.begun[ModelId("m")] = {.generation = 3, .incarnation = view_.incarnation, .count = 3};
  EXPECT_EQ(count(), 3U);
}

TEST_F(ReconcileNodeTest, ARestartBeginsAFewAtATime) {
  view_.plans.clear();
  for (int i = 0; i < 40; ++i) {
    Plan plan = Closed(PlanOf(PlanMode::kAll), Outcome::Kind::kDeployed);
    plan.model = ModelId(fmt::format("m{:02}", i));
    view_.models.insert(plan.model);
    view_.plans.push_back(plan);
  }
  EXPECT_EQ(ReconcileNode(view_).size(), kLoadsAhead);
  const auto begin = [&](std::size_t loading) {
    view_.local.clear();
    for (std::size_t i = 0; i < loading; ++i) {
      view_.local.push_back(LocalOf(LocalState::kLoading));
      view_.local.back().model = view_.plans[i].model;
    }
    const auto actions = ReconcileNode(view_);
    return std::ranges::count_if(actions, [](const auto& action) { return std::holds_alternative<StartLoad>(action); });
  };
  EXPECT_EQ(begin(kLoadsAhead), 0);
  EXPECT_EQ(begin(kLoadsAhead / 2 + 1), 0) << "a few together";
  EXPECT_EQ(begin(kLoadsAhead / 2), kLoadsAhead / 2);
  for (Plan& plan : view_.plans) plan.outcome.reset();
  EXPECT_EQ(begin(kLoadsAhead), 40 - kLoadsAhead) << "what is requested begins at once: its limits are others";
}

TEST_F(ReconcileNodeTest, ReasonIsMadeStorable) {
  view_.plans = {PlanOf(PlanMode::kAll)};
  view_.local = {LocalOf(LocalState::kFailed)};
  view_.local[0].error = MakeError(Code::kInternal, "bad \xff byte");
  EXPECT_THAT(Texts(view_), ElementsAre("write m gen 3 failed bad \xEF\xBF\xBD byte"));
  view_.local[0].error = MakeError(Code::kInternal, std::string(1'000'000, 'x'));
  EXPECT_EQ(std::get<WritePlacement>(ReconcileNode(view_)[0]).placement.reason.size(), 4096u);
}

TEST(IsRetryableTest, ByCode) {
  for (const Code code : {Code::kResourceExhausted, Code::kUnavailable, Code::kDeadlineExceeded, Code::kCancelled}) {
    EXPECT_TRUE(IsRetryable(MakeError(code, ""))) << CodeName(code);
  }
  for (const Code code : {Code::kInvalidArgument, Code::kNotFound, Code::kFailedPrecondition, Code::kUnimplemented,
                          Code::kTooLarge, Code::kDataLoss, Code::kInternal}) {
    EXPECT_FALSE(IsRetryable(MakeError(code, ""))) << CodeName(code);
  }
}

std::optional<std::chrono::minutes> Of(json::value minutes) {
  return TimeToLive({{"deploy_setting", json::object{{"model_ttl_minutes", std::move(minutes)}}}});
}

TEST(TimeToLiveTest, IsWhatTheDocumentSays) {
  EXPECT_EQ(Of(0), std::chrono::minutes(0));
  EXPECT_EQ(Of(90), std::chrono::minutes(90));
}

TEST(TimeToLiveTest, IsForEverUnlessSaid) {
  EXPECT_EQ(TimeToLive({}), std::nullopt);
  EXPECT_EQ(TimeToLive({{"deploy_setting", json::object{}}}), std::nullopt);
  EXPECT_EQ(TimeToLive({{"deploy_setting", 3}}), std::nullopt);
  EXPECT_EQ(Of(-1), std::nullopt);
  EXPECT_EQ(Of("soon"), std::nullopt);
}

TEST(TimeToLiveTest, FitsTheClockHoweverLong) {
  const auto longest = Of(std::numeric_limits<std::int64_t>::max());
  ASSERT_TRUE(longest);
  EXPECT_GT(std::chrono::nanoseconds(*longest), std::chrono::hours(24 * 365 * 99));
}

}  // namespace
}  // namespace mlnode::deploy
