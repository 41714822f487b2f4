#include "connectors/transport/sse_decoder.h"

#include <fmt/format.h>

namespace mlnode::connectors {

Status SseDecoder::Feed(std::string_view piece, const std::function<Status(std::string_view data)>& event) {
  while (!piece.empty()) {
    if (std::exchange(after_return_, false) && piece.front() == '\n') {
      piece.remove_prefix(1);
      continue;
    }
    const auto end = piece.find_first_of("\r\n");
    line_ += piece.substr(0, end);
    if (line_.size() + data_.size() > max_event_bytes_) {
      return MakeError(Code::kTooLarge,
                       fmt::format("an event of the remote server's stream is larger than {} bytes", max_event_bytes_));
    }
    if (end == std::string_view::npos) return {};
    after_return_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    const std::string line = std::exchange(line_, {});
    RETURN_IF_ERROR(TakeLine(line, event));
  }
  return {};
}

Status SseDecoder::TakeLine(std::string_view line, const std::function<Status(std::string_view data)>& event) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";  // a byte order mark may begin the stream
  if (line.starts_with(kMark)) line.remove_prefix(kMark.size());
  if (line.empty()) {
    if (!std::exchange(has_data_, false)) return {};
    const std::string data = std::exchange(data_, {});
    return event(data);
  }
  const auto colon = line.find(':');
  if (line.substr(0, colon) != "data") return {};
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
  return {};
}

}  // namespace mlnode::connectors
