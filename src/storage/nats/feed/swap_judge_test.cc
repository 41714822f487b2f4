#include "storage/nats/feed/swap_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/id.h"

namespace mlnode::storage {
namespace {

using Verdict = SwapJudge::Verdict;
using ::testing::ElementsAre;
using ::testing::SizeIs;

const Key kKey{Collection::kModels, "m"};

Swap SwapOf(std::uint64_t sequence, std::uint64_t base, bool removed = false) {
  Document document{.key = kKey, .body = {}, .revision = sequence, .version = 1};
  return {.record = {.document = std::make_shared<const Document>(std::move(document)),
                     .nonce = 1'000 + sequence,
                     .removed = removed},
          .base = base};
}

class SwapJudgeTest : public ::testing::Test {
 protected:
  Verdict Next(std::uint64_t sequence, std::uint64_t base, bool removed = false, bool complete = true) {
    return judge_.Judge(SwapOf(sequence, base, removed), complete);
  }
  std::uint64_t Now() const { return judge_.Find(kKey)->sequence; }
  SwapJudge judge_;
};

TEST_F(SwapJudgeTest, ACreationAndWhatFollowsAreValid) {
  EXPECT_EQ(judge_.Find(kKey), nullptr);
  EXPECT_EQ(Next(5, 0), Verdict::kValid);
  EXPECT_EQ(Next(9, 5), Verdict::kValid);
  EXPECT_EQ(Next(12, 9, true), Verdict::kValid);
  ASSERT_NE(judge_.Find(kKey), nullptr);
  EXPECT_EQ(Now(), 12U);
  EXPECT_EQ(judge_.Find(kKey)->nonce, 1'012U);
  EXPECT_TRUE(judge_.Find(kKey)->removed);
}

TEST_F(SwapJudgeTest, OfTwoSwapsOfOneBaseTheFirstCounts) {
  Next(5, 0);
  EXPECT_EQ(Next(6, 5), Verdict::kValid);
  EXPECT_EQ(Next(7, 5), Verdict::kVoid);
  EXPECT_EQ(Now(), 6U);
  EXPECT_EQ(Next(8, 6), Verdict::kValid) << "what replaces the valid one, though a void one lies above";
}

TEST_F(SwapJudgeTest, OfThreeTheFirstCountsAndLateOnesNever) {
  Next(5, 0);
  EXPECT_EQ(Next(6, 5), Verdict::kValid);
  EXPECT_EQ(Next(7, 5), Verdict::kVoid);
  EXPECT_EQ(Next(8, 5), Verdict::kVoid);
  EXPECT_EQ(Next(9, 6), Verdict::kValid);
  EXPECT_EQ(Next(10, 5), Verdict::kVoid) << "two behind";
  EXPECT_EQ(Next(11, 6), Verdict::kVoid);
  EXPECT_EQ(Now(), 9U);
}

TEST_F(SwapJudgeTest, OfCreationsTheFirstCounts) {
  EXPECT_EQ(Next(5, 0), Verdict::kValid);
  EXPECT_EQ(Next(6, 0), Verdict::kVoid);
  EXPECT_EQ(Next(7, 5), Verdict::kValid);
  EXPECT_EQ(Next(8, 0), Verdict::kVoid);
  EXPECT_EQ(Now(), 7U);
}

TEST_F(SwapJudgeTest, ACreationAfterARemoval) {
  Next(5, 0);
  Next(6, 5, true);
  EXPECT_EQ(Next(7, 6), Verdict::kValid) << "it names the removal";
  EXPECT_EQ(Next(8, 6), Verdict::kVoid) << "another one that does";
  EXPECT_EQ(Next(9, 0), Verdict::kVoid);
  EXPECT_EQ(Next(10, 7, true), Verdict::kValid);
  EXPECT_EQ(Next(11, 0), Verdict::kValid) << "for its writer the removal was purged";
  EXPECT_EQ(Next(12, 10), Verdict::kVoid) << "the removal is replaced already";
  EXPECT_EQ(Next(13, 7), Verdict::kVoid) << "a swap of what was removed";
  EXPECT_EQ(Next(14, 11), Verdict::kValid);
}

TEST_F(SwapJudgeTest, ASwapAndARemovalOfOneBase) {
  Next(5, 0);
  EXPECT_EQ(Next(6, 5, true), Verdict::kValid);
  EXPECT_EQ(Next(7, 5), Verdict::kVoid);
  EXPECT_TRUE(judge_.Find(kKey)->removed);
}

// One knows the removal at 6, the other began to read after it was purged; both see a creation that names it.
TEST_F(SwapJudgeTest, APurgedRemovalMakesNoDifference) {
  Next(5, 0);
  Next(6, 5, true);
  SwapJudge late;
  EXPECT_EQ(Next(7, 6), Verdict::kValid);
  EXPECT_NE(late.Judge(SwapOf(7, 6), true), Verdict::kVoid);
  EXPECT_EQ(Next(8, 6), Verdict::kVoid);
  EXPECT_EQ(late.Judge(SwapOf(8, 6), true), Verdict::kVoid);
  EXPECT_EQ(Now(), late.Find(kKey)->sequence);
}

TEST_F(SwapJudgeTest, ARemovalIsForgottenOnlyWhileItIsTheNewest) {
  Next(5, 0);
  Next(6, 5, true);
  judge_.Forget(kKey, 5);
  EXPECT_NE(judge_.Find(kKey), nullptr);
  judge_.Forget(kKey, 6);
  EXPECT_EQ(judge_.Find(kKey), nullptr);
  Next(7, 0);
  judge_.Forget(kKey, 7);
  ASSERT_NE(judge_.Find(kKey), nullptr) << "it is no removal";
  judge_.Forget({Collection::kModels, "other"}, 7);
}

// What a reader who comes later finds of [5 valid, 6 void, 7 valid, 8 void].
TEST_F(SwapJudgeTest, ALateReaderComesToTheSame) {
  const std::vector<Swap> all = {SwapOf(5, 0), SwapOf(6, 0), SwapOf(7, 5), SwapOf(8, 5)};
  for (std::size_t from = 0; from <= 2; ++from) {
    SwapJudge late;
    for (std::size_t i = from; i < all.size(); ++i) late.Judge(all[i], false);
    EXPECT_EQ(late.Find(kKey)->sequence, 7U) << "from message " << all[from].record.document->revision;
  }
}

TEST_F(SwapJudgeTest, WithoutWhatCameBeforeNothingIsCertain) {
  EXPECT_EQ(Next(6, 0, false, false), Verdict::kAssumed) << "it may be the second creation";
  EXPECT_EQ(Next(9, 8, false, false), Verdict::kAssumed) << "8 replaced 6, or was what 6 came too late for";
  EXPECT_EQ(Next(10, 9, false, false), Verdict::kValid);
  EXPECT_EQ(Next(11, 9, false, false), Verdict::kVoid);
}

TEST_F(SwapJudgeTest, ABaseOfAnotherStreamIsVoid) {
  EXPECT_EQ(Next(5, 900), Verdict::kVoid) << "a writer who has not noticed yet that the stream was made anew";
  EXPECT_EQ(judge_.Find(kKey), nullptr);
  EXPECT_EQ(Next(6, 6), Verdict::kVoid);
  EXPECT_EQ(Next(7, 0), Verdict::kValid);
  EXPECT_EQ(Next(8, 900), Verdict::kVoid);
  EXPECT_EQ(Next(9, 7), Verdict::kValid);
}

TEST_F(SwapJudgeTest, MessagesOfAKeyAreRememberedAsFarAsTheStreamKeepsThem) {
  Next(1, 0);
  Next(2, 0);
  Next(3, 1, true);
  EXPECT_THAT(judge_.Find(kKey)->messages, ElementsAre(1, 2, 3)) << "void ones too: they are purged with it";
  for (std::uint64_t i = 4; i < 40; ++i) Next(i, i - 1);
  EXPECT_THAT(judge_.Find(kKey)->messages, SizeIs(SwapJudge::kHistory));
  EXPECT_EQ(judge_.Find(kKey)->messages.front(), 40U - SwapJudge::kHistory);
}

// A stream of swaps by writers who each know some earlier state, as many at once as the history allows. Whoever joins
// at any point, seeing only what the stream then holds, ends with what the one who saw everything has.
TEST_F(SwapJudgeTest, WhoeverJoinsAtRandomComesToTheSame) {
  SystemRandom random;
  constexpr std::uint64_t kWriters = SwapJudge::kHistory;
  std::vector<Swap> stream = {SwapOf(1, 0)};
  judge_.Judge(stream.back(), true);
  std::vector<std::uint64_t> known(kWriters, 1);  // what each writer takes for the newest
  std::vector<bool> removed_at(2'000, false);
  for (std::uint64_t sequence = 2; sequence < removed_at.size(); ++sequence) {
    const std::size_t writer = random.Next() % kWriters;
    const bool removal = !removed_at[known[writer]] && random.Next() % 8 == 0;
    stream.push_back(SwapOf(sequence, known[writer], removal));
    removed_at[sequence] = removal;
    judge_.Judge(stream.back(), true);
    known[writer] = Now();  // it hears of its own message, and so of what lies before
    const std::size_t kept = std::min(stream.size(), SwapJudge::kHistory);
    SwapJudge late;
    for (std::size_t i = stream.size() - kept; i < stream.size(); ++i) late.Judge(stream[i], false);
    ASSERT_EQ(late.Find(kKey)->sequence, Now()) << "at " << sequence;
    ASSERT_EQ(late.Find(kKey)->removed, judge_.Find(kKey)->removed);
  }
}

}  // namespace
}  // namespace mlnode::storage
