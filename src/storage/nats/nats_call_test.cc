#include "storage/nats/nats_call.h"

#include <gtest/gtest.h>

namespace mlnode::storage::nats {
namespace {

const Error kRefusal = MakeError(Code::kUnavailable, "they cannot now");
const Error kSilence = MakeError(Code::kDeadlineExceeded, "they do not answer");

bool AfterRefusal(CallPacing& pacing) { return pacing.Next(NATS_NO_RESPONDERS, kRefusal); }
bool AfterSilence(CallPacing& pacing) { return pacing.Next(NATS_TIMEOUT, kSilence); }

TEST(CallPacingTest, RefusedOrSilentAsAsked) {
  const CallLimit limit(Millis(10'000));
  for (const auto& [again, refused, silent] :
       {std::tuple(Again::kIfRefused, true, false), {Again::kIfSilent, false, true}, {Again::kIfEither, true, true}}) {
    CallPacing pacing(limit, again);
    EXPECT_EQ(AfterRefusal(pacing), refused);
    EXPECT_EQ(AfterSilence(pacing), silent);
    EXPECT_FALSE(pacing.Next(NATS_ERR, MakeError(Code::kConflict, "changed")));
    EXPECT_FALSE(pacing.Next(NATS_CONNECTION_CLOSED, kSilence)) << "nobody will answer";
  }
}

TEST(CallPacingTest, OnlySilenceMakesWaitsLonger) {
  const CallLimit limit(Millis(100'000));
  CallPacing pacing(limit, Again::kIfEither);
  const std::int64_t first = pacing.Wait();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(AfterRefusal(pacing));
  EXPECT_EQ(pacing.Wait(), first);
  EXPECT_TRUE(AfterSilence(pacing));
  EXPECT_EQ(pacing.Wait(), 2 * first);
}

// What is sent in the last moment may be done, and nobody hears of it.
TEST(CallPacingTest, NothingIsSentThatCannotBeAnsweredInTime) {
  const CallLimit limit(Millis(100));
  CallPacing pacing(limit, Again::kIfRefused);
  EXPECT_LE(pacing.Wait(), 100);
  EXPECT_FALSE(AfterRefusal(pacing));
}

TEST(CallPacingTest, OverIsOver) {
  const CallLimit limit(Millis(0));
  CallPacing pacing(limit, Again::kIfEither);
  EXPECT_FALSE(AfterSilence(pacing));
  EXPECT_EQ(pacing.Wait(), 1) << "libnats takes 0 for its own default";
}

}  // namespace
}  // namespace mlnode::storage::nats
