// Replays the fuzz entry point: mutations of the test tokenizers and of texts, from a fixed seed.
#include <gtest/gtest.h>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {
constexpr int kRounds = 2000;  // about a second

std::string ReadData(const std::string& name) {
  std::ifstream file(std::string(MLNODE_TEST_DATA) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Mutator {
 public:
  std::string operator()(std::string text) {
    for (std::size_t i = 0, edits = 1 + Below(4); i < edits && !text.empty(); ++i) EditOnce(text);
    return text;
  }

 private:
  std::size_t Below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  void EditOnce(std::string& text) {
    const std::size_t at = Below(text.size());
    switch (Below(4)) {
      case 0:
        text[at] = static_cast<char>(Below(256));
        break;
      case 1:
        text.erase(at, 1 + Below(8));
        break;
      case 2:
        text.insert(at, text, Below(text.size()), Below(40));
        break;
      default: {  // numbers and names are where a tokenizer.json goes wrong while it stays JSON
        const std::size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) text[digit] = static_cast<char>('0' + Below(10));
      }
    }
  }
  std::mt19937_64 random_{7};
};

void Replay(char kind, const std::string& seed) {
  Mutator mutate;
  for (int i = 0; i < kRounds; ++i) {
    const std::string input = kind + mutate(seed);
    EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()), 0);
  }
}

TEST(TokenizerFuzzTest, SurvivesMutatedTokenizerFiles) {
  Replay(0, ReadData("wordpiece_tokenizer.json"));
  Replay(0, ReadData("byte_bpe_tokenizer.json"));
}

TEST(TokenizerFuzzTest, SurvivesMutatedTexts) {
  Replay(1, "The cats sat on the mat, running 猫 Köln \xf0\x9f\x90\x88!");
}

TEST(TokenizerFuzzTest, SurvivesDeepNesting) {
  Replay(0, std::string(20'000, '['));
  std::string nested = R"({"version":"1.0","model":{"type":"WordPiece","vocab":{"[UNK]":0}},"normalizer":)";
  for (int i = 0; i < 5'000; ++i) nested += R"({"type":"Sequence","normalizers":[)";
  Replay(0, nested);
}

}  // namespace
