// libFuzzer entry point (build with -DMLNODE_FUZZ=ON); tokenizer_fuzz_test.cc replays it with fixed mutations.
// First byte even: the rest is a tokenizer.json. Odd: the rest is a text, alone and as either part of a pair, for a
// tokenizer that stays the same.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "text/tokenizer.h"

namespace {
using mlnode::TokenBatch;
using mlnode::text::Tokenizer;

void Require(bool holds) {
  if (!holds) std::abort();
}

const Tokenizer& FixedTokenizer() {
  static const auto tokenizer = [] {
    std::ifstream file(MLNODE_TEST_DATA "/wordpiece_tokenizer.json", std::ios::binary);
    return Tokenizer::Load(std::string(std::istreambuf_iterator<char>(file), {})).value();
  }();
  return *tokenizer;
}

void CheckEncode(const Tokenizer& tokenizer, std::string_view text) {
  TokenBatch batch;
  const std::string_view texts[] = {text, "the cat sat"};
  constexpr std::size_t kMaxTokens = 8;
  if (!tokenizer.Encode(texts, kMaxTokens, batch)) {
    Require(batch.ids.empty() && batch.offsets.size() == 1);
    return;
  }
  Require(batch.sequences() == 2 && batch.offsets.back() == batch.ids.size());
  for (std::size_t i = 0; i < 2; ++i) Require(batch.Length(i) >= 1 && batch.Length(i) <= kMaxTokens);
  (void)tokenizer.Decode(batch.ids);
}

void CheckPairs(const Tokenizer& tokenizer, std::string_view text) {
  TokenBatch batch;
  const std::string_view texts[] = {text, "the cat sat"};
  constexpr std::size_t kMaxTokens = 8;
  if (tokenizer.EncodePairs(text, texts, kMaxTokens, batch)) {
    Require(batch.sequences() == 2 && batch.Length(0) <= kMaxTokens && batch.Length(1) <= kMaxTokens);
  } else {
    Require(batch.ids.empty());
  }
  const auto chunks = tokenizer.EncodeChunks("the cat", text, {.max_tokens = kMaxTokens, .stride = 1});
  if (!chunks) return;
  Require(chunks->batch.sequences() >= 1 && chunks->origins.size() == chunks->batch.tokens());
  for (std::size_t i = 0; i < chunks->batch.sequences(); ++i) Require(chunks->batch.Length(i) <= kMaxTokens);
  for (const auto& origin : chunks->origins) Require(origin.word >= -1);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1) {
    CheckEncode(FixedTokenizer(), rest);
    CheckPairs(FixedTokenizer(), rest);
  } else if (const auto tokenizer = Tokenizer::Load(rest)) {
    CheckEncode(**tokenizer, "the running cats, 猫 and dogs");
    CheckPairs(**tokenizer, "the running cats, 猫 and dogs");
    (void)(*tokenizer)->Token(7);
    (void)(*tokenizer)->IdLimit();
  }
  return 0;
}
