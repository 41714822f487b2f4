#include "query/text_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mlnode::query {
namespace {

SearchDocument Named(std::string_view name) {
  return {.id = "x", .source = std::make_shared<const json::object>(json::object{{"name", name}})};
}

TEST(TextStatisticsTest, CountsDocumentsAndWords) {
  const std::vector<SearchDocument> documents = {
      Named("openai embeddings"), Named("a"), Named("b b"), {.id = "none", .source = nullptr}};
  TextStatistics texts(documents);
  const FieldStatistics& field = texts.Of(FieldPath("name"));
  EXPECT_EQ(field.documents, 3U);
  EXPECT_EQ(field.words, 5U);
  EXPECT_EQ(field.documents_with.at("b"), 1U);
  EXPECT_EQ(&texts.Of(FieldPath("name")), &field);
}

// The score the peer answered for one of four names, of five words in all.
TEST(TextStatisticsTest, ScoresAsThePeer) {
  const std::vector<SearchDocument> documents = {Named("openai embeddings"), Named("a"), Named("b"), Named("c")};
  TextStatistics texts(documents);
  EXPECT_NEAR(TextStatistics::Bm25(texts.Of(FieldPath("name")), "openai", 1, 2), 0.4394061, 1e-6);
}

TEST(TextStatisticsTest, RareWordsAndShortFieldsScoreMore) {
  const FieldStatistics field{.documents = 10, .words = 40, .documents_with = {{"rare", 1}, {"common", 9}}};
  EXPECT_GT(TextStatistics::Bm25(field, "rare", 1, 4), TextStatistics::Bm25(field, "common", 1, 4));
  EXPECT_GT(TextStatistics::Bm25(field, "rare", 1, 2), TextStatistics::Bm25(field, "rare", 1, 8));
}

}  // namespace
}  // namespace mlnode::query
