// text/tokenizer.h: a Hugging Face tokenizer.json, through the `tokenizers` crate behind a C ABI (native/).
// Only tokenizer.json is read. Padding in the file is ignored; truncation is `max_tokens`, longest first
// (spec/predict-local §6). Threads: const functions from any thread at once. Cost: about 50 microseconds for a text of
// 40 tokens.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/tensor.h"

namespace mlnode::text {

struct EncodeStats {
  std::size_t tokens = 0;     // after truncation
  std::size_t truncated = 0;  // texts that were cut
};

// Where a token of a pair comes from.
struct TokenOrigin {
  enum class Text : std::int8_t { kSpecial = -1, kFirst = 0, kSecond = 1 };
  Text text = Text::kSpecial;
  std::int64_t word = -1;  // of that text, as the tokenizer divides it (punctuation apart), from 0; -1: of none
};

// A pair that is longer than a model takes, in pieces.
struct PairChunks {
  TokenBatch batch;                  // a sequence a piece: all of the first text, and a part of the second
  std::vector<TokenOrigin> origins;  // as long as batch.ids
  bool cut = false;                  // max_pieces left something of the second text out
};
struct ChunkLimits {
  std::size_t max_tokens = 512;  // of a piece, special tokens included
  std::size_t stride = 128;      // tokens of the second text that neighbouring pieces share
  // Of all pieces, each counted as max_tokens. 65 bytes each at the peak; a tenth of the queue's limit.
  std::size_t max_total_tokens = 200'000;
  std::size_t max_pieces = std::numeric_limits<std::size_t>::max();  // later ones are not made; at least 1
};

class Tokenizer {
 public:
  // `content` is the text of tokenizer.json. kInvalidArgument with the parser's message.
  static Result<std::unique_ptr<Tokenizer>> Load(std::string_view content);
  virtual ~Tokenizer() = default;
  // truncation.max_length of the file, if any.
  virtual std::optional<std::size_t> FileMaxLength() const = 0;
  // Appends one sequence per text, special tokens added, cut to max_tokens (>= 8). type_ids are appended when a
  // sequence has any that is not 0. On an error `out` is as it was. kInvalidArgument names the index of a text that is
  // not UTF-8 or that gives no token at all (empty text and a tokenizer without special tokens), or says that
  // max_tokens has no room beside the special tokens. kInternal: the crate failed.
  virtual Result<EncodeStats> Encode(std::span<const std::string_view> texts, std::size_t max_tokens,
                                     TokenBatch& out) const = 0;
  // As Encode, of the pairs (first, seconds[i]): longest first means that a token goes from the longer of the two while
  // the pair is too long. An error about `first` does not name an index.
  virtual Result<EncodeStats> EncodePairs(std::string_view first, std::span<const std::string_view> seconds,
                                          std::size_t max_tokens, TokenBatch& out) const = 0;
  // The pair in as many pieces as it takes, at least one. kInvalidArgument: not UTF-8 (which text is named), or `first`
  // leaves no more than `stride` tokens for the second text. kTooLarge: the pieces, counted before any is made, are
  // beyond max_total_tokens; names the second text's tokens and the limit.
  virtual Result<PairChunks> EncodeChunks(std::string_view first, std::string_view second,
                                          const ChunkLimits& limits) const = 0;
  // Text of ids, special tokens and ids beyond the vocabulary skipped. kInvalidArgument names a value that no id can
  // have.
  virtual Result<std::string> Decode(std::span<const std::int64_t> ids) const = 0;
  // The vocabulary's own text of an id ("##ing", "[SEP]"); empty for an id it does not know. Errors as Decode.
  virtual Result<std::string> Token(std::int64_t id) const = 0;
  // One more than the largest id there is, special tokens included. Goes through the whole vocabulary.
  virtual Result<std::size_t> IdLimit() const = 0;
};

}  // namespace mlnode::text
