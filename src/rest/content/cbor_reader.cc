#include "rest/content/cbor_reader.h"

#include <bit>
#include <cstdint>
#include <limits>

#include "core/log.h"
#include "core/tensor.h"
#include "rest/content/json_text.h"

namespace mlnode::rest {
namespace {

// RFC 8949 §3.1.
enum class Major : std::uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };
constexpr std::uint8_t kIndefinite = 31;
constexpr std::uint8_t kBreak = 0xff;

// The first byte of an item and the number that belongs to it.
struct Head {
  Major major = Major::kUnsigned;
  std::uint8_t info = 0;  // the low five bits
  std::uint64_t number = 0;
  std::size_t at = 0;  // where it begins

  bool indefinite() const { return info == kIndefinite; }
};

// Recursive descent; JsonText bounds the depth.
class Reader {
 public:
  Reader(std::string_view cbor, std::size_t max_bytes) : cbor_(cbor), json_(max_bytes) {}

  Result<std::string> Document() {
    RETURN_IF_ERROR(Item());
    if (at_ != cbor_.size()) return Refused(fmt::format("{} bytes after the value", cbor_.size() - at_), at_);
    return std::move(json_).Take();
  }

 private:
  static Error Place(Error error, std::size_t at) {
    if (error.code == Code::kTooLarge) return error;
    error.message = fmt::format("CBOR body: {} at byte {}", error.message, at);
    return error;
  }
  static Error Refused(std::string what, std::size_t at) {
    Error error = MakeError(Code::kInvalidArgument, std::move(what));
    error.reason = "json_parse_exception";
    return Place(std::move(error), at);
  }
  Error EndsEarly(std::string_view within) const {
    Error error = MakeError(Code::kInvalidArgument, fmt::format("Unexpected end-of-input in {}", within));
    error.reason = "json_e_o_f_exception";
    return Place(std::move(error), cbor_.size());
  }
  static Status At(std::size_t at, Status status) {
    if (status) return {};
    return Place(std::move(status).error(), at);
  }

  Result<Head> ReadHead(std::string_view within) {
    if (at_ >= cbor_.size()) return EndsEarly(within);
    Head head;
    head.at = at_;
    const auto first = static_cast<std::uint8_t>(cbor_[at_++]);
    head.major = static_cast<Major>(first >> 5U);
    head.info = first & 0x1fU;
    head.number = head.info;
    if (head.info < 24) return head;
    if (head.info < 28) {
      const std::size_t bytes = 1UL << (head.info - 24U);
      if (cbor_.size() - at_ < bytes) return EndsEarly(within);
      head.number = 0;
      for (std::size_t i = 0; i < bytes; ++i) {
        head.number = head.number << 8U | static_cast<std::uint8_t>(cbor_[at_++]);
      }
      return head;
    }
    const bool may_be_indefinite = head.major >= Major::kBytes && head.major <= Major::kMap;
    if (head.info == kIndefinite && may_be_indefinite) return head;
    return Refused(fmt::format("the byte 0x{:02x}, which begins no value,", first), head.at);
  }

  // Takes the end of an indefinite item, if it is next.
  bool TakeBreak() {
    if (at_ >= cbor_.size() || static_cast<std::uint8_t>(cbor_[at_]) != kBreak) return false;
    ++at_;
    return true;
  }

  Status Item() {
    ASSIGN_OR_RETURN(const Head head, ReadHead("a value"));
    switch (head.major) {
      case Major::kUnsigned:
        return At(head.at, json_.Literal(std::to_string(head.number)));
      case Major::kNegative:
        return At(head.at, json_.Literal(Negative(head.number)));
      case Major::kBytes:
        return Refused("a byte string", head.at);
      case Major::kText:
        return String(head);
      case Major::kArray:
        return Array(head);
      case Major::kMap:
        return Map(head);
      case Major::kTag:
        return Refused(fmt::format("tag {}", head.number), head.at);
      case Major::kSimple:
        break;
    }
    return Simple(head);
  }

  // -1 - number, which may be one below what 64 bits hold.
  static std::string Negative(std::uint64_t number) {
    const bool lowest = number == std::numeric_limits<std::uint64_t>::max();
    return "-" + (lowest ? "18446744073709551616" : std::to_string(number + 1));
  }

  Status Simple(const Head& head) {
    switch (head.info) {
      case 20:
        return At(head.at, json_.Literal("false"));
      case 21:
        return At(head.at, json_.Literal("true"));
      case 22:
        return At(head.at, json_.Literal("null"));
      case 25:
        return At(head.at, json_.Float(HalfToFloat(static_cast<std::uint16_t>(head.number))));
      case 26:
        return At(head.at, json_.Float(std::bit_cast<float>(static_cast<std::uint32_t>(head.number))));
      case 27:
        return At(head.at, json_.Double(std::bit_cast<double>(head.number)));
      default:
        return Refused(fmt::format("simple value {}", head.number), head.at);
    }
  }

  // Of a string, or of one part of it.
  Result<std::string_view> Bytes(const Head& head) {
    if (cbor_.size() - at_ < head.number) return EndsEarly("a string");
    const std::string_view bytes = cbor_.substr(at_, head.number);
    at_ += head.number;
    return bytes;
  }
  // The text of a string; `parts` owns it where it came in parts.
  Result<std::string_view> Text(const Head& head, std::string& parts) {
    if (!head.indefinite()) return Bytes(head);
    while (!TakeBreak()) {
      ASSIGN_OR_RETURN(const Head part, ReadHead("a string"));
      if (part.major != Major::kText || part.indefinite()) return Refused("no text as part of a string", part.at);
      ASSIGN_OR_RETURN(const std::string_view bytes, Bytes(part));
      parts.append(bytes);
    }
    return std::string_view(parts);
  }
  Status String(const Head& head) {
    std::string parts;
    ASSIGN_OR_RETURN(const std::string_view text, Text(head, parts));
    return At(head.at, json_.String(text));
  }

  Status Array(const Head& head) {
    RETURN_IF_ERROR(At(head.at, json_.BeginArray()));
    for (std::uint64_t i = 0; head.indefinite() ? !TakeBreak() : i < head.number; ++i) RETURN_IF_ERROR(Item());
    json_.End();
    return {};
  }
  Status Map(const Head& head) {
    RETURN_IF_ERROR(At(head.at, json_.BeginObject()));
    for (std::uint64_t i = 0; head.indefinite() ? !TakeBreak() : i < head.number; ++i) {
      ASSIGN_OR_RETURN(const Head key, ReadHead("a map"));
      if (key.major != Major::kText) return Refused("a key that is no text", key.at);
      std::string parts;
      ASSIGN_OR_RETURN(const std::string_view name, Text(key, parts));
      RETURN_IF_ERROR(At(key.at, json_.Key(name)));
      RETURN_IF_ERROR(Item());
    }
    json_.End();
    return {};
  }

  std::string_view cbor_;
  std::size_t at_ = 0;
  JsonText json_;
};

}  // namespace

Result<std::string> CborToJson(std::string_view cbor, std::size_t max_bytes) {
  return Reader(cbor, max_bytes).Document();
}

}  // namespace mlnode::rest
