// cli/bench_texts.h: the texts that `mlnode bench` sends, and the request bodies made of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace mlnode::cli {

// English texts of one to six sentences, the same in every version, so that runs can be compared. With the tokenizer of
// all-MiniLM-L6-v2 they have 10 to 121 tokens, 38 on average.
std::vector<std::string> BuiltInTexts();

// The texts of a file: a JSON array of strings, or else its lines, empty ones left out. Errors: kNotFound,
// kInvalidArgument (no text, an array that holds something else; the index is named), kTooLarge (kMaxTextsFileBytes).
Result<std::vector<std::string>> ReadTexts(const std::string& file);
inline constexpr std::uint64_t kMaxTextsFileBytes = 1ULL << 30U;

// {"text_docs":[...]} with `documents` texts each. Body k begins with text k * documents, counted round and round;
// there are as many bodies as it takes for each text to have been in one: so every run sends the same sequence.
// Preconditions: texts not empty, documents >= 1.
std::vector<std::string> MakeBodies(const std::vector<std::string>& texts, std::size_t documents);

}  // namespace mlnode::cli
