#include "serving/pipelines/token_table.h"

#include <gmock/gmock.h>

#include <map>

namespace mlnode::serving {
namespace {

// Decodes each id to a text of the test.
class TableTokenizer final : public text::Tokenizer {
 public:
  explicit TableTokenizer(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  std::optional<std::size_t> FileMaxLength() const override { return std::nullopt; }
  Result<text::EncodeStats> Encode(std::span<const std::string_view>, std::size_t, TokenBatch&) const override {
    return text::EncodeStats();
  }
  Result<text::EncodeStats> EncodePairs(std::string_view, std::span<const std::string_view>, std::size_t,
                                        TokenBatch&) const override {
    return text::EncodeStats();
  }
  Result<text::PairChunks> EncodeChunks(std::string_view, std::string_view, const text::ChunkLimits&) const override {
    return text::PairChunks();
  }
  Result<std::string> Decode(std::span<const std::int64_t> ids) const override {
    return texts_.at(static_cast<std::size_t>(ids.front()));
  }
  Result<std::string> Token(std::int64_t id) const override { return texts_.at(static_cast<std::size_t>(id)); }
  Result<std::size_t> IdLimit() const override { return texts_.size(); }

 private:
  std::vector<std::string> texts_;
};

TokenTable Table() { return TokenTable::Make(TableTokenizer({"", "a", "b", "a", "\"q\"", "a"})).value(); }

std::string Words(std::vector<TokenWeight> weights) { return PrintWords(Table(), weights); }

TEST(TokenTableTest, KnowsTheTextOfEachId) {
  const TokenTable table = Table();
  EXPECT_EQ(table.size(), 6U);
  EXPECT_EQ(table.Text(0), "");
  EXPECT_EQ(table.Text(2), "b");
  EXPECT_EQ(table.Text(6), "");
  EXPECT_EQ(table.NextOfSameText(1), 3U);
  EXPECT_EQ(table.NextOfSameText(3), 5U);
  EXPECT_EQ(table.NextOfSameText(5), 0U);
}

TEST(TokenTableTest, TheLastIdOfATextWins) {
  EXPECT_EQ(Words({{1, 1}, {2, 2}, {3, 3}}), R"({"response":[{"b":2.0,"a":3.0}]})");
  EXPECT_EQ(Words({{1, 1}, {5, 5}}), R"({"response":[{"a":5.0}]})");
  EXPECT_EQ(Words({{1, 1}}), R"({"response":[{"a":1.0}]})");
}

TEST(TokenTableTest, WhatHasNoTextIsDropped) {
  EXPECT_EQ(Words({{0, 1}, {99, 1}}), R"({"response":[{}]})");
  EXPECT_EQ(Words({}), R"({"response":[{}]})");
}

TEST(TokenTableTest, TextsAreEscapedAndWeightsShortest) {
  EXPECT_EQ(Words({{4, 0.1F}}), R"({"response":[{"\"q\"":0.1}]})");
}

TEST(TokenTableTest, IdsDropNothing) {
  const std::vector<TokenWeight> weights = {{0, 1}, {3, 0.5F}, {99, -2}};
  EXPECT_EQ(PrintIds(weights), R"({"response":[{"0":1.0,"3":0.5,"99":-2.0}]})");
}

}  // namespace
}  // namespace mlnode::serving
