#include "deploy/loads/load_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::deploy {
namespace {

using serving::LocalState;
using serving::Phase;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

serving::LocalModel Local(const std::string& model, LocalState state, Phase phase = Phase::kLoading) {
  serving::LocalModel local;
  local.model = ModelId(model);
  local.generation = 1;
  local.state = state;
  local.phase = phase;
  if (state == LocalState::kFailed) local.error = MakeError(Code::kResourceExhausted, "no memory");
  return local;
}

class LoadWatchTest : public ::testing::Test {
 protected:
  void Observe(const std::vector<serving::LocalModel>& local) {
    watch_.Observe(local, {.steady = now_, .wall = now_.time_since_epoch() / std::chrono::milliseconds(1)});
  }
  std::vector<ModelId> Stalled() { return watch_.Stalled(now_, seconds(60)); }
  SteadyTime now_{std::chrono::hours(1)};
  LoadWatch watch_;
};

TEST_F(LoadWatchTest, LoadWithoutProgressStalls) {
  Observe({Local("m", LocalState::kLoading)});
  now_ += seconds(59);
  Observe({Local("m", LocalState::kLoading)});
  EXPECT_THAT(Stalled(), IsEmpty());
  now_ += seconds(1);
  EXPECT_THAT(Stalled(), ElementsAre(ModelId("m")));
}

TEST_F(LoadWatchTest, ALoadBesideWhatServesIsWatchedToo) {
  auto local = Local("m", LocalState::kReady);
  Observe({local});
  now_ += seconds(120);
  EXPECT_THAT(Stalled(), IsEmpty());
  local.reload = {.generation = 2, .phase = Phase::kLoading};
  Observe({local});
  now_ += seconds(59);
  local.reload->phase = Phase::kWarming;
  Observe({local});
  EXPECT_EQ(watch_.newest_progress(), now_.time_since_epoch() / std::chrono::milliseconds(1));
  now_ += seconds(59);
  Observe({local});
  EXPECT_THAT(Stalled(), IsEmpty());
  now_ += seconds(1);
  EXPECT_THAT(Stalled(), ElementsAre(ModelId("m")));
  local.reload.reset();
  Observe({local});
  EXPECT_THAT(Stalled(), IsEmpty());
}

TEST_F(LoadWatchTest, PhaseAndBytesAreProgress) {
  auto local = Local("m", LocalState::kLoading, Phase::kFetching);
  Observe({local});
  now_ += seconds(59);
  local.done_bytes = 1;
  Observe({local});
  now_ += seconds(59);
  local.phase = Phase::kUnpacking;
  Observe({local});
  now_ += seconds(59);
  EXPECT_THAT(Stalled(), IsEmpty());
  now_ += seconds(1);
  EXPECT_THAT(Stalled(), ElementsAre(ModelId("m")));
}

TEST_F(LoadWatchTest, QueuedWaitsForTheOneAtWork) {
  auto at_work = Local("a", LocalState::kLoading);
  const auto queued = Local("q", LocalState::kLoading, Phase::kQueued);
  Observe({at_work, queued});
  now_ += seconds(59);
  at_work.done_bytes = 1;
  Observe({at_work, queued});
  now_ += seconds(59);
  Observe({at_work, queued});
  EXPECT_THAT(Stalled(), IsEmpty());
  Observe({Local("a", LocalState::kReady), queued});  // it ended: the queue moves
  now_ += seconds(59);
  EXPECT_THAT(Stalled(), IsEmpty());
  now_ += seconds(1);
  EXPECT_THAT(Stalled(), ElementsAre(ModelId("q")));
}

TEST_F(LoadWatchTest, RetriesAfterTenSecondsDoublingToTenMinutes) {
  std::vector<std::int64_t> delays;
  for (int attempt = 0; attempt < 9; ++attempt) {
    Observe({Local("m", LocalState::kFailed)});
    std::int64_t delay = 0;
    for (; watch_.RetryDue(now_).empty(); ++delay) now_ += seconds(1);
    delays.push_back(delay);
    watch_.Retried(ModelId("m"));
    EXPECT_THAT(watch_.RetryDue(now_), IsEmpty());
  }
  EXPECT_THAT(delays, ElementsAre(10, 20, 40, 80, 160, 320, 600, 600, 600));
  EXPECT_EQ(watch_.BackoffOf(ModelId("m"))->attempts, 9);
}

TEST_F(LoadWatchTest, SuccessForgetsTheFailures) {
  Observe({Local("m", LocalState::kFailed)});
  Observe({Local("m", LocalState::kReady)});
  EXPECT_FALSE(watch_.BackoffOf(ModelId("m")));
}

TEST_F(LoadWatchTest, NewGenerationStartsOver) {
  auto failed = Local("m", LocalState::kFailed);
  for (int i = 0; i < 3; ++i) {
    Observe({failed});
    watch_.Retried(ModelId("m"));
  }
  failed.generation = 2;
  Observe({failed});
  EXPECT_EQ(watch_.BackoffOf(ModelId("m"))->attempts, 1);
}

TEST_F(LoadWatchTest, BrokenModelIsNotRetried) {
  auto failed = Local("m", LocalState::kFailed);
  failed.error = MakeError(Code::kInvalidArgument, "No tokenizer file");
  Observe({failed});
  now_ += std::chrono::hours(1);
  EXPECT_THAT(watch_.RetryDue(now_), IsEmpty());
}

}  // namespace
}  // namespace mlnode::deploy
