#include "connectors/transport/usage.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::connectors {
namespace {

Usage Of(std::string body, int status = 200, const std::string& header = {}) {
  net::ClientReply reply;
  reply.status = status;
  reply.body = std::move(body);
  if (!header.empty()) reply.headers.Add(header, "7");
  return UsageOf(reply);
}

Usage Tokens(std::uint64_t input, std::uint64_t output) {
  return {.calls = 1, .documents = 0, .input_tokens = input, .output_tokens = output};
}

TEST(UsageTest, ReadsOpenAi) {
  EXPECT_EQ(Of(R"({"data":[{"embedding":[1,2]}],"usage":{"prompt_tokens":5,"total_tokens":5}})"), Tokens(5, 0));
  EXPECT_EQ(Of(R"({"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}})"), Tokens(9, 12));
  EXPECT_EQ(Of(R"({"usage":{"prompt_tokens":9,"total_tokens":21}})"), Tokens(9, 12));
  EXPECT_EQ(Of(R"({"usage":{"total_tokens":21}})"), Tokens(21, 0));
}

TEST(UsageTest, ReadsBedrock) {
  EXPECT_EQ(Of(R"({"embedding":[0.5],"inputTextTokenCount":3})"), Tokens(3, 0));
  EXPECT_EQ(Of(R"({"inputTextTokenCount":3,"results":[{"tokenCount":4},{"tokenCount":5}]})"), Tokens(3, 9));
  EXPECT_EQ(Of(R"({"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7}})"), Tokens(3, 4));
  EXPECT_EQ(Of(R"({"usage":{"input_tokens":3,"output_tokens":4}})"), Tokens(3, 4));
  EXPECT_EQ(Of(R"({"prompt_token_count":3,"generation_token_count":4})"), Tokens(3, 4));
  EXPECT_EQ(Of(R"({"embeddings":[[1]]})", 200, "X-Amzn-Bedrock-Input-Token-Count"), Tokens(7, 0));
  EXPECT_EQ(Of(R"({"embeddings":[[1]]})", 200, "X-Amzn-Bedrock-Output-Token-Count"), Tokens(0, 7));
}

TEST(UsageTest, ReadsCohereAndGemini) {
  EXPECT_EQ(Of(R"({"embeddings":[[1]],"meta":{"api_version":{"version":"1"},"billed_units":{"input_tokens":2}}})"),
            Tokens(2, 0));
  EXPECT_EQ(Of(R"({"meta":{"billed_units":{"search_units":1}}})"), Tokens(0, 0));
  EXPECT_EQ(Of(R"({"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":3}})"), Tokens(2, 3));
}

TEST(UsageTest, CountsTheCallWhateverTheBodyIs) {
  for (const char* body :
       {"", "null", "[1,2]", "{\"usage\":", "{\"usage\":{\"prompt_tokens\":-1}}", "plain text", "{\"usage\":3}",
        "{\"usage\":{\"prompt_tokens\":\"5\"}}", "{\"meta\":{}}", "{\"results\":1}"}) {
    EXPECT_EQ(Of(body), Tokens(0, 0)) << body;
  }
}

TEST(UsageTest, AnErrorIsNoCall) { EXPECT_EQ(Of(R"({"usage":{"prompt_tokens":5}})", 429), Usage()); }

TEST(UsageTest, SkipsALongBody) {
  std::string body = "{\"results\":[";
  for (int i = 0; i < 100'000; ++i) body += "{\"tokenCount\":1},";
  body += "1],\"usage\":{\"prompt_tokens\":5}}";
  EXPECT_EQ(Of(body), Tokens(5, 0));
}

TEST(UsageTest, Adds) {
  Usage sum{.calls = 1, .documents = 2, .input_tokens = 3, .output_tokens = 4};
  sum += Usage{.calls = 10, .documents = 20, .input_tokens = 30, .output_tokens = 40};
  EXPECT_EQ(sum, (Usage{.calls = 11, .documents = 22, .input_tokens = 33, .output_tokens = 44}));
}

}  // namespace
}  // namespace mlnode::connectors
