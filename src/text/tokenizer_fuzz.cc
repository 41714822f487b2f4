// libFuzzer entry point (build with -DMLNODE_FUZZ=ON); tokenizer_fuzz_test.cc replays it with fixed mutations.
// First byte even: the rest is a tokenizer.json. Odd: the rest is a text for a tokenizer that stays the same.
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
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1) {
    CheckEncode(FixedTokenizer(), rest);
  } else if (const auto tokenizer = Tokenizer::Load(rest)) {
    CheckEncode(**tokenizer, "the running cats, 猫 and dogs");
  }
  return 0;
}
