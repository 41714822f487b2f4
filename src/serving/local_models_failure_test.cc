// What ends a load other than well, and what is left of it.

#include <new>

#include "serving/loader.h"
#include "serving/local_models.h"
#include "serving/testing/behaviours.h"
#include "serving/testing/serving_fixture.h"

namespace mlnode::serving {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ServingFixture;

class LoadFailureTest : public ServingFixture {
 protected:
  // The load of `spec` fails with this code and text, and nothing is held.
  void ExpectFailure(const LoadSpec& spec, Code code, const std::string& text) {
    LoadToEnd(spec);
    const LocalModel shown = Local(spec.model);
    EXPECT_EQ(shown.state, LocalState::kFailed);
    ASSERT_TRUE(shown.error.has_value()) << text;
    EXPECT_EQ(shown.error->code, code) << shown.error->message;
    EXPECT_THAT(shown.error->message, HasSubstr(text));
    EXPECT_EQ(local_->Find(spec.model), nullptr);
    EXPECT_EQ(budget_->Reserved(), 0U);
    EXPECT_EQ(engine_.live_models(), 0);
    EXPECT_EQ(LoadsTotal("failed"), 1);
  }
};

TEST_F(LoadFailureTest, FunctionThatIsNotRunHere) {
  LoadSpec spec = Register("a");
  spec.function = models::FunctionName::kRemote;
  ExpectFailure(spec, Code::kUnimplemented, "This node serves no remote models");
}

TEST_F(LoadFailureTest, FormatWithoutAnEngine) {
  LoadSpec spec = testing::StoreArchive(
      store_, "a", testing::ZipOf({{"model.pt", "weights"}, {"tokenizer.json", testing::TestTokenizer()}}));
  spec.format = engines::ModelFormat::kTorchScript;
  ExpectFailure(spec, Code::kUnimplemented, "no engine for this model format");
}

TEST_F(LoadFailureTest, ContentThatChanged) {
  LoadSpec spec = Register("a");
  spec.content_hash.assign(64, '0');
  ExpectFailure(spec, Code::kInvalidArgument, "model content changed");
}

TEST_F(LoadFailureTest, BudgetRefusalSaysNeedReservedAndLimit) {
  Open(1'000);
  ExpectFailure(
      Register("a", std::string(10, 'w')), Code::kResourceExhausted,
      "model a: it needs " + std::to_string(PeakBytes(10)) + " bytes, 0 bytes are reserved and the limit is 1000");
}

TEST_F(LoadFailureTest, CorruptTokenizer) {
  ExpectFailure(Register("a", "", "{\"not\": \"a tokenizer\"}"), Code::kInvalidArgument, "tokenizer.json: ");
}

TEST_F(LoadFailureTest, CorruptModel) {
  ExpectFailure(Register("a", "corrupt bytes"), Code::kInvalidArgument, "not a model");
}

TEST_F(LoadFailureTest, EngineWithoutMemory) {
  engine_.SetBehaviour(testing::OnLoad([](const engines::LoadOptions&) -> Status {
    return MakeError(Code::kResourceExhausted, "no memory to compile");
  }));
  ExpectFailure(Register("a"), Code::kResourceExhausted, "no memory to compile");
}

TEST_F(LoadFailureTest, WhatALoadThrowsIsItsFailure) {
  engine_.SetBehaviour(testing::OnLoad([](const engines::LoadOptions&) -> Status { throw std::bad_alloc(); }));
  ExpectFailure(Register("a"), Code::kResourceExhausted, "The load found too little memory");
}

TEST_F(LoadFailureTest, WarmUpThatTheEngineFails) {
  engine_.SetBehaviour(
      testing::OnRun([](const TokenBatch&) -> Status { return MakeError(Code::kInternal, "illegal step"); }));
  ExpectFailure(Register("a"), Code::kInternal, "warm-up: illegal step");
}

TEST_F(LoadFailureTest, WarmUpThatAnswersNan) {
  engine_.SetBehaviour(testing::NanFor(5));  // "the", which every probe but one holds
  ExpectFailure(Register("a"), Code::kInvalidArgument, "'last_hidden_state' of the model holds NaN or infinity");
}

TEST_F(LoadFailureTest, FailedIsTriedAgainByTheNextLoad) {
  const LoadSpec spec = Register("a");
  engine_.SetBehaviour(
      testing::OnLoad([](const engines::LoadOptions&) -> Status { return MakeError(Code::kInternal, "once"); }));
  LoadToEnd(spec, 1);
  EXPECT_EQ(Local(spec.model).state, LocalState::kFailed);
  engine_.SetBehaviour({});
  LoadToEnd(spec, 2);
  EXPECT_EQ(Local(spec.model).state, LocalState::kReady);
  EXPECT_FALSE(Local(spec.model).error);
}

TEST_F(LoadFailureTest, FailedIsForgottenByUnload) {
  const LoadSpec spec = Register("a", "corrupt");
  LoadToEnd(spec);
  local_->Unload(spec.model, seconds(1));
  EXPECT_THAT(local_->List(), IsEmpty());
}

// Unload in the middle of each phase, as a request that comes while the load runs.
class CancelTest : public ServingFixture, public ::testing::WithParamInterface<Phase> {};

TEST_P(CancelTest, UnloadStopsTheLoadAndLeavesNothing) {
  const LoadSpec spec = Register("a");
  int calls = 0;
  local_->Load(spec, 1, [&](const ModelId& id) {
    ++calls;
    if (Local(id).phase == GetParam()) local_->Unload(id, seconds(1));
  });
  executor_.RunUntilIdle();
  EXPECT_THAT(local_->List(), IsEmpty());
  EXPECT_EQ(local_->Find(spec.model), nullptr);
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_EQ(budget_->Reserved(), 0U);
  EXPECT_EQ(calls, static_cast<int>(GetParam()));  // none after the cancel
  if (GetParam() != Phase::kReady) EXPECT_EQ(LoadsTotal("cancelled"), 1);
  LoadToEnd(spec, 2);
  EXPECT_EQ(Local(spec.model).state, LocalState::kReady);
}

INSTANTIATE_TEST_SUITE_P(Phases, CancelTest,
                         ::testing::Values(Phase::kFetching, Phase::kUnpacking, Phase::kReserving, Phase::kLoading,
                                           Phase::kWarming, Phase::kReady),
                         [](const auto& param) { return std::string(PhaseName(param.param)); });

TEST_F(LoadFailureTest, UnloadInsideTheEngineCallDropsItsModel) {
  const LoadSpec spec = Register("a");
  engine_.SetBehaviour(testing::OnLoad([&](const engines::LoadOptions&) -> Status {
    local_->Unload(spec.model, seconds(1));
    Load(spec, 2);  // and wants it again while the old load still runs
    return {};
  }));
  Load(spec, 1);
  executor_.RunOne();
  engine_.SetBehaviour({});
  executor_.RunUntilIdle();
  EXPECT_EQ(Local(spec.model).state, LocalState::kReady);
  EXPECT_EQ(Local(spec.model).generation, 2U);
  EXPECT_EQ(engine_.live_models(), 1);
  EXPECT_EQ(engine_.loads(), 2);
}

TEST_F(LoadFailureTest, UnloadBeforeTheLoadBeganForgetsIt) {
  const LoadSpec a = Register("a");
  const LoadSpec b = Register("b");
  Load(a);
  Load(b);
  local_->Unload(b.model, seconds(1));
  executor_.RunUntilIdle();
  EXPECT_EQ(engine_.loads(), 1);
  EXPECT_EQ(local_->Find(b.model), nullptr);
}

}  // namespace
}  // namespace mlnode::serving
