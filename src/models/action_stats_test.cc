#include "models/action_stats.h"

#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

constexpr auto kPredict = static_cast<std::size_t>(Action::kPredict);
constexpr auto kDeploy = static_cast<std::size_t>(Action::kDeploy);

Error Internal() { return MakeError(Code::kInternal, "the engine failed"); }

TEST(ActionStats, CountsByModelAndByFunction) {
  ActionStats stats;
  stats.Of(ModelId("a"), FunctionName::kTextEmbedding)->Request(Action::kPredict);
  stats.Of(ModelId("b"), FunctionName::kTextEmbedding)->Request(Action::kPredict);
  stats.Of(ModelId("c"), FunctionName::kRemote)->Request(Action::kPredict);
  stats.Request(Action::kRegister, FunctionName::kRemote);
  EXPECT_EQ(stats.Models().at(ModelId("a"))[kPredict].requests, 1U);
  EXPECT_EQ(stats.OfFunction(FunctionName::kTextEmbedding)[kPredict].requests, 2U);
  EXPECT_EQ(stats.OfFunction(FunctionName::kRemote)[kPredict].requests, 1U);
  EXPECT_EQ(stats.Total()[kPredict].requests, 3U);
  EXPECT_EQ(stats.Total()[static_cast<std::size_t>(Action::kRegister)].requests, 1U);
}

TEST(ActionStats, AModelKeepsItsCountersWhenAskedForAgain) {
  ActionStats stats;
  stats.Of(ModelId("a"), FunctionName::kTextEmbedding)->Request(Action::kDeploy);
  stats.Of(ModelId("a"), FunctionName::kTextEmbedding)->Request(Action::kDeploy);
  EXPECT_EQ(stats.Models().at(ModelId("a"))[kDeploy].requests, 2U);
}

TEST(ActionStats, FailedPredictionsCountByModelOtherFailuresByFunctionOnly) {
  ActionStats stats;
  const auto actions = stats.Of(ModelId("a"), FunctionName::kTextEmbedding);
  actions->Failure(Action::kPredict, Internal());
  actions->Failure(Action::kDeploy, Internal());
  EXPECT_EQ(actions->Read()[kPredict].failures, 1U);
  EXPECT_EQ(actions->Read()[kDeploy].failures, 0U);
  EXPECT_EQ(stats.OfFunction(FunctionName::kTextEmbedding)[kDeploy].failures, 1U);
}

TEST(ActionStats, TheCallersMistakesAreNoFailures) {
  ActionStats stats;
  for (const Code code : {Code::kInvalidArgument, Code::kNotFound, Code::kResourceExhausted, Code::kTooLarge,
                          Code::kPermissionDenied, Code::kCancelled}) {
    stats.Failure(Action::kRegister, FunctionName::kTextEmbedding, MakeError(code, "no"));
    stats.Of(ModelId("a"), FunctionName::kTextEmbedding)->Failure(Action::kPredict, MakeError(code, "no"));
  }
  for (const ActionCount& count : stats.Total()) EXPECT_EQ(count.failures, 0U);
}

TEST(ActionStats, ForgetsOnlyModelsNobodyHolds) {
  ActionStats stats;
  const auto held = stats.Of(ModelId("00000"), FunctionName::kTextEmbedding);
  for (std::size_t i = 1; i <= ActionStats::kMaxModels; ++i) {
    stats.Of(ModelId("m" + std::to_string(i)), FunctionName::kTextEmbedding)->Request(Action::kDeploy);
  }
  const auto models = stats.Models();
  EXPECT_EQ(models.size(), ActionStats::kMaxModels);
  EXPECT_TRUE(models.contains(ModelId("00000")));
  EXPECT_TRUE(models.contains(ModelId("m" + std::to_string(ActionStats::kMaxModels))));
  EXPECT_EQ(stats.OfFunction(FunctionName::kTextEmbedding)[kDeploy].requests, ActionStats::kMaxModels);
}

}  // namespace
}  // namespace mlnode::models
