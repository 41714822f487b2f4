// serving/pipelines/token_table.h: the text of every token id as sparse vectors name it: decoded alone, special tokens
// skipped (spec/predict-local §8). Made once a model; threads: any. Memory: the texts, and 8 bytes an id.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "text/tokenizer.h"

namespace mlnode::serving {

// One token of a sparse vector.
struct TokenWeight {
  std::uint32_t id;
  float weight;
};

class TokenTable {
 public:
  // Decodes the whole vocabulary: about a microsecond an id. kTooLarge: more than 4,000,000 ids.
  static Result<TokenTable> Make(const text::Tokenizer& tokenizer);

  std::size_t size() const { return begins_.size() - 1; }
  // Empty for special tokens, for what decodes to nothing, and beyond the vocabulary.
  std::string_view Text(std::uint32_t id) const;
  // The next larger id of the same text; 0: none.
  std::uint32_t NextOfSameText(std::uint32_t id) const { return id < next_.size() ? next_[id] : 0; }

 private:
  TokenTable() = default;
  std::string texts_;
  std::vector<std::uint32_t> begins_;  // of id i in texts_; one more than there are ids
  std::vector<std::uint32_t> next_;
};

// {"response":[{"<text>":<weight>, ...}]} as JSON text: tokens without text are dropped, and of those that share one
// the last id wins. `weights` by ascending id, finite.
std::string PrintWords(const TokenTable& table, std::span<const TokenWeight> weights);
// The same with the id's decimal as key; nothing is dropped. In the order given.
std::string PrintIds(std::span<const TokenWeight> weights);

}  // namespace mlnode::serving
