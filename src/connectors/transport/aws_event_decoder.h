// connectors/transport/aws_event_decoder.h: AWS's binary event stream (application/vnd.amazon.eventstream) out of bytes
// that come in pieces. Each message: total length and header length (32 bits, big-endian), CRC-32 of these eight bytes,
// headers, payload, CRC-32 of all before (docs.aws.amazon.com, Amazon Transcribe, "Event stream encoding"). Not
// thread-safe; one of each stream.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::connectors {

struct AwsEvent {
  std::string message_type;  // "event", "exception", "error"
  std::string type;          // of the event or exception: "contentBlockDelta", "throttlingException", ...
  std::string error_message;
  std::string_view payload;
};

class AwsEventDecoder {
 public:
  explicit AwsEventDecoder(std::size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}
  // Calls `event` for each message that `piece` completes. kUpstream: a checksum or a length that is wrong; kTooLarge;
  // else what `event` answers. After an error the stream cannot be read on.
  Status Feed(std::string_view piece, const std::function<Status(const AwsEvent& event)>& event);
  bool Idle() const { return buffer_.empty(); }  // between two messages

 private:
  const std::size_t max_message_bytes_;
  std::string buffer_;
};

// One message with string headers, as a server sends it. For test doubles.
std::string EncodeAwsEvent(std::string_view message_type, std::string_view type, std::string_view payload);

}  // namespace mlnode::connectors
