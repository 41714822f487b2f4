// connectors/transport/sse_decoder.h: server-sent events (WHATWG HTML, "Server-sent events") out of a text that comes
// in pieces: the data of each event. Not thread-safe; one of each stream.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::connectors {

class SseDecoder {
 public:
  explicit SseDecoder(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}
  // Calls `event` with the data of each event that `piece` completes, its lines joined with '\n'. Other fields and
  // comments are skipped. kTooLarge: a line or an event beyond the limit; else what `event` answers.
  Status Feed(std::string_view piece, const std::function<Status(std::string_view data)>& event);

 private:
  Status TakeLine(std::string_view line, const std::function<Status(std::string_view data)>& event);

  const std::size_t max_event_bytes_;
  std::string line_;  // begun and not ended
  std::string data_;
  bool has_data_ = false;
  bool after_return_ = false;  // a '\n' that follows a '\r' ends no line of its own
};

}  // namespace mlnode::connectors
