// text/tokenizer.h: a Hugging Face tokenizer.json, through the `tokenizers` crate behind a C ABI (native/).
// Only tokenizer.json is read. Padding in the file is ignored; truncation is `max_tokens`, longest first
// (spec/predict-local §6). Threads: const functions from any thread at once. Cost: about 50 microseconds for a text of
// 40 tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/tensor.h"

namespace mlnode::text {

struct EncodeStats {
  std::size_t tokens = 0;     // after truncation
  std::size_t truncated = 0;  // texts that were cut
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
  // Text of ids, special tokens and ids beyond the vocabulary skipped. kInvalidArgument names a value that no id can
  // have.
  virtual Result<std::string> Decode(std::span<const std::int64_t> ids) const = 0;
};

}  // namespace mlnode::text
