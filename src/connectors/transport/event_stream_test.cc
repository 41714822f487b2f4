#include "connectors/transport/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/transport/aws_event_decoder.h"

namespace mlnode::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EventStreamTest : public ::testing::Test {
 protected:
  void Use(std::string_view interface) {
    auto made = StreamDecoder::Make(interface);
    ASSERT_TRUE(made.has_value());
    decoder_ = std::move(made).value();
    chunks_.clear();
  }
  Status Feed(std::string_view text) {
    return decoder_->Feed(text, [this](const StreamChunk& chunk) { return Keep(chunk); });
  }
  Status End() {
    return decoder_->End([this](const StreamChunk& chunk) { return Keep(chunk); });
  }
  // The last chunk shows as "<last>".
  Status Keep(const StreamChunk& chunk) {
    chunks_.push_back(chunk.last ? "<last>" + chunk.content : chunk.content);
    return answer_;
  }
  // Fed in pieces of so many bytes.
  Status FeedInPieces(std::string_view text, std::size_t bytes) {
    while (!text.empty()) {
      const auto piece = text.substr(0, bytes);
      text.remove_prefix(piece.size());
      RETURN_IF_ERROR(Feed(piece));
    }
    return {};
  }

  std::unique_ptr<StreamDecoder> decoder_;
  std::vector<std::string> chunks_;
  Status answer_;
};

constexpr std::string_view kChat =
    ": a comment\n"
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
    "event: message\nid: 1\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hel\"},\"finish_reason\":null}]}\n\n"
    "data: {\"choices\":[{\"delta\":{\"content\":\"lo \xC3\xBC\"}}]}\r\n\r\n"
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n"
    "data: [DONE]\n\n";

TEST_F(EventStreamTest, ReadsAChatHoweverItIsCutUp) {
  for (const std::size_t bytes : {1UL, 2UL, 3UL, 7UL, 64UL, 10'000UL}) {
    Use("openai/v1/chat/completions");
    ASSERT_TRUE(FeedInPieces(kChat, bytes).has_value()) << bytes;
    ASSERT_TRUE(End().has_value());
    EXPECT_THAT(chunks_, ElementsAre("Hel", "lo \xC3\xBC", "<last>")) << bytes;
    EXPECT_EQ(decoder_->usage().input_tokens, 3U);
    EXPECT_EQ(decoder_->usage().output_tokens, 2U);
  }
}

TEST_F(EventStreamTest, EndsWithDoneAlone) {
  Use("openai/v1/chat/completions");
  EXPECT_TRUE(
      Feed("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}\n\n").has_value());
  EXPECT_THAT(chunks_, ElementsAre("a"));
  EXPECT_TRUE(Feed("data: [DONE]\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"late\"}}]}\n\n").has_value());
  EXPECT_THAT(chunks_, ElementsAre("a", "<last>"));
}

TEST_F(EventStreamTest, SaysThatItWasTheLastWhenTheProviderDoesNot) {
  Use("openai/v1/chat/completions");
  EXPECT_TRUE(Feed("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}").has_value());
  EXPECT_TRUE(chunks_.empty());
  EXPECT_TRUE(End().has_value());
  EXPECT_THAT(chunks_, ElementsAre("a", "<last>"));
  EXPECT_TRUE(End().has_value());
  EXPECT_EQ(chunks_.size(), 2U);
}

TEST_F(EventStreamTest, ACutEventIsTheProvidersFault) {
  Use("openai/v1/chat/completions");
  EXPECT_TRUE(Feed("data: {\"choices\":[{\"del").has_value());
  EXPECT_EQ(End().error().code, Code::kUpstream);
}

TEST_F(EventStreamTest, SendsToolCallsAsJson) {
  Use("openai/v1/chat/completions");
  EXPECT_TRUE(
      Feed("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\","
           "\"arguments\":\"{\\\"a\"}}]}}]}\n\n")
          .has_value());
  EXPECT_THAT(chunks_, ElementsAre(R"([{"index":0,"id":"c1","function":{"name":"f","arguments":"{\"a"}}])"));
}

TEST_F(EventStreamTest, PassesOnAnErrorEvent) {
  Use("openai/v1/chat/completions");
  const auto failed = Feed("data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Code::kUpstream);
  EXPECT_EQ(failed.error().message, "Error from remote service: overloaded");
}

TEST_F(EventStreamTest, RefusesWhatIsNoJson) {
  Use("openai/v1/chat/completions");
  EXPECT_EQ(Feed("data: <html>\n\n").error().code, Code::kUpstream);
  Use("openai/v1/chat/completions");
  EXPECT_EQ(Feed("data: [1]\n\n").error().code, Code::kUpstream);
}

TEST_F(EventStreamTest, BoundsAnEvent) {
  Use("openai/v1/chat/completions");
  const std::string piece(64 * 1024, 'x');
  Status taken = Feed("data: ");
  for (int i = 0; i < 17 && taken; ++i) taken = Feed(piece);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, Code::kTooLarge);
  Use("bedrock/converse/claude");
  const std::string large =
      EncodeAwsEvent("event", "contentBlockDelta", std::string(StreamDecoder::kMaxEventBytes, 'x'));
  EXPECT_EQ(Feed(large.substr(0, 100)).error().code, Code::kTooLarge);
}

TEST_F(EventStreamTest, StopsWithTheReadersError) {
  Use("openai/v1/chat/completions");
  answer_ = MakeError(Code::kCancelled, "enough");
  EXPECT_EQ(Feed(kChat).error().message, "enough");
  EXPECT_EQ(chunks_.size(), 1U);
}

std::string Converse() {
  return EncodeAwsEvent("event", "messageStart", R"({"p":"abc","role":"assistant"})") +
         EncodeAwsEvent("event", "contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hel"}})") +
         EncodeAwsEvent("event", "contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"lo"}})") +
         EncodeAwsEvent("event", "contentBlockStop", R"({"contentBlockIndex":0})") +
         EncodeAwsEvent("event", "contentBlockStart",
                        R"({"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}})") +
         EncodeAwsEvent("event", "contentBlockDelta", R"({"contentBlockIndex":1,"delta":{"toolUse":{"input":"{"}}})") +
         EncodeAwsEvent("event", "messageStop", R"({"stopReason":"end_turn"})") +
         EncodeAwsEvent("event", "metadata", R"({"usage":{"inputTokens":4,"outputTokens":5,"totalTokens":9}})");
}

TEST_F(EventStreamTest, ReadsConverseHoweverItIsCutUp) {
  for (const std::size_t bytes : {1UL, 5UL, 12UL, 100UL, 10'000UL}) {
    Use("bedrock/converse/claude");
    ASSERT_TRUE(FeedInPieces(Converse(), bytes).has_value()) << bytes;
    ASSERT_TRUE(End().has_value());
    EXPECT_THAT(chunks_, ElementsAre("Hel", "lo", R"({"toolUseId":"t1","name":"f"})", R"({"input":"{"})", "<last>"));
    EXPECT_EQ(decoder_->usage().input_tokens, 4U);
    EXPECT_EQ(decoder_->usage().output_tokens, 5U);
  }
}

std::string FromHex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// A message of known bytes, so that the encoder is not its own witness: made with Python's struct and zlib.crc32, with
// a header of every type that the format has.
TEST_F(EventStreamTest, ReadsAMessageOfKnownBytes) {
  Use("bedrock/converse/claude");
  const std::string known = FromHex(
      "000000c40000009df7097e8b0b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a636f6e74"
      "656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e7401"
      "6100016201016302050164030005016504000000050166050000000000000000016706000278790168080000000000000000"
      "016909111111111111111111111111111111117b2264656c7461223a7b2274657874223a224869227d7d60465226");
  ASSERT_TRUE(Feed(known).has_value());
  EXPECT_THAT(chunks_, ElementsAre("Hi"));
}

TEST_F(EventStreamTest, EveryFlippedBitIsNoticed) {
  const std::string good = EncodeAwsEvent("event", "contentBlockDelta", R"({"delta":{"text":"Hel"}})");
  for (std::size_t i = 0; i < good.size(); ++i) {
    Use("bedrock/converse/claude");
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_FALSE(Feed(bad).has_value() && End().has_value()) << "byte " << i;
    EXPECT_TRUE(chunks_.empty()) << "byte " << i;
  }
}

TEST_F(EventStreamTest, PassesOnAnException) {
  Use("bedrock/converse/claude");
  const auto failed = Feed(EncodeAwsEvent("exception", "throttlingException", R"({"message":"Too many requests"})"));
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Code::kUpstream);
  EXPECT_EQ(failed.error().message, "Error from remote service: throttlingException: Too many requests");
}

TEST_F(EventStreamTest, ACutMessageIsTheProvidersFault) {
  Use("bedrock/converse/claude");
  const std::string all = Converse();
  EXPECT_TRUE(Feed(std::string_view(all).substr(0, 40)).has_value());
  EXPECT_EQ(End().error().code, Code::kUpstream);
}

TEST_F(EventStreamTest, KnowsTwoInterfaces) {
  const auto made = StreamDecoder::Make("anthropic/v1/messages");
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  EXPECT_EQ(made.error().message, "Unsupported llm interface: anthropic/v1/messages");
}

}  // namespace
}  // namespace mlnode::connectors
