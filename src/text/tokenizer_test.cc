#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "core/executor.h"

namespace mlnode::text {
namespace {
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ReadData(const std::string& name) {
  std::ifstream file(std::string(MLNODE_TEST_DATA) + "/" + name, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::unique_ptr<Tokenizer> LoadData(const std::string& name) { return Tokenizer::Load(ReadData(name)).value(); }

// The expected ids are what `tokenizers` in Python gives for the same files.
class TokenizerTest : public ::testing::Test {
 protected:
  Result<EncodeStats> Encode(std::vector<std::string_view> texts, std::size_t max_tokens = 512) {
    return tokenizer_->Encode(texts, max_tokens, batch_);
  }
  std::unique_ptr<Tokenizer> tokenizer_ = LoadData("wordpiece_tokenizer.json");
  TokenBatch batch_;
};

TEST_F(TokenizerTest, EncodesKnownIdsWithoutTheFilesPadding) {
  const auto stats = Encode({"The cats sat on the mat.", "running 猫 Köln xyz", "abc, cab!"});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->tokens, 28u);
  EXPECT_EQ(stats->truncated, 0u);
  EXPECT_THAT(batch_.offsets, ElementsAre(0, 10, 18, 28));
  EXPECT_THAT(batch_.Ids(0), ElementsAre(2, 5, 6, 11, 7, 8, 5, 9, 22, 3));
  EXPECT_THAT(batch_.Ids(1), ElementsAre(2, 13, 14, 12, 25, 24, 1, 3));
  EXPECT_THAT(batch_.Ids(2), ElementsAre(2, 15, 19, 20, 21, 17, 18, 19, 23, 3));
  EXPECT_THAT(batch_.type_ids, IsEmpty());
}

TEST_F(TokenizerTest, AppendsToWhatTheBatchHolds) {
  ASSERT_TRUE(Encode({"cat"}));
  ASSERT_TRUE(Encode({"dog", "mat"}));
  EXPECT_THAT(batch_.offsets, ElementsAre(0, 3, 6, 9));
  EXPECT_THAT(batch_.ids, ElementsAre(2, 6, 3, 2, 10, 3, 2, 9, 3));
}

TEST_F(TokenizerTest, TruncationKeepsSpecialTokensAndCountsTexts) {
  const auto stats = Encode({"the cat sat on the mat, the dogs running", "the cat sat on the mat"}, 8);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->truncated, 1u);
  EXPECT_THAT(batch_.Ids(0), ElementsAre(2, 5, 6, 7, 8, 5, 9, 3));
  EXPECT_THAT(batch_.Ids(1), ElementsAre(2, 5, 6, 7, 8, 5, 9, 3));
}

TEST_F(TokenizerTest, TheFilesTruncationIsOnlyReported) {
  EXPECT_EQ(tokenizer_->FileMaxLength(), 16u);
  EXPECT_EQ(LoadData("byte_bpe_tokenizer.json")->FileMaxLength(), std::nullopt);
  const std::string_view text = "cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat cat";
  ASSERT_TRUE(Encode({text}));
  EXPECT_EQ(batch_.Length(0), 22u);
}

TEST_F(TokenizerTest, LimitBelowTheSpecialTokensIsInvalid) {
  const auto stats = Encode({"cat"}, 2);
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kInvalidArgument);
  EXPECT_THAT(stats.error().message, HasSubstr("a limit of 2 tokens leaves no room beside 2 special tokens"));
}

TEST_F(TokenizerTest, NonUtf8NamesTheIndexAndLeavesTheBatchAlone) {
  const auto stats = Encode({"cat", "do\xff"});
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kInvalidArgument);
  EXPECT_EQ(stats.error().message, "text 1 is not UTF-8 at byte 2");
  EXPECT_EQ(batch_.sequences(), 0u);
  EXPECT_THAT(batch_.ids, IsEmpty());
}

TEST_F(TokenizerTest, EmptyTextIsTheSpecialTokens) {
  ASSERT_TRUE(Encode({"", "  \n"}));
  EXPECT_THAT(batch_.ids, ElementsAre(2, 3, 2, 3));
}

TEST_F(TokenizerTest, TextWithoutAnyTokenNamesTheIndex) {
  tokenizer_ = LoadData("byte_bpe_tokenizer.json");
  const auto stats = Encode({"cat cat", ""});
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kInvalidArgument);
  EXPECT_THAT(stats.error().message, HasSubstr("text 1 has no tokens"));
  EXPECT_EQ(batch_.sequences(), 0u);
}

TEST_F(TokenizerTest, NoTextsIsAnEmptyBatch) {
  const auto stats = Encode({});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->tokens, 0u);
  EXPECT_EQ(batch_.sequences(), 0u);
}

TEST_F(TokenizerTest, MegabyteTextIsCut) {
  std::string text;
  while (text.size() < 1 << 20) text += "the cat sat on the mat ";
  const std::string one_word(1 << 20, 'a');
  const auto stats = Encode({text, one_word}, 512);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->truncated, 1u);
  EXPECT_EQ(batch_.Length(0), 512u);
  EXPECT_EQ(batch_.Ids(0).back(), 3);
  EXPECT_THAT(batch_.Ids(1), ElementsAre(2, 1, 3));  // a word beyond 100 characters is unknown
}

TEST_F(TokenizerTest, TypeIdsAppearWithTheFirstThatIsNotZero) {
  ASSERT_TRUE(Encode({"cat"}));
  std::string content = ReadData("wordpiece_tokenizer.json");
  const std::string zero = R"("id":"A","type_id":0)";
  content.replace(content.find(zero), zero.size(), R"("id":"A","type_id":1)");
  const auto typed = Tokenizer::Load(content).value();
  ASSERT_TRUE(typed->Encode(std::vector<std::string_view>{"cat"}, 512, batch_));
  ASSERT_TRUE(Encode({"mat"}));
  EXPECT_THAT(batch_.type_ids, ElementsAre(0, 0, 0, 0, 1, 0, 0, 0, 0));
  EXPECT_EQ(batch_.type_ids.size(), batch_.ids.size());
}

TEST_F(TokenizerTest, DecodeSkipsSpecialAndUnknownIds) {
  EXPECT_EQ(tokenizer_->Decode(std::vector<std::int64_t>{2, 5, 6, 11, 3, 999}).value(), "the cats");
  EXPECT_EQ(tokenizer_->Decode({}).value(), "");
  EXPECT_EQ(LoadData("byte_bpe_tokenizer.json")->Decode(std::vector<std::int64_t>{257, 258, 195, 169}).value(),
            "cat caté");
}

TEST_F(TokenizerTest, DecodeNamesAValueThatIsNoId) {
  const auto text = tokenizer_->Decode(std::vector<std::int64_t>{5, -1});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kInvalidArgument);
  EXPECT_EQ(text.error().message, "-1 is not a token id");
}

TEST_F(TokenizerTest, PairsHaveBothTextsAndTheirTypes) {
  const auto stats = tokenizer_->EncodePairs("the cat", std::vector<std::string_view>{"dog", ""}, 512, batch_);
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_THAT(batch_.Ids(0), ElementsAre(2, 5, 6, 3, 10, 3));
  EXPECT_THAT(batch_.Ids(1), ElementsAre(2, 5, 6, 3, 3));
  EXPECT_THAT(batch_.type_ids, ElementsAre(0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1));
  EXPECT_EQ(stats->tokens, 11u);
  EXPECT_EQ(stats->truncated, 0u);
}

// 8 tokens, 3 of them special: 5 for both texts.
TEST_F(TokenizerTest, PairsAreCutLongestFirst) {
  const std::string_view longer = "cat cat cat cat cat cat";
  const auto stats = tokenizer_->EncodePairs("dog", std::vector<std::string_view>{longer, "the"}, 8, batch_);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->truncated, 1u);
  EXPECT_THAT(batch_.Ids(0), ElementsAre(2, 10, 3, 6, 6, 6, 6, 3));
  EXPECT_THAT(batch_.Ids(1), ElementsAre(2, 10, 3, 5, 3));
  TokenBatch both;
  ASSERT_TRUE(tokenizer_->EncodePairs(longer, std::vector<std::string_view>{longer}, 8, both));
  EXPECT_THAT(both.ids, ElementsAre(2, 6, 6, 3, 6, 6, 6, 3));
}

std::string Cats(std::size_t words) {
  std::string text;
  for (std::size_t i = 0; i < words; ++i) text += "cat ";
  return text;
}

// Of the room for both texts (3 special tokens): the shorter text keeps up to half, rounded down; equal ones count the
// first as the shorter.
TEST_F(TokenizerTest, PairsOfAllLengthsAreCutTheSameWay) {
  std::mt19937 random(5);  // NOLINT: a fixed sequence is wanted
  for (int round = 0; round < 300; ++round) {
    const std::size_t first = random() % 40;
    const std::vector<std::size_t> lengths = {random() % 40, random() % 40, first};
    const std::size_t room = 5 + random() % 30;
    const std::vector<std::string> texts = {Cats(lengths[0]), Cats(lengths[1]), Cats(lengths[2])};
    TokenBatch batch;
    ASSERT_TRUE(tokenizer_->EncodePairs(Cats(first), std::vector<std::string_view>(texts.begin(), texts.end()),
                                        room + 3, batch));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::size_t both = std::min(first + lengths[i], room);
      const std::size_t shorter = std::min({first, lengths[i], first + lengths[i] > room ? room / 2 : room});
      const std::size_t kept = first <= lengths[i] ? shorter : both - shorter;
      ASSERT_EQ(batch.Length(i), both + 3) << first << "+" << lengths[i] << " in " << room;
      ASSERT_EQ(batch.Ids(i)[kept + 1], 3) << first << "+" << lengths[i] << " in " << room;
    }
  }
}

TEST_F(TokenizerTest, PairsAreCutAtTheSideTheFileNames) {
  std::string content = ReadData("wordpiece_tokenizer.json");
  const std::string right = R"("direction":"Right")";
  ASSERT_NE(content.find(right), std::string::npos);
  content.replace(content.find(right), right.size(), R"("direction":"Left")");
  const auto left = Tokenizer::Load(content).value();
  ASSERT_TRUE(left->EncodePairs("the cat sat on", std::vector<std::string_view>{"the mat", "dog the mat"}, 8, batch_));
  EXPECT_THAT(batch_.Ids(0), ElementsAre(2, 6, 7, 8, 3, 5, 9, 3));
}

TEST_F(TokenizerTest, PairsNameTheTextThatIsNotUtf8) {
  const auto second = tokenizer_->EncodePairs("cat", std::vector<std::string_view>{"cat", "\xff"}, 512, batch_);
  EXPECT_EQ(second.error().message, "text 1 is not UTF-8 at byte 0");
  const auto first = tokenizer_->EncodePairs("c\xff", std::vector<std::string_view>{"cat"}, 512, batch_);
  EXPECT_EQ(first.error().code, Code::kInvalidArgument);
  EXPECT_EQ(first.error().message, "the first text is not UTF-8 at byte 1");
  EXPECT_EQ(batch_.sequences(), 0u);
}

TEST_F(TokenizerTest, ChunksOverlapAndSayWhereTokensComeFrom) {
  using Text = TokenOrigin::Text;
  // Room for 3 tokens of the second text, one of them shared.
  const auto chunks = tokenizer_->EncodeChunks("the dog", "cat sat on the mat", {.max_tokens = 8, .stride = 1});
  ASSERT_TRUE(chunks) << chunks.error().message;
  ASSERT_EQ(chunks->batch.sequences(), 2u);
  EXPECT_THAT(chunks->batch.Ids(0), ElementsAre(2, 5, 10, 3, 6, 7, 8, 3));
  EXPECT_THAT(chunks->batch.Ids(1), ElementsAre(2, 5, 10, 3, 8, 5, 9, 3));
  ASSERT_EQ(chunks->origins.size(), 16u);
  EXPECT_EQ(chunks->origins[0].text, Text::kSpecial);
  EXPECT_EQ(chunks->origins[2].text, Text::kFirst);
  EXPECT_EQ(chunks->origins[2].word, 1);
  EXPECT_EQ(chunks->origins[3].text, Text::kSpecial);
  EXPECT_EQ(chunks->origins[3].word, -1);
  EXPECT_EQ(chunks->origins[14].text, Text::kSecond);  // "mat"
  EXPECT_EQ(chunks->origins[14].word, 4);
}

TEST_F(TokenizerTest, WordsCountPunctuationAndNotThePiecesOfAWord) {
  const auto chunks = tokenizer_->EncodeChunks("cat", "cats, the running", {});
  ASSERT_TRUE(chunks);
  ASSERT_EQ(chunks->batch.sequences(), 1u);
  std::vector<std::int64_t> words;
  for (const TokenOrigin& origin : chunks->origins) words.push_back(origin.word);
  EXPECT_THAT(words, ElementsAre(-1, 0, -1, 0, 0, 1, 2, 3, 3, 3, -1));  // cat ##s , the run ##n ##ing
  EXPECT_EQ(chunks->origins[1].text, TokenOrigin::Text::kFirst);
  EXPECT_EQ(chunks->origins[3].text, TokenOrigin::Text::kSecond);
}

TEST_F(TokenizerTest, FirstTextThatLeavesNoRoomForChunksIsInvalid) {
  const auto chunks = tokenizer_->EncodeChunks("the cat sat", "on the mat", {.max_tokens = 8, .stride = 2});
  ASSERT_FALSE(chunks);
  EXPECT_EQ(chunks.error().code, Code::kInvalidArgument);
  EXPECT_THAT(chunks.error().message, HasSubstr("the first text has 3 tokens; of a limit of 8 that leaves 2"));
}

// Pieces of 2, 3 and 4 tokens that share one: each token is there, in order, and none is left out.
TEST_F(TokenizerTest, ChunksHoldAllOfTheSecondText) {
  for (const std::size_t max_tokens : {8U, 9U, 10U}) {
    for (std::size_t words = 0; words < 20; ++words) {
      const auto chunks = tokenizer_->EncodeChunks("the cat sat", Cats(words), {.max_tokens = max_tokens, .stride = 1});
      ASSERT_TRUE(chunks) << chunks.error().message;
      std::int64_t next = 0;
      for (std::size_t i = 0; i < chunks->batch.tokens(); ++i) {
        const TokenOrigin& origin = chunks->origins[i];
        if (origin.text == TokenOrigin::Text::kSecond && origin.word == next) ++next;
      }
      EXPECT_EQ(next, static_cast<std::int64_t>(words)) << "in pieces of " << max_tokens;
      const std::size_t step = max_tokens - 7;
      const std::size_t pieces = words <= step + 1 ? 1 : 1 + (words - 1 - 1) / step;
      EXPECT_EQ(chunks->batch.sequences(), pieces) << words << " words in pieces of " << max_tokens;
      EXPECT_FALSE(chunks->cut);
    }
  }
}

// Room for one more token a piece: a piece a token, which is what the limit is for.
TEST_F(TokenizerTest, ChunksBeyondTheLimitAreRefusedBeforeTheyAreMade) {
  const std::string dots(1 << 20, '.');
  const auto refused = tokenizer_->EncodeChunks(Cats(508), dots, {.max_tokens = 512, .stride = 0});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_EQ(refused.error().message,
            "the second text has 1048576 tokens, which are 1048576 pieces of up to 512 tokens with the first text; the "
            "limit is 200000 tokens in all");
  ChunkLimits limits{.max_tokens = 8, .stride = 1, .max_total_tokens = 24};
  EXPECT_EQ(tokenizer_->EncodeChunks("the dog", Cats(7), limits)->batch.sequences(), 3U);
  EXPECT_EQ(tokenizer_->EncodeChunks("the dog", Cats(8), limits).error().code, Code::kTooLarge);
}

TEST_F(TokenizerTest, ChunksThatNobodyReadsAreNotMade) {
  ChunkLimits limits{.max_tokens = 8, .stride = 1, .max_total_tokens = 8, .max_pieces = 1};
  const auto first = tokenizer_->EncodeChunks("the dog", "cat sat on the mat", limits);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_THAT(first->batch.offsets, ElementsAre(0, 8));
  EXPECT_THAT(first->batch.ids, ElementsAre(2, 5, 10, 3, 6, 7, 8, 3));
  EXPECT_TRUE(first->cut);
  EXPECT_FALSE(tokenizer_->EncodeChunks("the dog", "cat sat on", limits)->cut);
}

TEST_F(TokenizerTest, TokensAreTheVocabularysOwnText) {
  EXPECT_EQ(tokenizer_->Token(11).value(), "##s");
  EXPECT_EQ(tokenizer_->Token(3).value(), "[SEP]");
  EXPECT_EQ(tokenizer_->Token(999).value(), "");
  EXPECT_EQ(tokenizer_->Token(-1).error().code, Code::kInvalidArgument);
}

TEST_F(TokenizerTest, IdLimitIsBehindTheLastToken) {
  const std::size_t limit = tokenizer_->IdLimit().value();
  EXPECT_NE(tokenizer_->Token(static_cast<std::int64_t>(limit) - 1).value(), "");
  EXPECT_EQ(tokenizer_->Token(static_cast<std::int64_t>(limit)).value(), "");
}

TEST_F(TokenizerTest, ThreadsShareOneTokenizer) {
  std::vector<TokenBatch> batches(4);
  ThreadPool callers({.name = "callers", .threads = 4});
  for (TokenBatch& batch : batches) {
    ASSERT_TRUE(callers.Post([this, &batch] {
      for (int i = 0; i < 200; ++i) {
        (void)tokenizer_->Encode(std::vector<std::string_view>{"the cats", "running"}, 512, batch);
      }
    }));
  }
  callers.Stop();
  EXPECT_EQ(batches[0].sequences(), 400u);
  for (const TokenBatch& batch : batches) EXPECT_EQ(batch.ids, batches[0].ids);
}

class BadTokenizerTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BadTokenizerTest, IsInvalidWithTheParsersMessage) {
  const auto tokenizer = Tokenizer::Load(GetParam());
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, Code::kInvalidArgument);
  EXPECT_THAT(tokenizer.error().message, ::testing::StartsWith("tokenizer.json: "));
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, BadTokenizerTest,
                         ::testing::Values("", "{", "[]", "null", R"({"version":"1.0"})", "\xff\xfe",
                                           R"({"version":"9","model":{"type":"WordPiece","vocab":{}}})",
                                           R"({"version":"1.0","model":{"type":"Nonsense","vocab":{}}})"));

TEST(TokenizerLoadTest, CutFileIsInvalid) {
  const std::string content = ReadData("wordpiece_tokenizer.json");
  const auto tokenizer = Tokenizer::Load(std::string_view(content).substr(0, content.size() / 2));
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, Code::kInvalidArgument);
  EXPECT_THAT(tokenizer.error().message, HasSubstr("line 1"));
}

}  // namespace
}  // namespace mlnode::text
