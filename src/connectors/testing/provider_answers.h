// connectors/testing/provider_answers.h: what model providers answer, in their wire formats: OpenAI (embeddings, chat,
// streamed chat), Cohere (embed v1 and v2, rerank), Amazon Bedrock (InvokeModel of Titan, Nova, Cohere and Claude,
// rerank, Converse and ConverseStream). The same request gives the same answer. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mlnode::connectors {

struct ProviderAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::string> pieces;  // several: a stream, sent with chunked coding, a chunk each
};

// `path` without a query. 404 and 400 as the providers' error objects.
ProviderAnswer AnswerAsProvider(std::string_view path, std::string_view body);

// Four numbers that tell texts apart, the first one the text's length.
std::vector<double> EmbeddingOf(std::string_view text);

}  // namespace mlnode::connectors
