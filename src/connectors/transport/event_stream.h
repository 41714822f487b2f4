// connectors/transport/event_stream.h: what streaming providers send, piece by piece: server-sent events (OpenAI style)
// and AWS's binary event stream (Bedrock ConverseStream). Not thread-safe; one of each stream.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::connectors {

struct StreamChunk {
  std::string content;
  bool last = false;
};

class StreamDecoder {
 public:
  static constexpr std::size_t kMaxEventBytes = 1UL * 1024 * 1024;  // one event; beyond: kTooLarge
  // `interface`: "openai/v1/chat/completions" or "bedrock/converse/claude"; kInvalidArgument "Unsupported llm
  // interface: <x>".
  static Result<std::unique_ptr<StreamDecoder>> Make(std::string_view interface);
  virtual ~StreamDecoder() = default;
  // Calls `chunk` for each that is complete, in order; a text may arrive in any pieces. kUpstream: broken framing, or
  // an error event of the provider.
  virtual Status Feed(std::string_view piece, const std::function<Status(const StreamChunk&)>& chunk) = 0;
};

}  // namespace mlnode::connectors
