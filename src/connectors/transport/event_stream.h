// connectors/transport/event_stream.h: what streaming providers send, piece by piece: server-sent events (OpenAI style)
// and AWS's binary event stream (Bedrock ConverseStream). Not thread-safe; one of each stream.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connectors/transport/usage.h"
#include "core/result.h"

namespace mlnode::connectors {

// A piece of generated text; of a tool call, the provider's delta as JSON text. The last one is empty.
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
  // Calls `chunk` for each that is complete, in order; a text may arrive in any pieces. After the last chunk nothing
  // more comes. kUpstream: broken framing, or an error event of the provider; what `chunk` answers otherwise.
  using Sink = std::function<Status(const StreamChunk&)>;
  virtual Status Feed(std::string_view piece, const Sink& chunk) = 0;
  // The body is over. Gives the last chunk when the provider did not say that it was the last; kUpstream when an event
  // is incomplete.
  virtual Status End(const Sink& chunk) = 0;
  // What the provider has said so far about what it counted.
  virtual Usage usage() const = 0;
};

}  // namespace mlnode::connectors
