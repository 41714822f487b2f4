#include "core/similar_names.h"

#include <gtest/gtest.h>

#include <array>

namespace mlnode {
namespace {

constexpr auto kKnown = std::to_array<std::string_view>({"match", "match_all", "term", "terms"});

TEST(DidYouMeanTest, NamesTheSimilarOneBestFirst) {
  EXPECT_EQ(DidYouMean("mach", kKnown), " did you mean [match]?");
  EXPECT_EQ(DidYouMean("terms2", kKnown), " did you mean any of [terms, term]?");
}

TEST(DidYouMeanTest, IsSilentWhenNothingIsSimilar) {
  EXPECT_EQ(DidYouMean("nope", kKnown), "");
  EXPECT_EQ(DidYouMean("", kKnown), "");
  EXPECT_EQ(DidYouMean(std::string(100'000, 't'), kKnown), "");
}

}  // namespace
}  // namespace mlnode
