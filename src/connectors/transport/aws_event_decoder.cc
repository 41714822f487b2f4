#include "connectors/transport/aws_event_decoder.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace mlnode::connectors {
namespace {

constexpr std::size_t kPreludeBytes = 12;  // two lengths and their checksum
constexpr std::size_t kChecksumBytes = 4;
constexpr std::uint8_t kString = 7;

Error Broken(std::string_view what) {
  return MakeError(Code::kUpstream, fmt::format("the event stream of the remote server is broken: {}", what));
}

std::uint32_t Number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8U | static_cast<std::uint8_t>(bytes[at + i]);
  return number;
}

std::uint32_t Crc(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// Bytes of a header's value, its own length field included; nullopt: no such type, or cut short.
std::optional<std::size_t> ValueBytes(std::uint8_t type, std::string_view rest) {
  constexpr std::size_t kFixed[] = {0, 0, 1, 2, 4, 8};  // true, false, byte, short, integer, long
  if (type < std::size(kFixed)) return kFixed[type];
  if (type == 8) return 8;   // time
  if (type == 9) return 16;  // UUID
  if (type != 6 && type != kString) return std::nullopt;
  if (rest.size() < 2) return std::nullopt;
  return 2 + Number(rest, 0, 2);
}

void TakeHeader(std::string_view name, std::string_view value, AwsEvent& event) {
  if (name == ":message-type") event.message_type = value;
  if (name == ":event-type" || name == ":exception-type" || name == ":error-code") event.type = value;
  if (name == ":error-message") event.error_message = value;
}

Status ReadHeaders(std::string_view headers, AwsEvent& event) {
  while (!headers.empty()) {
    const auto name_bytes = static_cast<std::uint8_t>(headers.front());
    if (headers.size() < std::size_t{2} + name_bytes) return Broken("a header is cut short");
    const auto name = headers.substr(1, name_bytes);
    const auto type = static_cast<std::uint8_t>(headers[std::size_t{1} + name_bytes]);
    headers.remove_prefix(std::size_t{2} + name_bytes);
    const auto size = ValueBytes(type, headers);
    if (!size || *size > headers.size()) return Broken("a header's value is cut short, or of no known type");
    if (type == kString) TakeHeader(name, headers.substr(2, *size - 2), event);
    headers.remove_prefix(*size);
  }
  return {};
}

Status ReadMessage(std::string_view message, const std::function<Status(const AwsEvent& event)>& event) {
  const std::size_t checked = message.size() - kChecksumBytes;
  if (Crc(message.substr(0, checked)) != Number(message, checked, 4)) return Broken("a message's checksum is wrong");
  const std::size_t header_bytes = Number(message, 4, 4);
  AwsEvent read;
  RETURN_IF_ERROR(ReadHeaders(message.substr(kPreludeBytes, header_bytes), read));
  read.payload = message.substr(kPreludeBytes + header_bytes, checked - kPreludeBytes - header_bytes);
  return event(read);
}

void AppendNumber(std::string& out, std::size_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>((number >> (8U * static_cast<unsigned>(i))) & 0xFFU);
}

void AppendStringHeader(std::string& out, std::string_view name, std::string_view value) {
  AppendNumber(out, name.size(), 1);
  out += name;
  AppendNumber(out, kString, 1);
  AppendNumber(out, value.size(), 2);
  out += value;
}

}  // namespace

Status AwsEventDecoder::Feed(std::string_view piece, const std::function<Status(const AwsEvent& event)>& event) {
  buffer_ += piece;
  std::string_view rest = buffer_;
  while (rest.size() >= kPreludeBytes) {
    if (Crc(rest.substr(0, 8)) != Number(rest, 8, 4)) return Broken("a prelude's checksum is wrong");
    const std::size_t total = Number(rest, 0, 4);
    const std::size_t header_bytes = Number(rest, 4, 4);
    if (total > max_message_bytes_) {
      return MakeError(Code::kTooLarge, fmt::format("an event of the remote server's stream is larger than {} bytes",
                                                    max_message_bytes_));
    }
    if (total < kPreludeBytes + kChecksumBytes || header_bytes > total - kPreludeBytes - kChecksumBytes) {
      return Broken("a message's lengths contradict each other");
    }
    if (rest.size() < total) break;
    RETURN_IF_ERROR(ReadMessage(rest.substr(0, total), event));
    rest.remove_prefix(total);
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return {};
}

std::string EncodeAwsEvent(std::string_view message_type, std::string_view type, std::string_view payload) {
  std::string headers;
  AppendStringHeader(headers, message_type == "exception" ? ":exception-type" : ":event-type", type);
  AppendStringHeader(headers, ":content-type", "application/json");
  AppendStringHeader(headers, ":message-type", message_type);
  std::string message;
  AppendNumber(message, kPreludeBytes + headers.size() + payload.size() + kChecksumBytes, 4);
  AppendNumber(message, headers.size(), 4);
  AppendNumber(message, Crc(message), 4);
  message += headers;
  message += payload;
  AppendNumber(message, Crc(message), 4);
  return message;
}

}  // namespace mlnode::connectors
